"""One migrated database per test module; connections as each of the roles."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from aumos_agent_framework.adapters.postgres import (
    PostgresOutboxQueue,
    PostgresUnitOfWorkFactory,
    create_engine,
)
from aumos_agent_framework.core.types import TenantId
from tests.databases import Database, connected, create_migrated, drop
from tests.factories import new_tenant_id


@pytest.fixture(scope="module")
def database(postgres_admin_url: str) -> Iterator[Database]:
    made = asyncio.run(create_migrated(postgres_admin_url))
    yield made
    asyncio.run(drop(made))


@pytest.fixture
async def engine(database: Database) -> AsyncIterator[AsyncEngine]:
    """The app's pool."""
    made = create_engine(database.app_url, 5)
    yield made
    await made.dispose()


@pytest.fixture
async def relay_engine(database: Database) -> AsyncIterator[AsyncEngine]:
    made = create_engine(database.relay_url, 3)
    yield made
    await made.dispose()


@pytest.fixture
def uow(engine: AsyncEngine) -> PostgresUnitOfWorkFactory:
    return PostgresUnitOfWorkFactory(engine)


@pytest.fixture
def queue(relay_engine: AsyncEngine) -> PostgresOutboxQueue:
    return PostgresOutboxQueue(relay_engine)


@pytest.fixture
async def admin(database: Database) -> AsyncIterator[Any]:
    """The superuser, for looking behind row security and for breaking things."""
    async with connected(database.admin_url) as connection:
        yield connection


@pytest.fixture
async def app(database: Database) -> AsyncIterator[Any]:
    """A plain connection of the app role."""
    async with connected(database.app_url) as connection:
        yield connection


@pytest.fixture
def tenant() -> TenantId:
    """A tenant that no other test uses."""
    return new_tenant_id()
