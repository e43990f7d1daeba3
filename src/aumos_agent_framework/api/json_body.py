"""Reading a JSON body: stricter than the parsers, so that nothing later in the way of a run trips over it.

Refused are what JSON does not know (NaN, Infinity), what the rest of the world cannot carry (numbers beyond 64 bit,
text that UTF-8 or PostgreSQL cannot hold) and nesting without measure.
"""

import json
import math
from collections.abc import Iterator
from email.message import Message
from itertools import islice
from typing import Any, NoReturn

import orjson
from starlette.requests import Request

from aumos_agent_framework.api.pointers import body_pointer
from aumos_agent_framework.api.problems import MAX_ERRORS
from aumos_agent_framework.core.errors import InvalidInputError, Problem
from aumos_agent_framework.core.types import JsonValue

MAX_DEPTH = 100
"""Levels of objects and lists. Serialisers give up near 250, and answers wrap what came in."""

_CONTAINERS = (dict, list)
_INT64 = range(-(2**63), 2**63)
_NUL_ESCAPED = b"\\u0000"


class JsonRequest(Request):
    """A request whose body is parsed by this module's rules, once, before the framework asks for it."""

    _document: JsonValue = None

    async def load(self) -> None:
        """Read the body and parse it. An empty body is left to the schema.

        Raises:
            InvalidInputError: ``unsupported_media_type``, ``malformed_json``, ``input_too_large`` or a fault with the
                pointer to its place.
        """
        body = await self.body()
        if body:
            _require_json(self.headers.get("content-type"))
            self._document = parse(body)

    async def json(self) -> JsonValue:
        """Return the parsed body, ``None`` for an empty one."""
        return self._document


def parse(body: bytes) -> JsonValue:
    """Parse a JSON document.

    Raises:
        InvalidInputError: ``malformed_json`` for what is no JSON or is nested too deep, ``invalid_input`` with
            pointers for values that cannot be kept.
    """
    document = _decode(body)
    if _deeper_than(MAX_DEPTH, document):
        raise _malformed(f"the body is nested deeper than {MAX_DEPTH} levels")
    if _suspicious(document) and (problems := list(islice(_faults(document), MAX_ERRORS))):
        message = "The body holds values that cannot be kept."
        raise InvalidInputError(message, problems)
    return document


def _require_json(content_type: str | None) -> None:
    header = Message()
    header["content-type"] = content_type or "absent/absent"
    subtype = header.get_content_subtype()
    if header.get_content_maintype() != "application" or not (subtype == "json" or subtype.endswith("+json")):
        message = "Send the body as application/json."
        raise InvalidInputError(message, (), code="unsupported_media_type")


def _decode(body: bytes) -> JsonValue:
    try:
        return json.loads(body.decode(), parse_constant=_refuse_constant, parse_float=_finite)
    except UnicodeDecodeError as error:
        raise _malformed(f"byte {error.start} is not UTF-8") from error
    except json.JSONDecodeError as error:
        raise _malformed(f"{error.msg} at line {error.lineno}, column {error.colno}") from error
    except RecursionError as error:
        raise _malformed(f"the body is nested deeper than {MAX_DEPTH} levels") from error
    except ValueError as error:  # Python refuses to read integers of several thousand digits
        message = "The body holds a number beyond 64 bit."
        raise InvalidInputError(message, [Problem("", message, "number_out_of_range")]) from error


def _refuse_constant(name: str) -> NoReturn:
    raise _malformed(f"{name} is not JSON")


def _finite(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise _malformed(f"a number such as {text[:20]} has no finite value")
    return number


def _malformed(reason: str) -> InvalidInputError:
    return InvalidInputError(f"The body cannot be read as JSON: {reason}.", (), code="malformed_json")


def _deeper_than(limit: int, document: JsonValue) -> bool:
    level: list[Any] = [document] if isinstance(document, _CONTAINERS) else []
    for _ in range(limit):
        level = [
            child
            for node in level
            for child in (node.values() if isinstance(node, dict) else node)
            if isinstance(child, _CONTAINERS)
        ]
        if not level:
            return False
    return True


def _suspicious(document: JsonValue) -> bool:
    """Whether a slow look for faults is worth it: the serialiser sees what may be one in a fraction of the time."""
    try:
        return _NUL_ESCAPED in orjson.dumps(document, option=orjson.OPT_STRICT_INTEGER)
    except TypeError:
        return True


def _faults(value: JsonValue, path: tuple[str | int, ...] = ()) -> Iterator[Problem]:
    """Walk the document; recursion is bounded by ``MAX_DEPTH``."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield from _text_faults(key, (*path, key), "name")
            yield from _faults(item, (*path, key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _faults(item, (*path, index))
    elif isinstance(value, str):
        yield from _text_faults(value, path, "text")
    elif isinstance(value, int) and value not in _INT64:
        yield Problem(body_pointer(path), "The number is beyond 64 bit.", "number_out_of_range")


def _text_faults(text: str, path: tuple[str | int, ...], what: str) -> Iterator[Problem]:
    if "\x00" in text:
        yield Problem(body_pointer(path), f"The {what} holds a NUL character.", "nul_character")
    if not text.isascii() and any("\ud800" <= character <= "\udfff" for character in text):
        yield Problem(body_pointer(path), f"The {what} holds half of a surrogate pair.", "lone_surrogate")
