"""What ``core/interfaces/unit_of_work.py`` promises, of PostgreSQL and of the fake alike."""

import asyncio
from dataclasses import replace

import pytest

from aumos_agent_framework.core.domain.executions import (
    ExecutionFilter,
    ExecutionStatus,
)
from aumos_agent_framework.core.domain.hitl import HitlFilter, HitlRequest, HitlStatus
from aumos_agent_framework.core.errors import ConflictError
from aumos_agent_framework.core.interfaces.unit_of_work import UnitOfWorkFactory
from aumos_agent_framework.core.types import TenantId
from tests.contracts.stored import ALL, LATER, ask, read_request, read_run, start_run
from tests.factories import (
    NOW,
    make_agent,
    make_effect,
    make_request,
    make_run_end,
    make_tool,
    make_workflow,
    new_tenant_id,
)


class TestTransactions:
    async def test_commit_makes_writes_visible_to_others(self, uow: UnitOfWorkFactory, tenant: TenantId) -> None:
        tool = make_tool(tenant_id=tenant)
        async with uow(tenant) as work:
            await work.tools.add(tool)
            await work.commit()
        async with uow(tenant) as work:
            assert await work.tools.get(tool.name) == tool

    async def test_leaving_without_commit_rolls_back(self, uow: UnitOfWorkFactory, tenant: TenantId) -> None:
        tool = make_tool(tenant_id=tenant)
        async with uow(tenant) as work:
            await work.tools.add(tool)
            assert await work.tools.get(tool.name) == tool
        async with uow(tenant) as work:
            assert await work.tools.get(tool.name) is None

    async def test_an_error_rolls_back_and_passes_through(self, uow: UnitOfWorkFactory, tenant: TenantId) -> None:
        tool = make_tool(tenant_id=tenant)

        async def fail() -> None:
            async with uow(tenant) as work:
                await work.tools.add(tool)
                raise LookupError("on purpose")

        with pytest.raises(LookupError, match="on purpose"):
            await fail()
        async with uow(tenant) as work:
            assert await work.tools.get(tool.name) is None

    async def test_nothing_is_visible_to_others_before_the_commit(
        self, uow: UnitOfWorkFactory, tenant: TenantId
    ) -> None:
        tool = make_tool(tenant_id=tenant)
        async with uow(tenant) as writing, uow(tenant) as reading:
            await writing.tools.add(tool)
            assert await reading.tools.get(tool.name) is None

    async def test_nothing_can_be_written_after_the_commit(self, uow: UnitOfWorkFactory, tenant: TenantId) -> None:
        async with uow(tenant) as work:
            await work.tools.add(make_tool(tenant_id=tenant))
            await work.commit()
            with pytest.raises(RuntimeError):
                await work.tools.add(make_tool(tenant_id=tenant))

    async def test_other_tenants_rows_do_not_exist(self, uow: UnitOfWorkFactory, tenant: TenantId) -> None:
        agent, tool, workflow = (
            make_agent(tenant_id=tenant),
            make_tool(tenant_id=tenant),
            make_workflow(tenant_id=tenant),
        )
        run = await start_run(uow, tenant)
        request = await ask(uow, run)
        async with uow(tenant) as work:
            await work.agents.add(agent)
            await work.tools.add(tool)
            await work.workflows.add(workflow)
            await work.commit()
        async with uow(new_tenant_id()) as work:
            assert await work.agents.get(agent.id) is None
            assert await work.agents.resolve([agent.name, str(agent.id)]) == {}
            assert await work.tools.get(tool.name) is None
            assert await work.workflows.get(workflow.id) is None
            assert await work.executions.get(run.id) is None
            assert await work.hitl.get(request.id) is None
            assert (await work.executions.list(ALL, ExecutionFilter())).total == 0
            assert (await work.hitl.list(ALL, HitlFilter())).total == 0
            assert not await work.executions.finish(run.id, make_run_end(), LATER)
            assert not await work.hitl.settle(request.id, HitlStatus.APPROVED, LATER, "them", None)
            await work.commit()
        assert await read_run(uow, run) == run
        assert await read_request(uow, request) == request

    async def test_a_row_of_another_tenant_cannot_be_written(self, uow: UnitOfWorkFactory, tenant: TenantId) -> None:
        async with uow(tenant) as work:
            with pytest.raises(PermissionError):
                await work.tools.add(make_tool(tenant_id=new_tenant_id()))


class TestRaces:
    async def test_two_settle_and_one_wins(self, uow: UnitOfWorkFactory, tenant: TenantId) -> None:
        request = await ask(uow, await start_run(uow, tenant))

        async def settle(status: HitlStatus) -> bool:
            async with uow(tenant) as work:
                won = await work.hitl.settle(request.id, status, LATER, status, None)
                await work.commit()
                return won

        statuses = [HitlStatus.APPROVED, HitlStatus.REJECTED, HitlStatus.EXPIRED]
        won = await asyncio.gather(*(settle(status) for status in statuses))
        assert sorted(won) == [False, False, True]
        found = await read_request(uow, request)
        assert found.status == found.decided_by == statuses[won.index(True)]

    async def test_two_consume_and_one_wins(self, uow: UnitOfWorkFactory, tenant: TenantId) -> None:
        request = await ask(uow, await start_run(uow, tenant))
        async with uow(tenant) as work:
            await work.hitl.settle(request.id, HitlStatus.APPROVED, LATER, "boss", None)
            await work.commit()

        async def consume() -> bool:
            async with uow(tenant) as work:
                won = await work.hitl.consume(request.id, LATER)
                await work.commit()
                return won

        assert sorted(await asyncio.gather(consume(), consume(), consume())) == [False, False, True]

    async def test_two_reserve_and_one_wins(self, uow: UnitOfWorkFactory, tenant: TenantId) -> None:
        run = await start_run(uow, tenant)
        effect = make_effect(tenant_id=tenant, execution_id=run.id)

        async def reserve() -> bool:
            async with uow(tenant) as work:
                won = await work.effects.reserve(effect)
                await work.commit()
                return won

        assert sorted(await asyncio.gather(reserve(), reserve(), reserve())) == [False, False, True]

    async def test_two_finish_and_one_wins(self, uow: UnitOfWorkFactory, tenant: TenantId) -> None:
        run = await start_run(uow, tenant)

        async def finish() -> bool:
            async with uow(tenant) as work:
                won = await work.executions.finish(run.id, make_run_end(), LATER)
                await work.commit()
                return won

        assert sorted(await asyncio.gather(finish(), finish())) == [False, True]

    async def test_two_ask_the_same_and_get_one_request(self, uow: UnitOfWorkFactory, tenant: TenantId) -> None:
        run = await start_run(uow, tenant)
        request = make_request(tenant_id=tenant, execution_id=run.id)

        async def add() -> HitlRequest:
            async with uow(tenant) as work:
                found = await work.hitl.add(replace(request, id=make_request().id))
                await work.commit()
                return found

        found = await asyncio.gather(add(), add(), add())
        assert len({one.id for one in found}) == 1

    async def test_the_last_of_two_settlers_resumes_the_run(self, uow: UnitOfWorkFactory, tenant: TenantId) -> None:
        run = await start_run(uow, tenant)
        requests = [await ask(uow, run), await ask(uow, run)]
        async with uow(tenant) as work:
            await work.executions.pause(run.id, NOW, ["a"])
            await work.commit()
        both_have_settled = asyncio.Barrier(2)

        async def settle(request: HitlRequest) -> None:
            async with uow(tenant) as work:
                await work.hitl.settle(request.id, HitlStatus.APPROVED, LATER, "boss", None)
                await both_have_settled.wait()
                await work.executions.resume(run.id, LATER)
                await work.commit()

        await asyncio.gather(*(settle(request) for request in requests))
        assert (await read_run(uow, run)).status is ExecutionStatus.RUNNING

    async def test_two_publish_the_same_version_and_one_is_stale(
        self, uow: UnitOfWorkFactory, tenant: TenantId
    ) -> None:
        workflow = make_workflow(tenant_id=tenant)
        async with uow(tenant) as work:
            await work.workflows.add(workflow)
            await work.commit()

        async def publish(description: str) -> str:
            try:
                async with uow(tenant) as work:
                    await work.workflows.add_version(replace(workflow, version=2, description=description))
                    await work.commit()
            except ConflictError as error:
                return error.code
            return "published"

        assert sorted(await asyncio.gather(publish("a"), publish("b"))) == ["published", "stale"]

    async def test_a_cancelled_request_leaves_nothing_behind(self, uow: UnitOfWorkFactory, tenant: TenantId) -> None:
        tool, written = make_tool(tenant_id=tenant), asyncio.Event()

        async def write_and_wait() -> None:
            async with uow(tenant) as work:
                await work.tools.add(tool)
                written.set()
                await asyncio.Event().wait()

        task = asyncio.create_task(write_and_wait())
        async with asyncio.timeout(10):
            await written.wait()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            async with uow(tenant) as work:
                await work.tools.add(tool)  # neither stored nor locked
