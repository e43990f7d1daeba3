"""How many statements an operation takes, and that lists are read from an index in their order."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import pytest
from sqlalchemy import event, text
from sqlalchemy.ext.asyncio import AsyncEngine

from aumos_agent_framework.adapters.postgres import PostgresOutboxQueue, PostgresUnitOfWorkFactory
from aumos_agent_framework.adapters.postgres.engine import connected
from aumos_agent_framework.core.domain.executions import ExecutionFilter, ExecutionStatus
from aumos_agent_framework.core.domain.hitl import HitlFilter
from aumos_agent_framework.core.domain.paging import PageRequest
from aumos_agent_framework.core.types import AgentId, TenantId, WorkflowId
from tests.factories import (
    NOW,
    make_decision,
    make_effect,
    make_execution,
    make_message,
    make_plan,
    make_request,
    new_id,
)

SOME_WORKFLOW = WorkflowId(new_id())
SOME_AGENT = AgentId(new_id())


class Sent(NamedTuple):
    """A statement as it went to the server."""

    statement: str
    parameters: Any


@contextmanager
def statements(engine: AsyncEngine) -> Iterator[list[Sent]]:
    """Collect what is sent; BEGIN, COMMIT and ROLLBACK do not count."""
    seen: list[Sent] = []

    def note(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        seen.append(Sent(statement, parameters))

    event.listen(engine.sync_engine, "before_cursor_execute", note)
    yield seen
    event.remove(engine.sync_engine, "before_cursor_execute", note)


async def test_decisions_of_a_page_come_with_one_statement(
    uow: PostgresUnitOfWorkFactory, engine: AsyncEngine, tenant: TenantId
) -> None:
    run = make_execution(tenant_id=tenant)
    async with uow(tenant) as work:
        await work.executions.add(run, make_plan(run))
        for _ in range(5):
            request = make_request(tenant_id=tenant, execution_id=run.id)
            await work.hitl.add(request)
            for voter in ("a", "b"):
                await work.hitl.add_decision(request.id, make_decision(decided_by=voter))
        with statements(engine) as seen:
            page = await work.hitl.list(PageRequest(), HitlFilter())
    assert [len(request.decisions) for request in page.items] == [2] * 5
    assert len(seen) == 3  # the total, the page, the decisions


async def test_accepting_a_run_takes_two_statements_and_an_effect_one_each(
    uow: PostgresUnitOfWorkFactory, engine: AsyncEngine, tenant: TenantId
) -> None:
    run = make_execution(tenant_id=tenant)
    with statements(engine) as seen:
        async with uow(tenant) as work:
            await work.executions.add(run, make_plan(run))
            await work.outbox.add(make_message(tenant_id=tenant, execution_id=run.id))
            await work.commit()
        async with uow(tenant) as work:
            await work.effects.reserve(make_effect(tenant_id=tenant, execution_id=run.id))
            await work.commit()
    assert [sent.statement.split(" (")[0] for sent in seen] == [
        "INSERT INTO agf_executions",
        "INSERT INTO agf_outbox",
        "INSERT INTO agf_effects",
    ]


async def test_lists_of_executions_do_not_read_the_plan(
    uow: PostgresUnitOfWorkFactory, engine: AsyncEngine, tenant: TenantId
) -> None:
    run = make_execution(tenant_id=tenant)
    async with uow(tenant) as work:
        await work.executions.add(run, make_plan(run))
        with statements(engine) as seen:
            await work.executions.list(PageRequest(), ExecutionFilter())
            await work.executions.get(run.id)
    assert len(seen) == 3
    assert not [sent for sent in seen if "plan" in sent.statement]


@pytest.mark.parametrize(
    ("where", "index"),
    [
        (ExecutionFilter(), "ix_agf_executions_created"),
        (ExecutionFilter(workflow_id=SOME_WORKFLOW), "ix_agf_executions_workflow"),
        (ExecutionFilter(agent_id=SOME_AGENT), "ix_agf_executions_agent"),
        (ExecutionFilter(session_id="s"), "ix_agf_executions_session"),
        (ExecutionFilter(status=ExecutionStatus.PENDING), "ix_agf_executions_status"),
    ],
)
async def test_executions_are_read_from_an_index_in_order(
    uow: PostgresUnitOfWorkFactory, engine: AsyncEngine, tenant: TenantId, where: ExecutionFilter, index: str
) -> None:
    of_workflow = {"workflow_id": SOME_WORKFLOW, "workflow_version": 1}
    run = make_execution(tenant_id=tenant, agent_id=SOME_AGENT, session_id="s", **of_workflow)
    async with uow(tenant) as work:
        await work.executions.add(run, make_plan(run))
        with statements(engine) as seen:
            await work.executions.list(PageRequest(), where)
    plan = await explain(engine, tenant, seen[-1])
    assert index in plan
    assert "Sort" not in plan
    assert "InitPlan" in plan  # the tenant is looked up once, not per row


async def test_the_inbox_is_read_from_an_index_in_order(
    uow: PostgresUnitOfWorkFactory, engine: AsyncEngine, tenant: TenantId
) -> None:
    run = make_execution(tenant_id=tenant)
    async with uow(tenant) as work:
        await work.executions.add(run, make_plan(run))
        await work.hitl.add(make_request(tenant_id=tenant, execution_id=run.id))
        with statements(engine) as seen:
            await work.hitl.list(PageRequest(), HitlFilter())
    plan = await explain(engine, tenant, seen[1])
    assert "ix_agf_hitl_requests_inbox" in plan
    assert "Sort" not in plan


async def test_the_relay_reads_the_outbox_from_an_index_in_order(
    queue: PostgresOutboxQueue, relay_engine: AsyncEngine
) -> None:
    with statements(relay_engine) as seen:
        async with queue.claim(50, NOW):
            pass
    plan = await explain(relay_engine, None, seen[-1])
    assert "ix_agf_outbox_order" in plan
    assert "Sort" not in plan


async def explain(engine: AsyncEngine, tenant: TenantId | None, sent: Sent) -> str:
    """Return the plan that a statement would have on large tables."""
    async with connected(engine, tenant) as connection:
        for kind in ("seqscan", "bitmapscan"):
            await connection.execute(text(f"SET LOCAL enable_{kind} = off"))
        rows = await connection.exec_driver_sql(f"EXPLAIN {sent.statement}", sent.parameters)
        return "\n".join(row[0] for row in rows)
