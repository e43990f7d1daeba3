"""Frozen dataclasses of the domain as JSON and back, for what waits in the outbox."""

from collections.abc import Iterable, Mapping
from dataclasses import Field, fields, is_dataclass
from datetime import datetime
from enum import Enum
from types import UnionType
from typing import TypeVar, Union, cast, get_args, get_origin, get_type_hints
from uuid import UUID

from aumos_agent_framework.core.types import JsonValue

T = TypeVar("T")


def to_json(value: object) -> JsonValue:
    """Return the value as JSON: ids and times as text, enums by value, tuples as lists."""
    if isinstance(value, Enum):
        return value.value
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: to_json(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, Mapping):
        return {str(key): to_json(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [to_json(inner) for inner in value]
    if isinstance(value, UUID):
        return str(value)
    return value.isoformat() if isinstance(value, datetime) else value


def from_json(kind: type[T], value: JsonValue) -> T:
    """Return the dataclass that ``to_json`` made the value of.

    A field that is missing takes its default and one that is unknown is left out, so that a message written by the
    release before or after this one can be read.

    Raises:
        ValueError, TypeError, KeyError: the value was not made of such a dataclass.
    """
    return cast("T", _parse(kind, value))


def _parse(kind: object, value: JsonValue) -> object:
    kind = getattr(kind, "__supertype__", kind)  # a NewType is its base at run time
    if get_origin(kind) is not None:
        return _parse_generic(get_origin(kind), get_args(kind), value)
    if not isinstance(kind, type):
        raise TypeError(f"{kind!r} is no type.")
    if is_dataclass(kind):
        hints = get_type_hints(kind)
        return kind(**{field.name: _parse(hints[field.name], value[field.name]) for field in _given(kind, value)})
    if issubclass(kind, datetime):
        return datetime.fromisoformat(value)
    return kind(value) if issubclass(kind, Enum | UUID) else value


def _parse_generic(origin: object, arguments: tuple[object, ...], value: JsonValue) -> object:
    if origin in (Union, UnionType):
        return None if value is None else _parse(next(one for one in arguments if one is not type(None)), value)
    if origin is tuple:
        return tuple(_parse(arguments[0], inner) for inner in value)
    return {key: _parse(arguments[1], inner) for key, inner in value.items()}


def _given(kind: type, value: JsonValue) -> Iterable[Field[object]]:
    if not isinstance(value, Mapping):
        raise TypeError(f"{kind.__name__} is written as an object.")
    return (field for field in fields(kind) if field.name in value)
