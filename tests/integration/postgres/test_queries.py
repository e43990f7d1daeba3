"""How many statements an operation takes, and that lists are read from an index in their order."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import Select, event, text
from sqlalchemy.dialects import postgresql
from sqlalchemy.ext.asyncio import AsyncEngine

from aumos_agent_framework.adapters.postgres import PostgresUnitOfWorkFactory, executions, hitl, outbox_queue
from aumos_agent_framework.adapters.postgres.engine import connected
from aumos_agent_framework.core.domain.executions import ExecutionFilter, ExecutionStatus
from aumos_agent_framework.core.domain.hitl import HitlFilter
from aumos_agent_framework.core.domain.paging import PageRequest
from aumos_agent_framework.core.models import HitlRequestRow
from aumos_agent_framework.core.types import AgentId, TenantId, WorkflowId
from tests.factories import (
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


@contextmanager
def statements(engine: AsyncEngine) -> Iterator[list[str]]:
    """Collect what is sent; BEGIN, COMMIT and ROLLBACK do not count."""
    seen: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        seen.append(statement)

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
    assert [statement.split(" (")[0] for statement in seen] == [
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
    assert not [statement for statement in seen if "plan" in statement]


@pytest.mark.parametrize(
    ("query", "index"),
    [
        (executions._filtered(ExecutionFilter()), "ix_agf_executions_created"),
        (executions._filtered(ExecutionFilter(workflow_id=SOME_WORKFLOW)), "ix_agf_executions_workflow"),
        (executions._filtered(ExecutionFilter(agent_id=SOME_AGENT)), "ix_agf_executions_agent"),
        (executions._filtered(ExecutionFilter(session_id="s")), "ix_agf_executions_session"),
        (executions._filtered(ExecutionFilter(status=ExecutionStatus.FAILED)), "ix_agf_executions_status"),
        (
            hitl._filtered(HitlFilter()).order_by(HitlRequestRow.expires_at, HitlRequestRow.id),
            "ix_agf_hitl_requests_inbox",
        ),
    ],
)
async def test_a_list_is_read_from_its_index_in_order(
    engine: AsyncEngine, tenant: TenantId, query: Select[Any], index: str
) -> None:
    plan = await explain(engine, tenant, query.limit(50))
    assert index in plan
    assert "Sort" not in plan
    assert "InitPlan" in plan  # the tenant is looked up once, not per row


async def test_the_relay_reads_the_outbox_in_order(relay_engine: AsyncEngine) -> None:
    claim = outbox_queue._CLAIM.params(now=datetime.now(UTC), most=50)
    plan = await explain(relay_engine, None, claim)
    assert "ix_agf_outbox_order" in plan
    assert "Sort" not in plan


async def explain(engine: AsyncEngine, tenant: TenantId | None, query: Select[Any]) -> str:
    """Return the plan that a large table would have."""
    sql = query.compile(dialect=postgresql.dialect(), compile_kwargs={"literal_binds": True})
    async with connected(engine, tenant) as connection:
        await connection.execute(text("SET LOCAL enable_seqscan = off"))
        await connection.execute(text("SET LOCAL enable_bitmapscan = off"))
        rows = await connection.exec_driver_sql(f"EXPLAIN {sql}")
        return "\n".join(row[0] for row in rows)
