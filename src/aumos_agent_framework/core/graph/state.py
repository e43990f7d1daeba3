"""The state's channels: how a write joins what is there, and whether a value may be written at all."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, cast

from aumos_agent_framework.core.errors import AgfError
from aumos_agent_framework.core.graph.json_schema import violations
from aumos_agent_framework.core.graph.schema import REDUCERS, Reducer
from aumos_agent_framework.core.types import JsonMapping, JsonObject, JsonValue

REDUCER_KEYWORD = "x-reducer"


class StateError(AgfError):
    """A node wrote what the state cannot take (``state_invalid``)."""

    def __init__(self, key: str, message: str) -> None:
        super().__init__("state_invalid", f"state.{key}: {message}")


@dataclass(frozen=True, slots=True)
class Channel:
    """One state property: its reducer and its JSON Schema."""

    key: str
    reducer: Reducer
    schema: JsonMapping

    @property
    def empty(self) -> JsonValue:
        """The value before the first write; ``None`` where the property is absent until then."""
        return {"append": [], "extend": [], "union": [], "merge": {}}.get(self.reducer)

    def check(self, value: JsonValue) -> None:
        """Check one write before it joins.

        Raises:
            StateError: the value fits neither the reducer nor the property's schema.
        """
        if self.reducer in {"extend", "union"} and not isinstance(value, list):
            raise StateError(self.key, f"the reducer {self.reducer} takes a list, not {_kind(value)}.")
        if self.reducer == "merge" and not isinstance(value, dict):
            raise StateError(self.key, f"the reducer merge takes an object, not {_kind(value)}.")
        if self.reducer in {"add", "max", "min"} and (isinstance(value, bool) or not isinstance(value, int | float)):
            raise StateError(self.key, f"the reducer {self.reducer} takes a number, not {_kind(value)}.")
        self._check_schema(value)

    def _check_schema(self, value: JsonValue) -> None:
        schema: Any = self.schema
        if self.reducer == "append":
            schema = self.schema.get("items", True)
        elif self.reducer == "merge":
            schema = {key: item for key, item in self.schema.items() if key != "required"}
        if schema in (True, {}):
            return
        for pointer, message in violations(schema, value):
            raise StateError(self.key + pointer.replace("/", "."), message)


def channels(state_schema: JsonMapping, written: frozenset[str]) -> dict[str, Channel]:
    """Return a channel for every declared property and, with the reducer ``replace``, every other key written."""
    properties = state_schema.get("properties", {})
    declared = {key: Channel(key, reducer_of(schema), schema) for key, schema in properties.items()}
    others = {key: Channel(key, "replace", {}) for key in sorted(written - declared.keys())}
    return declared | others


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
        elif "default" in channel.schema:
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


_FUNCTIONS: Mapping[Reducer, Callable[[Any, Any], Any]] = {
    "replace": lambda _old, new: new,
    "extend": lambda old, new: [*old, *new],
    "append": lambda old, new: [*old, new],
    "merge": lambda old, new: {**old, **new},
    "add": lambda old, new: old + new,
    "max": max,
    "min": min,
    "union": _union,
}


def _kind(value: JsonValue) -> str:
    names = {dict: "an object", list: "a list", str: "a string", bool: "true or false", type(None): "null"}
    return names.get(type(value), "a number")
