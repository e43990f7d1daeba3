"""JSON Schema, draft 2020-12: is a schema one, and does a value fit it."""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from itertools import islice
from typing import TypeAlias

import jsonschema_rs
import orjson

from aumos_agent_framework.core.graph.expressions import escape_pointer
from aumos_agent_framework.core.types import JsonMapping, JsonValue

JsonSchema: TypeAlias = JsonMapping | bool

_MAX_VIOLATIONS = 20
_MAX_MESSAGE = 300
_SHAPE = frozenset(
    {
        "type",
        "required",
        "dependentRequired",
        "additionalProperties",
        "minProperties",
        "maxProperties",
        "minItems",
        "maxItems",
    }
)
_ALTERNATIVES = frozenset({"anyOf", "oneOf", "not", "if", "then", "else", "dependentSchemas", "contains"})


def check_schema(schema: JsonSchema) -> None:
    """Check that a schema is valid and refers to nothing outside itself.

    Raises:
        ValueError: with the reason, fit for people.
    """
    _validator(_dump(schema))


def violations(schema: JsonSchema, instance: JsonValue) -> list[tuple[str, str]]:
    """Return up to 20 misfits as (JSON pointer into the instance, message); none means that it fits.

    Raises:
        ValueError: the schema itself is not valid.
    """
    return [(pointer, message) for pointer, message, _ in _misfits(schema, instance)]


def certain_violations(schema: JsonSchema, template: JsonValue, open_places: frozenset[str]) -> list[tuple[str, str]]:
    """Return those misfits of a template that stay, whatever values come to its open places.

    Args:
        schema: what the finished value must fit.
        template: the value so far.
        open_places: JSON pointers of the values that are not known yet.

    Raises:
        ValueError: the schema itself is not valid.
    """
    return [
        (pointer, message)
        for pointer, message, keywords in _misfits(schema, template)
        if pointer not in open_places
        and (_about_shape(keywords) or not any(place.startswith(f"{pointer}/") for place in open_places))
    ]


def _misfits(schema: JsonSchema, instance: JsonValue) -> list[tuple[str, str, tuple[str | int, ...]]]:
    """Return up to 20 misfits as (pointer, message, path to the keyword of the schema that says so)."""
    validator = _validator(_dump(schema))
    try:
        return [
            (_pointer(error.instance_path), _shorten(error.message), tuple(error.schema_path))
            for error in islice(validator.iter_errors(instance), _MAX_VIOLATIONS)
        ]
    except ValueError as error:  # nested too deep, or no JSON at all
        return [("", _shorten(f"The value is no JSON: {error}"), ())]


def _pointer(path: Sequence[str | int]) -> str:
    return "".join(f"/{escape_pointer(str(part))}" for part in path)


def _about_shape(keywords: Sequence[str | int]) -> bool:
    """Whether a misfit of an object or list does not depend on the values in it."""
    return keywords[-1:] != () and keywords[-1] in _SHAPE and _ALTERNATIVES.isdisjoint(keywords)


def _dump(schema: object) -> bytes:
    if not isinstance(schema, Mapping | bool):
        msg = "A JSON Schema is an object, true or false."
        raise ValueError(msg)  # noqa: TRY004 - one kind of error for everything that is wrong with a schema
    try:
        return orjson.dumps(schema)
    except TypeError as error:
        msg = f"The schema is no JSON: {error}"
        raise ValueError(msg) from error


@lru_cache(maxsize=512)
def _validator(schema: bytes) -> jsonschema_rs.Validator:
    """Compile and keep a validator; keyed by the schema's bytes, so equal schemas share one."""
    try:
        return jsonschema_rs.validator_for(
            orjson.loads(schema),
            retriever=_refuse,
            pattern_options=jsonschema_rs.RegexOptions(),  # linear time: a hostile pattern cannot block a worker
        )
    except (ValueError, jsonschema_rs.ReferencingError) as error:
        raise ValueError(_shorten(str(error).splitlines()[0])) from error


def _refuse(uri: str) -> JsonValue:
    msg = f"A schema may not refer to {uri}"
    raise ValueError(msg)


def _shorten(text: str) -> str:
    return text if len(text) <= _MAX_MESSAGE else f"{text[: _MAX_MESSAGE - 1]}…"
