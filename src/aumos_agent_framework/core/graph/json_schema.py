"""JSON Schema, draft 2020-12: is a schema one, and does a value fit it."""

from collections.abc import Mapping
from functools import lru_cache
from typing import TypeAlias

import jsonschema_rs
import orjson

from aumos_agent_framework.core.graph.expressions import escape_pointer
from aumos_agent_framework.core.types import JsonMapping, JsonValue

JsonSchema: TypeAlias = JsonMapping | bool

_MAX_VIOLATIONS = 20
_MAX_MESSAGE = 300


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
    found: list[tuple[str, str]] = []
    for error in _validator(_dump(schema)).iter_errors(instance):
        pointer = "".join(f"/{escape_pointer(str(part))}" for part in error.instance_path)
        found.append((pointer, _shorten(error.message)))
        if len(found) == _MAX_VIOLATIONS:
            break
    return found


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
