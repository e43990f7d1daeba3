"""The body of every error answer (RFC 9457)."""

from collections.abc import Mapping, Sequence
from typing import Any

import orjson
from starlette.datastructures import State
from starlette.responses import Response
from starlette.types import Scope

from aumos_agent_framework.core.errors import Problem

MEDIA_TYPE = "application/problem+json"
PROBLEM_SCHEMA = "#/components/schemas/Problem"
MAX_ERRORS = 100
"""More places than this in one answer help nobody."""


def problem_type(code: str) -> str:
    """Return the URI that names a kind of problem."""
    return f"urn:aumos:agf:problem:{code}"


def request_id(scope: Scope) -> str:
    """Return the id that the middleware gave this request."""
    return str(State(scope["state"]).request_id)


def problem_response(
    scope: Scope,
    *,
    status: int,
    code: str,
    detail: str,
    errors: Sequence[Problem] = (),
    headers: Mapping[str, str] | None = None,
    extensions: Mapping[str, Any] | None = None,
) -> Response:
    """Build the answer to a request that failed.

    Args:
        scope: the request's ASGI scope; gives ``instance`` and ``request_id``.
        status: HTTP status.
        code: machine-readable and stable; also names the problem's type.
        detail: for people, without internals.
        errors: the places of the input that are wrong; the first ``MAX_ERRORS`` are told.
        headers: further headers.
        extensions: further members of the body.
    """
    body: dict[str, Any] = {
        "type": problem_type(code),
        "title": code.replace("_", " ").capitalize(),
        "status": status,
        "detail": detail,
        "instance": raw_path(scope),
        "code": code,
        "request_id": request_id(scope),
        **(extensions or {}),
    }
    if errors:
        body["errors"] = [_place(error) for error in errors[:MAX_ERRORS]]
    return Response(orjson.dumps(body), status_code=status, media_type=MEDIA_TYPE, headers=dict(headers or {}))


def raw_path(scope: Scope) -> str:
    """Return the path as it was sent: percent-encoded, so that it is safe in logs and bodies."""
    raw: bytes = scope.get("raw_path") or scope["path"].encode("ascii", "backslashreplace")
    return raw.decode("ascii", "backslashreplace")


def _place(problem: Problem) -> dict[str, str]:
    place = {"pointer": problem.pointer, "message": problem.message, "code": problem.code}
    return place if problem.hint is None else place | {"hint": problem.hint}
