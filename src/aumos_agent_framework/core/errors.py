"""One root error. The API maps classes to statuses in one table; codes are stable and documented."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Problem:
    """One fault in the caller's input. ``pointer`` is an RFC 6901 JSON pointer into the request body."""

    pointer: str
    message: str
    code: str
    hint: str | None = None


class AgfError(Exception):
    """Root of every error that this service raises on purpose.

    ``code`` is machine-readable and stable; ``message`` is for people and says what to do;
    ``retryable`` tells a client whether the same request may succeed later.
    """

    def __init__(self, code: str, message: str, *, retryable: bool = False) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.retryable = retryable


class InvalidInputError(AgfError):
    """The payload's shape or content is wrong; ``problems`` name every place (422)."""

    def __init__(self, message: str, problems: Sequence[Problem], *, code: str = "invalid_input") -> None:
        super().__init__(code, message)
        self.problems = tuple(problems)


class NotFoundError(AgfError):
    """No such thing in the caller's tenant; other tenants' ids answer the same (404)."""

    def __init__(self, kind: str, key: object) -> None:
        super().__init__("not_found", f"No {kind} {key} exists.")


class UnauthenticatedError(AgfError):
    """The bearer token is missing or does not verify (401)."""


class ForbiddenError(AgfError):
    """The caller is known and lacks the right (403)."""


class ConflictError(AgfError):
    """The request contradicts the present state (409)."""


class UnavailableError(AgfError):
    """Something this service depends on does not answer now (503)."""

    def __init__(self, code: str, message: str, *, retry_after_seconds: int = 5) -> None:
        super().__init__(code, message, retryable=True)
        self.retry_after_seconds = retry_after_seconds


class ModelError(AgfError):
    """A model call failed (``retryable`` as the model's status says; ``retry_after_seconds`` if it said so)."""

    def __init__(self, code: str, message: str, *, retryable: bool, retry_after_seconds: float | None = None) -> None:
        super().__init__(code, message, retryable=retryable)
        self.retry_after_seconds = retry_after_seconds
