"""Where in a request something is wrong.

A fault of the body has an RFC 6901 pointer into it (``/graph_definition/nodes/x/type``). Other places are written so
that they cannot be mistaken for one: ``?page`` is a query parameter, ``{workflow_id}`` a part of the path,
``Idempotency-Key:`` a header.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from aumos_agent_framework.core.errors import Problem

NOTATION = (
    "Where it is wrong: an RFC 6901 pointer into the body (empty for the body as a whole), `?name` for a query "
    "parameter, `{name}` for a part of the path, `Name:` for a header."
)
_KEY_MARK = "[key]"  # Pydantic's way to say that a mapping's key is meant, not its value


def to_problem(fault: Mapping[str, Any]) -> Problem:
    """Turn one of Pydantic's errors into ours. What the client sent is not repeated."""
    return Problem(pointer=_pointer(fault["loc"]), message=_sentence(fault["msg"]), code=fault["type"])


def body_pointer(path: Sequence[str | int]) -> str:
    """Return the RFC 6901 pointer of a path of keys and indexes."""
    return "".join(f"/{_escape(str(segment))}" for segment in path)


def _pointer(location: Sequence[str | int]) -> str:
    place, *path = location
    if place == "body":
        return body_pointer([segment for segment in path if segment != _KEY_MARK])
    name = ".".join(str(segment) for segment in path)
    if place == "query":
        return f"?{name}"
    return f"{{{name}}}" if place == "path" else f"{name}:"


def _escape(segment: str) -> str:
    printable = segment.encode("utf-8", "backslashreplace").decode()
    return printable.replace("~", "~0").replace("/", "~1")


def _sentence(message: str) -> str:
    return message.removeprefix("Value error, ")
