"""Connections: how they are made, what they refuse, and how a transaction begins as a tenant."""

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any, TypeAlias
from uuid import UUID

import asyncpg
from sqlalchemy import event, text
from sqlalchemy.exc import DisconnectionError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from aumos_agent_framework.adapters.postgres.documents import from_json, to_json
from aumos_agent_framework.adapters.postgres.errors import translated
from aumos_agent_framework.core.errors import UnavailableError

Engine: TypeAlias = AsyncEngine
"""A pool of connections, for those outside that only pass it on."""

TENANT_SETTING = "app.current_tenant"

CONNECT_TIMEOUT_SECONDS = 5.0
POOL_TIMEOUT_SECONDS = 5.0
STATEMENT_TIMEOUT_SECONDS = 15
LOCK_TIMEOUT_SECONDS = 5
IDLE_IN_TRANSACTION_TIMEOUT_SECONDS = 60
# The server gives up first; this is for a server (or a network) that no longer says anything.
COMMAND_TIMEOUT_SECONDS = 20.0
# Old connections are replaced, so that a failover behind one host name is followed.
RECYCLE_SECONDS = 1800

_SESSION = {
    "application_name": "aumos-agent-framework",
    "statement_timeout": f"{STATEMENT_TIMEOUT_SECONDS}s",
    "lock_timeout": f"{LOCK_TIMEOUT_SECONDS}s",
    "idle_in_transaction_session_timeout": f"{IDLE_IN_TRANSACTION_TIMEOUT_SECONDS}s",
    "jit": "off",  # compiling costs more than any of our statements
    "timezone": "UTC",
}
_BYPASSES = "SELECT rolsuper OR rolbypassrls FROM pg_catalog.pg_roles WHERE rolname = current_user"


class TenantConnection(asyncpg.Connection):  # type: ignore[misc]  # asyncpg ships no types
    """A connection whose transactions can begin as a tenant, in the one round trip of the ``BEGIN``.

    The tenant is named before each transaction and forgotten with its ``BEGIN``. Should a new version of the driver
    begin transactions in another way, nothing would be set and row security would show nothing: it fails closed.
    """

    _next_tenant: UUID | None = None

    def begin_as(self, tenant_id: UUID | None) -> None:
        """Make the next transaction, and no other, one of this tenant (or of none)."""
        self._next_tenant = tenant_id

    async def execute(self, query: str, *args: Any, timeout: float | None = None) -> str:  # noqa: ASYNC109 - as asyncpg
        tenant_id, self._next_tenant = self._next_tenant, None
        if tenant_id is not None and query.startswith("BEGIN"):
            # Only a UUID has `.int`, and only its 32 hex digits reach the text.
            query = f"{query} SELECT set_config('{TENANT_SETTING}', '{tenant_id.int:032x}', true);"
        status: str = await super().execute(query, *args, timeout=timeout)
        return status


def create_engine(url: str, pool_size: int) -> AsyncEngine:
    """Return a pool of at most ``pool_size`` connections; none is made before the first use.

    ``url`` is a libpq URL (``postgresql://user:password@host:port/database?sslmode=...``; several hosts and
    ``postgresql+asyncpg`` are understood). Roles that row security does not bind are refused at connection.

    The pool does not ping: with this driver that would cost three round trips each time. It looks at the socket
    instead, which is closed when the server went away, and forgets all connections when one turns out broken.
    """
    engine = create_async_engine(
        "postgresql+asyncpg://",
        async_creator=_connector(url),
        pool_size=pool_size,
        max_overflow=0,
        pool_timeout=POOL_TIMEOUT_SECONDS,
        pool_recycle=RECYCLE_SECONDS,
        pool_use_lifo=True,
        json_serializer=to_json,
        json_deserializer=from_json,
        hide_parameters=True,  # tenants' data does not belong into tracebacks
    )
    event.listen(engine.sync_engine, "checkout", _on_checkout)
    return engine


async def ping(engine: AsyncEngine) -> None:
    """Ask the database for an answer.

    Raises:
        UnavailableError: ``database_unavailable`` or ``database_timeout``.
    """
    async with connected(engine) as connection:
        with translated():
            await connection.execute(text("SELECT 1"))


@asynccontextmanager
async def connected(engine: AsyncEngine, tenant_id: UUID | None = None) -> AsyncIterator[AsyncConnection]:
    """Take a connection from the pool; give it back at the end, without what was not committed.

    Its first transaction, and no later one, is the tenant's if one is given.

    Raises:
        UnavailableError: ``database_unavailable``: none can be had.
    """
    connection = engine.connect()
    with translated():
        await connection.start()
    try:
        if tenant_id is not None:
            driver_connection: Any = (await connection.get_raw_connection()).driver_connection
            driver_connection.begin_as(tenant_id)
        yield connection
    finally:
        # A cancelled request, too, must roll back before its connection goes to the next one.
        await asyncio.shield(asyncio.create_task(_give_back(connection)))


async def _give_back(connection: AsyncConnection) -> None:
    """Roll back what was not committed. The pool drops a connection that cannot; then the server rolls back."""
    with suppress(SQLAlchemyError, OSError):
        await connection.close()


def _connector(url: str) -> Callable[[], Awaitable[TenantConnection]]:
    dsn = driver_url(url)

    async def connect() -> TenantConnection:
        connection: TenantConnection = await asyncpg.connect(
            dsn,
            connection_class=TenantConnection,
            timeout=CONNECT_TIMEOUT_SECONDS,
            command_timeout=COMMAND_TIMEOUT_SECONDS,
            server_settings=_SESSION,
        )
        try:
            await _prepare(connection)
        except BaseException:
            connection.terminate()
            raise
        return connection

    return connect


async def _prepare(connection: TenantConnection) -> None:
    if await connection.fetchval(_BYPASSES):
        raise UnavailableError("database_role_unsafe", "The database role bypasses row security; refusing to use it.")
    # The driver's own UUID type is a subclass that orjson does not know.
    await connection.set_type_codec(
        "uuid", schema="pg_catalog", format="binary", encoder=_uuid_bytes, decoder=_uuid_from_bytes
    )


def driver_url(url: str) -> str:
    """Return the URL without the name of a driver.

    Raises:
        ValueError: it is no PostgreSQL URL; the message does not repeat it.
    """
    scheme, separator, rest = url.partition("://")
    if not separator or not re.fullmatch(r"postgres(ql)?(\+asyncpg)?", scheme):
        raise ValueError("A database URL begins with postgresql://.")
    return f"postgresql://{rest}"


def _uuid_bytes(value: UUID) -> bytes:
    return value.bytes


def _uuid_from_bytes(value: bytes) -> UUID:
    return UUID(bytes=value)


def _on_checkout(dbapi_connection: Any, _record: object, _proxy: object) -> None:
    connection: TenantConnection = dbapi_connection.driver_connection
    if connection.is_closed():
        raise DisconnectionError("The server has closed this connection.")
    connection.begin_as(None)  # the one before may have named a tenant and begun nothing
