"""Bringing the database to the present schema, and back."""

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import asyncpg
from alembic import command
from alembic.config import Config
from alembic.util import CommandError
from sqlalchemy import Connection
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

import aumos_agent_framework
from aumos_agent_framework.adapters.postgres.engine import CONNECT_TIMEOUT_SECONDS, driver_url
from aumos_agent_framework.adapters.postgres.guard import find_faults
from aumos_agent_framework.adapters.postgres.roles import (
    APP,
    OWNER,
    RELAY,
    MigrationError,
    login_of,
    provision,
)
from aumos_agent_framework.core.errors import UnavailableError

WAIT_SECONDS = 60.0
_RETRY_SECONDS = 0.1
_MINIMUM_SERVER = (15, "security_invoker")
_ALEMBIC = threading.Lock()
_LOCK = 0x6167665F6D696772  # "agf_migr"

# What a server says, or does not say, while it starts; anything else (a wrong password, say) waits for a person.
_NOT_YET = (OSError, asyncpg.CannotConnectNowError, asyncpg.PostgresConnectionError, asyncpg.TooManyConnectionsError)


async def migrate(migration_url: str, *, app_url: str, relay_url: str, wait_seconds: float = WAIT_SECONDS) -> None:
    """Bring roles and schema to the present state; does nothing where they are.

    ``migration_url`` logs in as a superuser or as a role with CREATEROLE that may grant on database and schema. The
    other two URLs give the passwords of ``agf_app`` and ``agf_relay``. Migrations run at the same time wait for each
    other. Afterwards the catalog is checked: a database whose row security does not hold is an error.

    Args:
        migration_url: where the migration logs in.
        app_url: the service's URL; its user must be ``agf_app``.
        relay_url: the relay's URL; its user must be ``agf_relay``.
        wait_seconds: how long to wait for the server, and then for another migration.

    Raises:
        MigrationError: the message says what to change.
        UnavailableError: ``database_unavailable``: the server did not answer in time.
    """
    logins = (login_of(app_url, APP), login_of(relay_url, RELAY))
    async with _alone(wait_seconds), _locked(migration_url, wait_seconds) as admin:
        await provision(admin, logins)
        await _as_owner(migration_url, lambda config: command.upgrade(config, "head"))
        faults = await find_faults(admin)
    if faults:
        raise MigrationError("row_security_unsafe", "\n- ".join(["The database is not safe to use:", *faults]))


async def downgrade(migration_url: str, revision: str, *, wait_seconds: float = WAIT_SECONDS) -> None:
    """Take the schema back to ``revision`` (``base``, ``-1`` or an id). Roles stay.

    Raises:
        UnavailableError: ``database_unavailable``: the server did not answer in time.
    """
    async with _alone(wait_seconds), _locked(migration_url, wait_seconds):
        await _as_owner(migration_url, lambda config: command.downgrade(config, revision))


def script_location() -> Path:
    """Return where the migrations are: within the package in a wheel, at the top of the repository in a checkout."""
    package = Path(aumos_agent_framework.__file__).parent
    packaged = package / "migrations"
    return packaged if packaged.is_dir() else package.parents[1] / "migrations"


@asynccontextmanager
async def _alone(wait_seconds: float) -> AsyncIterator[None]:
    """Let one migration at a time run in this process: Alembic keeps the one it is at in module globals."""
    deadline = time.monotonic() + wait_seconds
    while not _ALEMBIC.acquire(blocking=False):
        if time.monotonic() >= deadline:
            raise UnavailableError("database_unavailable", "Another migration of this process does not end.")
        await asyncio.sleep(_RETRY_SECONDS)
    try:
        yield
    finally:
        _ALEMBIC.release()


@asynccontextmanager
async def _locked(url: str, wait_seconds: float) -> AsyncIterator[Any]:
    admin = await _connected(driver_url(url), wait_seconds)
    try:
        _check_version(admin.get_server_version().major)
        await admin.execute(f"SET lock_timeout = {int(wait_seconds * 1000)}")
        try:
            await admin.execute("SELECT pg_advisory_lock($1)", _LOCK)
        except asyncpg.LockNotAvailableError as error:
            raise UnavailableError("database_unavailable", "Another migration does not end.") from error
        yield admin
    finally:
        await admin.close(timeout=CONNECT_TIMEOUT_SECONDS)  # gives the lock back


async def _connected(dsn: str, wait_seconds: float) -> Any:
    deadline = time.monotonic() + wait_seconds
    while True:
        try:
            return await asyncpg.connect(dsn, timeout=CONNECT_TIMEOUT_SECONDS)
        except _NOT_YET as error:
            if time.monotonic() >= deadline:
                message = (
                    f"The database did not answer within {wait_seconds:g} seconds: {error or type(error).__name__}."
                )
                raise UnavailableError("database_unavailable", message) from error
        except asyncpg.PostgresError as error:
            raise MigrationError("login_refused", f"The migration cannot log in: {error}.") from error
        await asyncio.sleep(_RETRY_SECONDS)


def _check_version(major: int) -> None:
    minimum, reason = _MINIMUM_SERVER
    if major < minimum:
        message = f"PostgreSQL {minimum} or newer is needed (for {reason}); this server is {major}."
        raise MigrationError("server_too_old", message)


async def _as_owner(url: str, run: Callable[[Config], None]) -> None:
    """Run an Alembic command in one transaction of the owner's."""
    dsn = driver_url(url)

    async def connect() -> Any:
        return await asyncpg.connect(dsn, timeout=CONNECT_TIMEOUT_SECONDS, server_settings={"role": OWNER})

    def within(connection: Connection) -> None:
        config = Config()
        config.set_main_option("script_location", str(script_location()).replace("%", "%%"))
        config.attributes["connection"] = connection
        try:
            run(config)
        except CommandError as error:  # a newer release has migrated this database, or the revision is misspelt
            raise MigrationError("revision_unknown", f"The migration cannot find its way: {error}.") from error

    engine = create_async_engine("postgresql+asyncpg://", async_creator=connect, poolclass=NullPool)
    try:
        async with engine.begin() as connection:
            await connection.run_sync(within)
    finally:
        await engine.dispose()
