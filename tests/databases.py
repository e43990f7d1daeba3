"""Databases for tests, on a server that a test session runs: empty ones, and migrated ones made from a template."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import asyncpg

from aumos_agent_framework.adapters.postgres import migrate
from aumos_agent_framework.adapters.postgres.engine import driver_url
from tests.factories import new_id

APP_PASSWORD = "app-password"
RELAY_PASSWORD = "relay-password"
TEMPLATE = "agf_test_template"


@dataclass(frozen=True)
class Database:
    """One database and the ways into it."""

    name: str
    admin_url: str

    @property
    def app_url(self) -> str:
        return self._login("agf_app", APP_PASSWORD)

    @property
    def relay_url(self) -> str:
        return self._login("agf_relay", RELAY_PASSWORD)

    async def migrate(self) -> None:
        """Bring roles and schema to the present state; all tests agree on the roles' passwords."""
        await migrate(self.admin_url, app_url=self.app_url, relay_url=self.relay_url)

    def _login(self, user: str, password: str) -> str:
        host = urlsplit(self.admin_url).netloc.rpartition("@")[2]
        return f"postgresql://{user}:{password}@{host}/{self.name}"


async def create_migrated(admin_url: str) -> Database:
    """Return a new database with all tables, empty."""
    await _ensure_template(admin_url)
    database = await _create(admin_url, TEMPLATE)
    await database.migrate()
    return database


async def drop(database: Database) -> None:
    """Remove a database; whoever is connected loses the connection."""
    async with connected(_within(database.admin_url, "postgres")) as admin:
        await admin.execute(f"DROP DATABASE {database.name} WITH (FORCE)")


@asynccontextmanager
async def empty_database(admin_url: str) -> AsyncIterator[Database]:
    """A database without tables, for as long as the context."""
    database = await _create(admin_url, "template0")
    try:
        yield database
    finally:
        await drop(database)


@asynccontextmanager
async def migrated_database(admin_url: str) -> AsyncIterator[Database]:
    """A database with all tables, empty, for as long as the context."""
    database = await create_migrated(admin_url)
    try:
        yield database
    finally:
        await drop(database)


@asynccontextmanager
async def connected(url: str) -> AsyncIterator[Any]:
    """A connection of the driver, without anything that the service adds."""
    connection = await asyncpg.connect(driver_url(url))
    try:
        yield connection
    finally:
        await connection.close()


async def _create(admin_url: str, template: str) -> Database:
    name = f"agf_test_{new_id().hex}"
    async with connected(_within(admin_url, "postgres")) as admin:
        await admin.execute(f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY file_copy")
    return Database(name, _within(admin_url, name))


async def _ensure_template(admin_url: str) -> None:
    async with connected(_within(admin_url, "postgres")) as admin:
        if await admin.fetchval("SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)", TEMPLATE):
            return
        await admin.execute(f"CREATE DATABASE {TEMPLATE}")
    await Database(TEMPLATE, _within(admin_url, TEMPLATE)).migrate()


def _within(admin_url: str, database: str) -> str:
    parts = urlsplit(driver_url(admin_url))
    return urlunsplit(parts._replace(path=f"/{database}"))
