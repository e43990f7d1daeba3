"""The unit of work over PostgreSQL and over the fake: each contract test that takes ``uow`` runs with both."""

import asyncio
from collections.abc import AsyncIterator, Iterator

import pytest

from aumos_agent_framework.adapters.postgres import PostgresUnitOfWorkFactory, create_engine
from aumos_agent_framework.core.interfaces.unit_of_work import UnitOfWorkFactory
from aumos_agent_framework.core.types import TenantId
from tests.databases import Database, create_migrated, drop
from tests.factories import (
    new_tenant_id,
)
from tests.fakes.unit_of_work import InMemoryUnitOfWorkFactory


@pytest.fixture(scope="module")
def database(postgres_admin_url: str) -> Iterator[Database]:
    made = asyncio.run(create_migrated(postgres_admin_url))
    yield made
    asyncio.run(drop(made))


@pytest.fixture(params=["memory", "postgres"])
def app_url(request: pytest.FixtureRequest) -> str | None:
    """The database of the real one; none for the fake."""
    if request.param == "memory":
        return None
    database: Database = request.getfixturevalue("database")
    return database.app_url


@pytest.fixture
async def uow(app_url: str | None) -> AsyncIterator[UnitOfWorkFactory]:
    if app_url is None:
        yield InMemoryUnitOfWorkFactory()
        return
    engine = create_engine(app_url, 4)
    yield PostgresUnitOfWorkFactory(engine)
    await engine.dispose()


@pytest.fixture
def tenant() -> TenantId:
    return new_tenant_id()
