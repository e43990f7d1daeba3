"""Alembic's environment: how a migration reaches the database.

``agf migrate`` passes its connection. From the command line (``alembic revision --autogenerate``) the connection is
made here, as the owner; ``--sql`` prints the statements for those who run them by hand.
"""

import asyncio
import os
from typing import Any

import asyncpg
from alembic import context
from sqlalchemy import Connection
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from aumos_agent_framework.adapters.postgres.engine import driver_url
from aumos_agent_framework.adapters.postgres.roles import OWNER
from aumos_agent_framework.core.models import Base

URL_VARIABLE = "AUMOS_AGF_DATABASE__MIGRATION_URL"
OPTIONS: dict[str, Any] = {
    "target_metadata": Base.metadata,
    # Not Alembic's own name: databases are shared with other services that have one.
    "version_table": "alembic_version_agf",
    # Another service's tables are none of our business.
    "include_name": lambda name, kind, _parents: kind != "table" or str(name).startswith("agf_"),
}


def run(connection: Connection) -> None:
    context.configure(connection=connection, compare_server_default=True, **OPTIONS)
    with context.begin_transaction():
        context.run_migrations()


async def run_by_itself() -> None:
    url = driver_url(os.environ[URL_VARIABLE])

    async def connect() -> Any:
        return await asyncpg.connect(url, server_settings={"role": OWNER})

    engine = create_async_engine("postgresql+asyncpg://", async_creator=connect, poolclass=NullPool)
    async with engine.begin() as connection:
        await connection.run_sync(run)
    await engine.dispose()


def run_offline() -> None:
    context.configure(dialect_name="postgresql", literal_binds=True, **OPTIONS)
    with context.begin_transaction():
        context.run_migrations()


if context.is_offline_mode():
    run_offline()
elif (passed := context.config.attributes.get("connection")) is not None:
    run(passed)
else:
    asyncio.run(run_by_itself())
