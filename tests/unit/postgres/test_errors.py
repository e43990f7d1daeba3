"""What the database raises, in the service's words; the states themselves are provoked in the integration tests."""

import pytest
from sqlalchemy.exc import DBAPIError, InvalidRequestError, StatementError, TimeoutError as PoolTimeoutError

from aumos_agent_framework.adapters.postgres.errors import DuplicateError, translated
from aumos_agent_framework.core.errors import AgfError, InvalidInputError, UnavailableError


class DriverError(Exception):
    """As asyncpg's, once SQLAlchemy has put its own around it."""

    def __init__(self, sqlstate: str | None, constraint_name: str | None = None) -> None:
        super().__init__("what the server says\nwith details")
        self.sqlstate = sqlstate
        self.constraint_name = constraint_name


def database_error(sqlstate: str | None, constraint: str | None = None, *, broken: bool = False) -> DBAPIError:
    original = DriverError(sqlstate)
    original.__cause__ = DriverError(sqlstate, constraint)
    return DBAPIError("SELECT 1", {}, original, connection_invalidated=broken)


@pytest.mark.parametrize(
    ("state", "code"),
    [
        ("08006", "database_unavailable"),
        ("28P01", "database_unavailable"),
        ("3D000", "database_unavailable"),
        ("53300", "database_unavailable"),
        ("57P01", "database_unavailable"),
        ("57P03", "database_unavailable"),
        ("57014", "database_timeout"),
        ("40001", "lock_timeout"),
        ("40P01", "lock_timeout"),
        ("55P03", "lock_timeout"),
        ("23505", "duplicate"),
        ("23503", "reference_missing"),
        ("23514", "unstorable"),
        ("22021", "unstorable"),
        ("22003", "unstorable"),
        ("54000", "unstorable"),
    ],
)
def test_a_state_has_a_code(state: str, code: str) -> None:
    with pytest.raises(AgfError) as caught, translated():
        raise database_error(state)
    assert caught.value.code == code


@pytest.mark.parametrize(
    "error",
    [OSError("refused"), TimeoutError(), PoolTimeoutError("pool"), database_error(None, broken=True)],
)
def test_a_missing_or_broken_connection_is_unavailable_and_retryable(error: Exception) -> None:
    with pytest.raises(UnavailableError) as caught, translated():
        raise error
    assert (caught.value.code, caught.value.retryable) == ("database_unavailable", True)


def test_a_duplicate_names_its_constraint() -> None:
    with pytest.raises(DuplicateError) as caught, translated():
        raise database_error("23505", "uq_agf_agents_name")
    assert caught.value.constraint == "uq_agf_agents_name"


def test_a_refusal_by_row_security_is_a_bug_and_no_answer_to_a_client() -> None:
    with pytest.raises(PermissionError), translated():
        raise database_error("42501")


def test_an_error_of_ours_from_a_column_type_passes_through() -> None:
    original = InvalidInputError("no", [])
    with pytest.raises(InvalidInputError) as caught, translated():
        raise StatementError("while binding", "INSERT", {}, original)
    assert caught.value is original


@pytest.mark.parametrize(
    "error", [database_error("42P01"), database_error(None), InvalidRequestError("misuse"), KeyError("x")]
)
def test_anything_else_stays_what_it_is(error: Exception) -> None:
    with pytest.raises(type(error)) as caught, translated():
        raise error
    assert caught.value is error
