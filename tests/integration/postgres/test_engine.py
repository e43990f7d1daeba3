"""Connections: the tenant of a transaction, and what happens when the server goes away."""

import asyncio
import os
import signal
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from aumos_agent_framework.adapters.postgres import PostgresUnitOfWorkFactory, create_engine, ping
from aumos_agent_framework.adapters.postgres.engine import connected
from aumos_agent_framework.adapters.postgres.transaction import TenantTransaction
from aumos_agent_framework.core.domain.paging import PageRequest
from aumos_agent_framework.core.domain.tools import Tool
from aumos_agent_framework.core.errors import AgfError, UnavailableError
from aumos_agent_framework.core.types import TenantId
from tests.databases import APP_PASSWORD, Database, connected as connected_to, create_migrated
from tests.factories import make_tool, new_tenant_id
from tests.servers import servers

DEADLINE_SECONDS = 30
ALL = PageRequest(1, 200)
SETTING = text("SELECT current_setting('app.current_tenant', true)")
END_THE_APPS_CONNECTIONS = """
SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'agf_app' AND datname = current_database()
"""
BACKEND = text("SELECT pg_backend_pid()")


async def eventually(condition: Callable[[], Awaitable[bool]]) -> None:
    """Wait until a condition holds."""
    deadline = time.monotonic() + DEADLINE_SECONDS
    while not await condition():
        assert time.monotonic() < deadline, "the condition never held"
        await asyncio.sleep(0.05)


class TestTenantOfATransaction:
    async def test_begin_and_tenant_share_one_round_trip(self, engine: AsyncEngine) -> None:
        tenant, sent = new_tenant_id(), []
        async with connected(engine, tenant) as connection:
            driver: Any = (await connection.get_raw_connection()).driver_connection
            driver.add_query_logger(lambda record: sent.append(record.query))
            found = (await connection.execute(SETTING)).scalar_one()
        assert [query.split(";")[0] for query in sent] == ["BEGIN", "ROLLBACK"]
        assert found == tenant.hex

    async def test_a_connection_forgets_the_tenant_with_the_transaction(self, database: Database) -> None:
        engine = create_engine(database.app_url, 1)
        async with connected(engine, new_tenant_id()) as connection:
            backend = (await connection.execute(BACKEND)).scalar_one()
            await connection.commit()
            assert (await connection.execute(SETTING)).scalar_one() == ""
        async with connected(engine) as connection:
            assert (await connection.execute(BACKEND)).scalar_one() == backend
            assert (await connection.execute(SETTING)).scalar_one() == ""
        await engine.dispose()

    async def test_a_tenant_that_was_never_used_is_not_left_for_the_next_one(self, database: Database) -> None:
        engine = create_engine(database.app_url, 1)
        factory, mine, tool = PostgresUnitOfWorkFactory(engine), new_tenant_id(), make_tool()
        async with factory(new_tenant_id()):
            pass
        async with factory(mine) as work:
            await work.tools.add(make_tool(tenant_id=mine, name=tool.name))
            await work.commit()
        async with factory(new_tenant_id()):
            pass
        async with connected(engine) as connection:
            assert (await connection.execute(SETTING)).scalar_one() in ("", None)
        await engine.dispose()

    async def test_tenants_that_take_turns_on_few_connections_never_mix(self, database: Database) -> None:
        engine = create_engine(database.app_url, 2)
        factory = PostgresUnitOfWorkFactory(engine)
        tenants = [new_tenant_id() for _ in range(6)]

        async def write_and_read(tenant: TenantId) -> set[TenantId]:
            for _ in range(5):
                async with factory(tenant) as work:
                    await work.tools.add(make_tool(tenant_id=tenant))
                    await work.commit()
            async with factory(tenant) as work:
                return {tool.tenant_id for tool in (await work.tools.list(ALL)).items}

        assert await asyncio.gather(*map(write_and_read, tenants)) == [{tenant} for tenant in tenants]
        await engine.dispose()


class TestRefusals:
    async def test_a_role_that_row_security_does_not_bind_is_refused(self, database: Database) -> None:
        engine = create_engine(database.admin_url, 1)
        with pytest.raises(UnavailableError) as caught:
            await ping(engine)
        assert caught.value.code == "database_role_unsafe"
        await engine.dispose()

    @pytest.mark.parametrize(
        ("old", "new"), [(APP_PASSWORD, "wrong"), ("127.0.0.1:", "127.0.0.2:"), ("agf_test_", "nowhere_")]
    )
    async def test_a_database_that_cannot_be_reached_is_unavailable(
        self, database: Database, old: str, new: str
    ) -> None:
        url = database.app_url.replace(old, new)
        assert url != database.app_url
        engine = create_engine(url, 1)
        with pytest.raises(UnavailableError) as caught:
            async with PostgresUnitOfWorkFactory(engine)(new_tenant_id()):
                pass
        assert caught.value.code == "database_unavailable"
        assert APP_PASSWORD not in str(caught.value)
        await engine.dispose()

    async def test_ping_is_answered(self, engine: AsyncEngine, relay_engine: AsyncEngine) -> None:
        await ping(engine)
        await ping(relay_engine)


class TestHealing:
    async def test_connections_that_the_server_closed_while_idle_cost_no_request(
        self, engine: AsyncEngine, admin: Any
    ) -> None:
        async with connected(engine) as one, connected(engine) as two:
            backends = [(await each.execute(BACKEND)).scalar_one() for each in (one, two)]
            drivers: list[Any] = [(await each.get_raw_connection()).driver_connection for each in (one, two)]
        for backend in backends:
            await admin.execute("SELECT pg_terminate_backend($1)", backend)

        async def closed() -> bool:
            return all(driver.is_closed() for driver in drivers)

        await eventually(closed)
        await ping(engine)
        await ping(engine)

    async def test_a_connection_that_breaks_in_use_is_unavailable_once(
        self, uow: PostgresUnitOfWorkFactory, engine: AsyncEngine, admin: Any, tenant: TenantId
    ) -> None:
        tool = make_tool(tenant_id=tenant)
        async with uow(tenant) as work:
            await work.tools.add(tool)
            await admin.execute(END_THE_APPS_CONNECTIONS)
            with pytest.raises(UnavailableError) as caught:
                await work.commit()
        assert caught.value.code == "database_unavailable"
        async with uow(tenant) as work:
            assert await work.tools.get(tool.name) is None

    async def test_an_error_is_not_hidden_by_a_connection_that_breaks_on_the_way_out(
        self, uow: PostgresUnitOfWorkFactory, admin: Any, tenant: TenantId
    ) -> None:
        async def fail_on_a_broken_connection() -> None:
            async with uow(tenant) as work:
                await work.tools.add(make_tool(tenant_id=tenant))
                await admin.execute(END_THE_APPS_CONNECTIONS)
                raise LookupError

        with pytest.raises(LookupError):
            await fail_on_a_broken_connection()
        async with uow(tenant) as work:
            assert (await work.tools.list(ALL)).total == 0

    async def test_a_statement_that_takes_too_long_is_a_timeout(self, engine: AsyncEngine, tenant: TenantId) -> None:
        async with connected(engine, tenant) as connection:
            transaction = TenantTransaction(connection, tenant)
            await transaction.execute(text("SET LOCAL statement_timeout = '50ms'"))
            with pytest.raises(UnavailableError) as caught:
                await transaction.execute(text("SELECT pg_sleep(5)"))
        assert caught.value.code == "database_timeout"

    async def test_a_deadlock_is_broken_up_and_said_to_be_retryable(
        self, uow: PostgresUnitOfWorkFactory, tenant: TenantId
    ) -> None:
        tools = [make_tool(tenant_id=tenant), make_tool(tenant_id=tenant)]
        async with uow(tenant) as work:
            for tool in tools:
                await work.tools.add(tool)
            await work.commit()
        both_hold_one = asyncio.Barrier(2)

        async def change(first: Tool, second: Tool) -> str:
            try:
                async with uow(tenant) as work:
                    await work.tools.update(replace(first, version=2))
                    await both_hold_one.wait()
                    await work.tools.update(replace(second, version=2))
                    await work.commit()
            except AgfError as error:
                return error.code
            return "committed"

        outcomes = await asyncio.gather(change(*tools), change(*tools[::-1]))
        assert sorted(outcomes) == ["committed", "lock_timeout"]

    async def test_a_server_that_is_killed_is_used_again_when_it_is_back(self, tmp_path: Path) -> None:
        with servers(tmp_path, "postgres") as environment:
            database = await create_migrated(environment["AUMOS_AGF_DATABASE__MIGRATION_URL"])
            engine = create_engine(database.app_url, 3)
            uow, tenant, tool = PostgresUnitOfWorkFactory(engine), new_tenant_id(), make_tool()
            async with uow(tenant) as work:
                await work.tools.add(replace(tool, tenant_id=tenant))
                await work.commit()
            async with connected_to(database.admin_url) as admin:
                await admin.execute("CHECKPOINT")  # the test servers commit without waiting for the disk
                postmaster = int((await admin.fetchval("SELECT pg_read_file('postmaster.pid')")).split()[0])
            failures: list[str] = []

            async def back() -> bool:
                try:
                    async with uow(tenant) as work:
                        return await work.tools.get(tool.name) is not None
                except UnavailableError as error:
                    failures.append(error.code)
                    return False

            async with uow(tenant) as work:
                await work.tools.list(ALL)
                os.kill(postmaster, signal.SIGKILL)  # its children follow; the stack starts another one
                with pytest.raises(UnavailableError):
                    await until_it_fails(lambda: work.tools.list(ALL))
            await eventually(back)
            assert set(failures) <= {"database_unavailable"}
            await engine.dispose()


async def until_it_fails(call: Callable[[], Awaitable[object]]) -> None:
    deadline = time.monotonic() + DEADLINE_SECONDS
    while time.monotonic() < deadline:
        await call()
        await asyncio.sleep(0.01)
