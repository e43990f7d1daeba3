"""What wraps every request: its id, its log line, its headers, its size, and the answer to a fault of ours.

Pure ASGI: the body streams through untouched and context variables reach the handlers.
"""

import re
import secrets
import time
from http import HTTPStatus

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from aumos_agent_framework.api.problems import problem_response, raw_path
from aumos_agent_framework.core.errors import InvalidInputError

REQUEST_ID_HEADER = "X-Request-ID"
MAX_BODY_BYTES = 2 * 1024 * 1024

_SAFE_REQUEST_ID = re.compile(r"[A-Za-z0-9._:/+=@-]{1,128}")
_CLIENT_CLOSED_REQUEST = 499  # not HTTP's; the usual name in access logs for a client that went away
_log = structlog.stdlib.get_logger("aumos_agent_framework.access")


class RequestScope:
    """Gives each request an id, logs one line about it and sets the headers that every answer has."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request; other traffic (lifespan) passes through."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id = _request_id(Headers(scope=scope).get(REQUEST_ID_HEADER))
        scope.setdefault("state", {})["request_id"] = request_id
        status = _CLIENT_CLOSED_REQUEST

        async def send_with_headers(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                _set_headers(MutableHeaders(raw=message["headers"]), request_id)
            await send(message)

        structlog.contextvars.clear_contextvars()
        structlog.contextvars.bind_contextvars(request_id=request_id)
        started = time.perf_counter()
        try:
            await self._app(scope, receive, send_with_headers)
        finally:
            _log_access(scope, status, time.perf_counter() - started)


class FaultBoundary:
    """Answers what nobody expected: the client learns nothing but the request id, the log gets the traceback."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request; an answer that has begun cannot be replaced, so its connection is dropped."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = False

        async def send_noticing(message: Message) -> None:
            nonlocal started
            started = started or message["type"] == "http.response.start"
            await send(message)

        try:
            await self._app(scope, receive, send_noticing)
        except ClientDisconnect:
            return  # nobody is left to answer; the access log says so
        except Exception:
            _log.exception("request_failed")
            if started:
                raise
            await _internal_error(scope, receive, send)


class BodyLimit:
    """Refuses bodies above a size when somebody reads them, whether their length was declared or not."""

    def __init__(self, app: ASGIApp, max_bytes: int = MAX_BODY_BYTES) -> None:
        self._app = app
        self._max_bytes = max_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request with a counting ``receive``."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        declared = Headers(scope=scope).get("content-length", "")
        size = 0

        async def receive_counting() -> Message:
            nonlocal size
            if declared.isdecimal() and int(declared) > self._max_bytes:
                raise self._too_large()
            message = await receive()
            size += len(message.get("body", b""))
            if size > self._max_bytes:
                raise self._too_large()
            return message

        await self._app(scope, receive_counting, send)

    def _too_large(self) -> InvalidInputError:
        return InvalidInputError(f"A body has at most {self._max_bytes:,} bytes.", (), code="input_too_large")


def _request_id(offered: str | None) -> str:
    if offered is not None and _SAFE_REQUEST_ID.fullmatch(offered):
        return offered
    return secrets.token_hex(16)


def _set_headers(headers: MutableHeaders, request_id: str) -> None:
    headers[REQUEST_ID_HEADER] = request_id
    headers["X-Content-Type-Options"] = "nosniff"
    headers.setdefault("Cache-Control", "no-store")


def _log_access(scope: Scope, status: int, seconds: float) -> None:
    _log.info(
        "request",
        method=scope["method"],
        path=raw_path(scope),  # without the query, which may hold what a client should not have put there
        status=int(status),
        duration_ms=round(seconds * 1000, 1),
    )


async def _internal_error(scope: Scope, receive: Receive, send: Send) -> None:
    answer = problem_response(
        scope,
        status=HTTPStatus.INTERNAL_SERVER_ERROR,
        code="internal_error",
        detail="Something went wrong here. Give the request_id to whoever operates this service.",
    )
    await answer(scope, receive, send)
