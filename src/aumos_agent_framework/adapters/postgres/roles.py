"""The three database roles: an owner that nobody logs in as, the app, and the relay."""

import base64
import hashlib
import hmac
import secrets
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote, urlsplit

import asyncpg

from aumos_agent_framework.adapters.postgres.engine import driver_url
from aumos_agent_framework.core.errors import AgfError

OWNER = "agf_owner"
APP = "agf_app"
RELAY = "agf_relay"

_SCRAM_ITERATIONS = 4096  # PostgreSQL's own default
_PROVISION_ATTEMPTS = 5
_SET_IS_A_RIGHT = 16


class MigrationError(AgfError):
    """The database cannot be brought to the present schema as it is; the message says what to change."""


@dataclass(frozen=True, slots=True)
class Login:
    """A role and the password it logs in with; without one the server decides by other means (certificate, IAM)."""

    role: str
    password: str | None = field(repr=False)


def login_of(url: str, role: str) -> Login:
    """Return the login that a database URL holds.

    Raises:
        MigrationError: ``wrong_role`` if the URL logs in as somebody else; ``password_not_ascii``.
    """
    parts = urlsplit(driver_url(url))
    user = unquote(parts.username or "")
    if user != role:
        raise MigrationError("wrong_role", f"This database URL must log in as {role}, not as {user or 'nobody'}.")
    password = unquote(parts.password) if parts.password is not None else None
    if password is not None and not password.isascii():
        raise MigrationError("password_not_ascii", f"The password of {role} must consist of ASCII characters.")
    return Login(role, password)


async def provision(connection: Any, logins: tuple[Login, ...]) -> None:
    """Create the roles that are missing, bring passwords in step, and let the owner create tables. Idempotent.

    Roles belong to the whole server: a second migration, of another database, may change them at the same moment.

    Raises:
        MigrationError: ``roles_refused``: the login of ``connection`` may not do this.
    """
    for attempt in range(1, _PROVISION_ATTEMPTS + 1):
        try:
            async with connection.transaction():
                await _provision(connection, logins)
        except asyncpg.InsufficientPrivilegeError as error:
            message = f"The migration login may not set up the roles: {error}."
            raise MigrationError("roles_refused", message) from error
        except (asyncpg.DuplicateObjectError, asyncpg.UniqueViolationError, asyncpg.InternalServerError):
            # The other one was first; "tuple concurrently updated" is an internal error in PostgreSQL's words.
            if attempt == _PROVISION_ATTEMPTS:
                raise
        else:
            return


async def _provision(connection: Any, logins: tuple[Login, ...]) -> None:
    existing = {row["rolname"] for row in await connection.fetch("SELECT rolname FROM pg_catalog.pg_roles")}
    if OWNER not in existing:
        await _run(connection, "CREATE ROLE %I NOLOGIN NOINHERIT", OWNER)
    for login in logins:
        if login.role not in existing:
            await _run(connection, "CREATE ROLE %I LOGIN NOINHERIT", login.role)
        if login.password is not None:
            await _run(connection, "ALTER ROLE %I LOGIN PASSWORD %L", login.role, scram_verifier(login.password))
    # Since 16, who creates a role is its member, but may not yet become it.
    becoming = "SET" if connection.get_server_version().major >= _SET_IS_A_RIGHT else "MEMBER"
    if not await connection.fetchval("SELECT pg_catalog.pg_has_role($1, $2)", OWNER, becoming):
        await _run(connection, "GRANT %I TO %I", OWNER, await connection.fetchval("SELECT current_user"))
    await _open_schema(connection, logins)


async def _open_schema(connection: Any, logins: tuple[Login, ...]) -> None:
    """Grant what is missing to reach the tables: a locked-down server has taken it from PUBLIC."""
    schema = await connection.fetchval("SELECT current_schema()")
    database = await connection.fetchval("SELECT current_database()")
    wanted = [("schema", schema, OWNER, "USAGE"), ("schema", schema, OWNER, "CREATE")]
    wanted += [("schema", schema, login.role, "USAGE") for login in logins]
    wanted += [("database", database, login.role, "CONNECT") for login in logins]
    for kind, name, role, privilege in wanted:
        if not await connection.fetchval(f"SELECT has_{kind}_privilege($1, $2, $3)", role, name, privilege):
            await _run(connection, f"GRANT {privilege} ON {kind.upper()} %I TO %I", name, role)


async def _run(connection: Any, template: str, *names: str) -> None:
    """Run a statement that takes no parameters, with its names and literals quoted by the server."""
    places = ", ".join(f"${number}::text" for number in range(2, len(names) + 2))
    await connection.execute(await connection.fetchval(f"SELECT format($1::text, {places})", template, *names))


def scram_verifier(password: str) -> str:
    """Return what the server keeps of a password (RFC 5803), so that no log of statements ever holds the password."""
    salt = secrets.token_bytes(16)
    salted = hashlib.pbkdf2_hmac("sha256", password.encode("ascii"), salt, _SCRAM_ITERATIONS)
    stored_key = hashlib.sha256(hmac.digest(salted, b"Client Key", "sha256")).digest()
    server_key = hmac.digest(salted, b"Server Key", "sha256")
    parts = [base64.b64encode(part).decode() for part in (salt, stored_key, server_key)]
    return f"SCRAM-SHA-256${_SCRAM_ITERATIONS}:{parts[0]}${parts[1]}:{parts[2]}"
