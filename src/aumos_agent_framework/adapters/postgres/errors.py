"""What PostgreSQL and its driver raise, in the words of ``core.errors``."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from sqlalchemy.exc import DBAPIError, StatementError, TimeoutError as PoolTimeoutError

from aumos_agent_framework.core.errors import AgfError, ConflictError, InvalidInputError, Problem, UnavailableError

# The beginnings of SQLSTATEs (PostgreSQL, appendix A) whose meaning does not depend on the statement.
_AWAY = ("08", "28", "3D", "53", "57P")  # connection, login, no such database, out of resources, shut down or starting
_LOCKED = ("40001", "40P01", "55P03")  # serialization failure, deadlock, lock timeout
_CANCELED = "57014"
_BAD_DATA = ("22", "23514", "54000")  # data exception, check constraint, too large for an index
_REFUSED = "42501"
_DUPLICATE = "23505"
_NO_REFERENCE = "23503"


class DuplicateError(ConflictError):
    """A unique constraint, whose name is ``constraint``, holds such a row already."""

    def __init__(self, constraint: str) -> None:
        super().__init__("duplicate", "Such a thing exists already.")
        self.constraint = constraint


@contextmanager
def translated() -> Iterator[None]:
    """Raise what the database raises as errors of this service.

    Raises:
        UnavailableError: ``database_unavailable`` (no connection, or it broke), ``database_timeout`` (a statement took
            too long), ``lock_timeout`` (a row stayed locked, or a deadlock was broken up).
        ConflictError: ``duplicate`` (as ``DuplicateError``), ``reference_missing``.
        InvalidInputError: ``unstorable``: the data does not fit (NUL in a text, number or text out of bounds).
        PermissionError: row security or a missing grant refused: a bug of this service, never a client's fault.
    """
    try:
        yield
    except PoolTimeoutError as error:
        raise UnavailableError("database_unavailable", "All connections to the database are in use.") from error
    except StatementError as error:
        translation = _translation(error)
        if translation is error:
            raise
        raise translation from error
    except OSError as error:  # TimeoutError is one too
        raise _unavailable() from error


def _translation(error: StatementError) -> Exception:
    if isinstance(error.orig, AgfError):  # raised by a column type while it bound a parameter
        return error.orig
    if isinstance(error, DBAPIError) and error.connection_invalidated:
        return _unavailable()
    state = getattr(error.orig, "sqlstate", None)
    return error if state is None else _by_state(error, state)


def _by_state(error: StatementError, state: str) -> Exception:
    # The driver's own exception, with the fields that SQLAlchemy's does not carry over.
    cause = getattr(error.orig, "__cause__", None)
    constraint = str(getattr(cause, "constraint_name", None) or cause).splitlines()[0]
    makers: tuple[tuple[str | tuple[str, ...], Callable[[], Exception]], ...] = (
        (_AWAY, _unavailable),
        (_CANCELED, lambda: UnavailableError("database_timeout", "The database took too long to answer.")),
        (_LOCKED, lambda: UnavailableError("lock_timeout", "Another request is in the way.", retry_after_seconds=1)),
        (_DUPLICATE, lambda: DuplicateError(constraint)),
        (_NO_REFERENCE, lambda: ConflictError("reference_missing", f"Something referred to is missing: {constraint}.")),
        (_REFUSED, lambda: PermissionError(str(cause))),
        (_BAD_DATA, lambda: _unstorable(constraint)),
    )
    return next((make() for states, make in makers if state.startswith(states)), error)


def _unavailable() -> UnavailableError:
    return UnavailableError("database_unavailable", "The database does not answer.")


def _unstorable(reason: str) -> InvalidInputError:
    problem = Problem("", f"This does not fit into the database: {reason}.", "unstorable")
    return InvalidInputError("A value cannot be stored.", [problem], code="unstorable")
