"""The state's channels: how a write joins what is there, and whether a value may be written at all."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, cast
from urllib.parse import quote

import orjson

from aumos_agent_framework.core.errors import AgfError
from aumos_agent_framework.core.graph.expressions import escape_pointer
from aumos_agent_framework.core.graph.json_schema import JsonSchema, violations
from aumos_agent_framework.core.graph.schema import REDUCERS, Reducer
from aumos_agent_framework.core.types import JsonMapping, JsonObject, JsonValue

REDUCER_KEYWORD = "x-reducer"
MAX_STATE_BYTES = 1_000_000
_REFERENCES = frozenset({"$ref", "$dynamicRef"})
_STATE_ID = "urn:aumos:agf:state"


class StateError(AgfError):
    """A node wrote what the state cannot take (``state_invalid``)."""

    def __init__(self, key: str, message: str) -> None:
        super().__init__("state_invalid", f"state.{key}: {message}")


@dataclass(frozen=True, slots=True)
class Channel:
    """One state property: its reducer, its JSON Schema, and the schema that one write must fit."""

    key: str
    reducer: Reducer
    schema: JsonSchema = True
    write_schema: JsonSchema = True

    @property
    def empty(self) -> JsonValue:
        """The value before the first write; ``None`` where the property is absent until then."""
        return {"append": [], "extend": [], "union": [], "merge": {}}.get(self.reducer)

    def check(self, value: JsonValue) -> None:
        """Check one write before it joins.

        Raises:
            StateError: the value fits neither the reducer nor the property's schema.
        """
        wanted = _WRITTEN.get(self.reducer)
        if wanted is not None and _kind(value) != wanted:
            raise StateError(self.key, f"the reducer {self.reducer} takes {wanted}, not {_kind(value)}.")
        if self.write_schema in (True, {}):
            return
        for pointer, message in violations(self.write_schema, value):
            raise StateError(self.key + pointer.replace("/", "."), message)


def channels(state_schema: JsonMapping, written: frozenset[str]) -> dict[str, Channel]:
    """Return a channel for every declared property and, with the reducer ``replace``, every other key written."""
    properties = state_schema.get("properties", {})
    declared = {
        key: Channel(key, reducer_of(schema), schema, _write_schema(state_schema, key))
        for key, schema in properties.items()
    }
    others = {key: Channel(key, "replace") for key in sorted(written - declared.keys())}
    return declared | others


def check_size(state: JsonObject) -> None:
    """Check that a state stays below ``MAX_STATE_BYTES``: a loop that doubles a value must not fill the memory.

    Raises:
        AgfError: ``state_too_large``, or ``state_invalid`` for what is no JSON (nested beyond 250 levels, say).
    """
    try:
        size = len(orjson.dumps(state))
    except orjson.JSONEncodeError as fault:
        raise AgfError("state_invalid", f"The state is no JSON: {fault}.") from fault
    if size > MAX_STATE_BYTES:
        raise AgfError("state_too_large", f"The state would take {size} bytes; at most {MAX_STATE_BYTES} are kept.")


def first_value_fault(schema: object, value: JsonValue) -> str | None:
    """Say why a property's reducer cannot start from a value, which comes from the input or is the default."""
    reducer = reducer_of(schema)
    wanted = _KEPT.get(reducer)
    if wanted is None or _kind(value) == wanted:
        return None
    return f"The reducer {reducer} starts from {wanted}, not {_kind(value)}"


def reducer_of(schema: object) -> Reducer:
    """Return a property's reducer. A schema that is not an object (``true``) has the default.

    Raises:
        ValueError: ``x-reducer`` names none.
    """
    name = schema.get(REDUCER_KEYWORD, "replace") if isinstance(schema, Mapping) else "replace"
    if name not in REDUCERS:
        msg = f"{name!r} is no reducer; there are {', '.join(REDUCERS)}"
        raise ValueError(msg)
    return cast("Reducer", name)


def initial_state(channels_: Mapping[str, Channel], input_data: JsonObject) -> JsonObject:
    """Return the state that a run starts with: the input's values, then defaults, then what reducers start from."""
    state: JsonObject = {}
    for key, channel in channels_.items():
        if key in input_data:
            state[key] = input_data[key]
        elif isinstance(channel.schema, Mapping) and "default" in channel.schema:
            state[key] = channel.schema["default"]
        elif channel.empty is not None:
            state[key] = channel.empty
    return state


def reducer_function(name: Reducer) -> Callable[[Any, Any], Any]:
    """Return the function that joins a write with what is there (both checked before)."""
    return _FUNCTIONS[name]


def _union(old: list[JsonValue], new: list[JsonValue]) -> list[JsonValue]:
    joined = list(old)
    joined.extend(item for index, item in enumerate(new) if item not in old and item not in new[:index])
    return joined


def _larger(old: float, new: float) -> float:
    return max(old, new)  # a function of two: the graph engine asks for its signature, which a builtin has not


def _smaller(old: float, new: float) -> float:
    return min(old, new)


_FUNCTIONS: Mapping[Reducer, Callable[[Any, Any], Any]] = {
    "replace": lambda _old, new: new,
    "extend": lambda old, new: [*old, *new],
    "append": lambda old, new: [*old, new],
    "merge": lambda old, new: {**old, **new},
    "add": lambda old, new: old + new,
    "max": _larger,
    "min": _smaller,
    "union": _union,
}


_LIST, _OBJECT, _NUMBER = "a list", "an object", "a number"
_WRITTEN: Mapping[Reducer, str] = {
    "extend": _LIST,
    "union": _LIST,
    "merge": _OBJECT,
    "add": _NUMBER,
    "max": _NUMBER,
    "min": _NUMBER,
}
"""What a reducer takes; the others take anything."""
_KEPT: Mapping[Reducer, str] = {**_WRITTEN, "append": _LIST}
"""What a reducer keeps."""


def _kind(value: JsonValue) -> str:
    names = {dict: _OBJECT, list: _LIST, str: "a string", bool: "true or false", type(None): "null"}
    return names.get(type(value), _NUMBER)


def _write_schema(state_schema: JsonMapping, key: str) -> JsonSchema:
    """Return what one write must fit: an item for ``append``, a part of the object for ``merge``, else all of it."""
    schema = state_schema["properties"][key]
    reducer = reducer_of(schema)
    if reducer == "append":
        return _standing_alone(state_schema, key, schema, "items")
    if reducer == "merge":
        schema = {keyword: value for keyword, value in schema.items() if keyword != "required"}
    return _standing_alone(state_schema, key, schema)


def _standing_alone(state_schema: JsonMapping, key: str, schema: JsonSchema, *part: str) -> JsonSchema:
    """Return a property's schema, or a part of it, such that its references still find the rest of the state's."""
    alone: Any = schema
    for keyword in part:
        alone = alone.get(keyword, True)
    if not _refers(alone):
        return cast("JsonSchema", alone)
    base = state_schema.get("$id", _STATE_ID)
    place = "/".join(("properties", quote(escape_pointer(key)), *part))
    whole = {**state_schema, "$id": base, "properties": {**state_schema["properties"], key: schema}}
    return {"$ref": f"{base}#/{place}", "$defs": {"state": whole}}


def _refers(schema: object) -> bool:
    if isinstance(schema, Mapping):
        return not schema.keys().isdisjoint(_REFERENCES) or any(_refers(item) for item in schema.values())
    return isinstance(schema, list) and any(_refers(item) for item in schema)
