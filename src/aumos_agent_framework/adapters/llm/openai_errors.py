"""What a model server's refusals mean for whoever may ask again."""

import math
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from http import HTTPStatus

import httpx2
import orjson

from aumos_agent_framework.core.errors import ModelError
from aumos_agent_framework.core.types import JsonObject, JsonValue

MAX_RETRY_AFTER_SECONDS = 3_600.0
_MAX_MESSAGE_LENGTH = 500
_CODES: Mapping[int, str] = {
    HTTPStatus.UNAUTHORIZED: "model_unauthorized",
    HTTPStatus.FORBIDDEN: "model_unauthorized",
    HTTPStatus.NOT_FOUND: "model_not_found",
    HTTPStatus.REQUEST_TIMEOUT: "model_timeout",
    HTTPStatus.GATEWAY_TIMEOUT: "model_timeout",
    HTTPStatus.CONFLICT: "model_busy",
    HTTPStatus.TOO_MANY_REQUESTS: "model_rate_limited",
}
_RETRYABLE = frozenset({HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.CONFLICT, HTTPStatus.TOO_MANY_REQUESTS})


def refusal(status: int, headers: httpx2.Headers, body: bytes) -> ModelError:
    """Return the error for an answer other than 200: 408, 409, 429 and 5xx may be asked again."""
    code = _CODES.get(status)
    # What servers say to a wrong credential often quotes the credential.
    said = "" if code == "model_unauthorized" else server_message(body)
    return ModelError(
        code or ("model_unavailable" if _may_help(status) else "model_refused"),
        f"The model server answered {status}" + (f": {said}" if said else "."),
        retryable=_may_help(status),
        retry_after_seconds=retry_after(headers),
    )


def reported_error(document: JsonObject) -> ModelError:
    """Return the error for a 200 that holds an ``error``, as gateways in front of several servers answer."""
    error = document["error"]
    status = error.get("code") if isinstance(error, dict) else None
    said = _shown(_message_in(document))
    return ModelError(
        "model_refused",
        "The model server answered with an error" + (f": {said}" if said else "."),
        retryable=isinstance(status, int) and _may_help(status),
    )


def server_message(body: bytes) -> str:
    """Return what the server says of its error, on one line and not too long; empty if it says nothing readable."""
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError:
        return ""
    return _shown(_message_in(document))


def retry_after(headers: httpx2.Headers) -> float | None:
    """Return ``Retry-After`` in seconds from now, at most an hour, or ``None`` if there is none to understand.

    A date is measured against the answer's own ``Date``: the server's clock may differ from ours.
    """
    value = headers.get("Retry-After")
    if value is None:
        return None
    try:
        seconds = float(value)
    except ValueError:
        seconds = _seconds_between(headers.get("Date"), value)
    return min(max(seconds, 0.0), MAX_RETRY_AFTER_SECONDS) if math.isfinite(seconds) else None


def _seconds_between(start: str | None, end: str) -> float:
    try:
        return (parsedate_to_datetime(end) - parsedate_to_datetime(start or "")).total_seconds()
    except (ValueError, TypeError):  # no date, or one with and one without a zone
        return math.nan


def _may_help(status: int) -> bool:
    return status >= HTTPStatus.INTERNAL_SERVER_ERROR or status in _RETRYABLE


def _shown(text: str) -> str:
    printable = "".join(char if char.isprintable() else " " for char in text)
    return printable if len(printable) <= _MAX_MESSAGE_LENGTH else f"{printable[: _MAX_MESSAGE_LENGTH - 1]}…"


def _message_in(document: JsonValue) -> str:
    """Find the text in ``{"error": {"message"}}``, ``{"error"}``, ``{"message"}`` or ``{"detail"}``."""
    if not isinstance(document, dict):
        return ""
    error = document.get("error")
    if isinstance(error, dict):
        return _message_in({"message": error.get("message")})
    found = next((document[key] for key in ("error", "message", "detail") if document.get(key)), "")
    return found if isinstance(found, str) else ""
