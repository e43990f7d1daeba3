"""Errors to answers: one table from class to status, and the handlers that apply it."""

import re
from collections.abc import Callable
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.routing import iter_route_contexts
from starlette.exceptions import HTTPException
from starlette.responses import Response

from aumos_agent_framework.api.pointers import to_problem
from aumos_agent_framework.api.problems import problem_response
from aumos_agent_framework.core.errors import (
    AgfError,
    ConflictError,
    ForbiddenError,
    InvalidInputError,
    NotFoundError,
    UnauthenticatedError,
    UnavailableError,
)

STATUS: dict[type[AgfError], HTTPStatus] = {
    InvalidInputError: HTTPStatus.UNPROCESSABLE_ENTITY,
    UnauthenticatedError: HTTPStatus.UNAUTHORIZED,
    ForbiddenError: HTTPStatus.FORBIDDEN,
    NotFoundError: HTTPStatus.NOT_FOUND,
    ConflictError: HTTPStatus.CONFLICT,
    UnavailableError: HTTPStatus.SERVICE_UNAVAILABLE,
}
STATUS_OF_CODE: dict[str, HTTPStatus] = {
    "malformed_json": HTTPStatus.BAD_REQUEST,
    "input_too_large": HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    "unsupported_media_type": HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
}
"""Faults of the input that HTTP has a status of its own for."""


def status_of(error: AgfError) -> HTTPStatus | None:
    """Return the status of an error, or ``None`` for one that no client can have caused or can wait for."""
    if isinstance(error, InvalidInputError) and error.code in STATUS_OF_CODE:
        return STATUS_OF_CODE[error.code]
    return next((status for kind, status in STATUS.items() if isinstance(error, kind)), None)


def install_error_handlers(app: FastAPI) -> None:
    """Answer every error that reaches the router with a problem body; what is left is a fault of ours (500)."""
    handlers: dict[type[Exception], Callable[[Request, Any], Any]] = {
        AgfError: _answer_agf_error,
        RequestValidationError: _answer_validation_error,
        HTTPException: _answer_http_exception,
    }
    for kind, handler in handlers.items():
        app.add_exception_handler(kind, handler)


async def _answer_agf_error(request: Request, error: AgfError) -> Response:
    status = status_of(error)
    if status is None:
        raise error
    return problem_response(
        request.scope,
        status=status,
        code=error.code,
        detail=error.message,
        errors=error.problems if isinstance(error, InvalidInputError) else (),
        headers=_headers(error),
    )


def _headers(error: AgfError) -> dict[str, str]:
    if isinstance(error, UnauthenticatedError):
        fault = "" if error.code == "token_missing" else ', error="invalid_token"'
        return {"WWW-Authenticate": f'Bearer realm="aumos-agent-framework"{fault}'}
    if isinstance(error, UnavailableError):
        return {"Retry-After": str(error.retry_after_seconds)}
    return {}


async def _answer_validation_error(request: Request, error: RequestValidationError) -> Response:
    problems = [to_problem(fault) for fault in error.errors()]
    return problem_response(
        request.scope,
        status=HTTPStatus.UNPROCESSABLE_ENTITY,
        code="invalid_input",
        detail=f"The request is not valid in {len(problems)} place{'s' if len(problems) > 1 else ''}.",
        errors=problems,
    )


async def _answer_http_exception(request: Request, error: HTTPException) -> Response:
    headers = dict(error.headers or {})
    status = HTTPStatus(error.status_code)
    detail = error.detail
    if status is HTTPStatus.METHOD_NOT_ALLOWED:
        allowed = ", ".join(_allowed_methods(request))
        headers["Allow"] = allowed
        detail = f"This resource answers {allowed}."
    elif status is HTTPStatus.NOT_FOUND:
        detail = "Nothing is here; /openapi.json lists what this service answers."
    code = re.sub(r"\W+", "_", status.phrase.lower())
    return problem_response(request.scope, status=status, code=code, detail=detail, headers=headers)


def _allowed_methods(request: Request) -> list[str]:
    """Collect the methods of all routes of this path; the router names only those of the first."""
    path = request.scope["path"].removeprefix(request.scope.get("root_path", ""))
    routes = iter_route_contexts(request.app.routes)
    return sorted({method for route in routes if route.path_regex.match(path) for method in route.methods or ()})
