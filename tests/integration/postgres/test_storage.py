"""What PostgreSQL cannot hold is invalid input and no server error; everything else comes back exactly."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from aumos_agent_framework.adapters.postgres import PostgresUnitOfWorkFactory
from aumos_agent_framework.adapters.postgres.unit_of_work import PostgresUnitOfWork
from aumos_agent_framework.core.domain.executions import ExecutionFilter
from aumos_agent_framework.core.domain.paging import PageRequest
from aumos_agent_framework.core.domain.workflows import Workflow
from aumos_agent_framework.core.errors import ConflictError, InvalidInputError
from aumos_agent_framework.core.types import TenantId, WorkflowId
from tests.factories import (
    make_agent,
    make_decision,
    make_effect,
    make_execution,
    make_key,
    make_plan,
    make_request,
    make_tool,
    make_workflow,
    new_id,
)

Attempt = Callable[[PostgresUnitOfWork, TenantId], Awaitable[Any]]

UNSTORABLE: dict[str, Attempt] = {
    "NUL in a text": lambda work, tenant: work.tools.add(make_tool(tenant_id=tenant, description="a\x00b")),
    "NUL in a list of texts": lambda work, tenant: work.agents.add(
        make_agent(tenant_id=tenant, capabilities=("\x00",))
    ),
    "NUL in a name to look for": lambda work, _: work.agents.resolve(["a\x00"]),
    "lone surrogate in a text": lambda work, tenant: work.tools.add(make_tool(tenant_id=tenant, description="\ud800")),
    "lone surrogate in a document": lambda work, tenant: work.tools.add(
        make_tool(tenant_id=tenant, config={"url": "\udfff"})
    ),
    "integer beyond 64 bits in a document": lambda work, tenant: work.tools.add(
        make_tool(tenant_id=tenant, config={"n": 2**64})
    ),
    "version beyond 32 bits": lambda work, _: work.workflows.get(WorkflowId(new_id()), 2**40),
    "name too long": lambda work, tenant: work.agents.add(make_agent(tenant_id=tenant, name="x" * 513)),
    "key too long": lambda work, _: work.idempotency.claim(make_key(key="x" * 513), Workflow),
    "key too large for the index": lambda work, _: work.idempotency.claim(
        make_key(
            key="".join(chr(0x10000 + n * 37) for n in range(512)),
            scope="".join(chr(0x20000 + n * 41) for n in range(512)),
        ),
        Workflow,
    ),
    "level that does not exist": lambda work, tenant: work.tools.add(
        make_tool(tenant_id=tenant, min_privilege_level=6)
    ),
    "status that does not exist": lambda work, tenant: work.tools.add(make_tool(tenant_id=tenant, status="odd")),
}


DANGLING: dict[str, Attempt] = {
    "request": lambda work, tenant: work.hitl.add(make_request(tenant_id=tenant)),
    "effect": lambda work, tenant: work.effects.reserve(make_effect(tenant_id=tenant)),
    "decision": lambda work, _: work.hitl.add_decision(make_request().id, make_decision()),
}


@pytest.mark.parametrize("case", UNSTORABLE)
async def test_what_cannot_be_stored_is_invalid_input(
    uow: PostgresUnitOfWorkFactory, tenant: TenantId, case: str
) -> None:
    async with uow(tenant) as work:
        with pytest.raises(InvalidInputError) as caught:
            await UNSTORABLE[case](work, tenant)
    assert caught.value.code == "unstorable"
    async with uow(tenant) as work:
        assert (await work.tools.list(PageRequest())).total == 0


@pytest.mark.parametrize("case", DANGLING)
async def test_a_row_that_refers_to_nothing_is_a_conflict(
    uow: PostgresUnitOfWorkFactory, tenant: TenantId, case: str
) -> None:
    async with uow(tenant) as work:
        with pytest.raises(ConflictError) as caught:
            await DANGLING[case](work, tenant)
    assert caught.value.code == "reference_missing"


async def test_a_row_that_refers_to_another_tenants_row_is_a_conflict(
    uow: PostgresUnitOfWorkFactory, tenant: TenantId
) -> None:
    theirs = make_execution()
    async with uow(theirs.tenant_id) as work:
        await work.executions.add(theirs, make_plan(theirs))
        await work.commit()
    async with uow(tenant) as work:
        with pytest.raises(ConflictError):
            await work.hitl.add(make_request(tenant_id=tenant, execution_id=theirs.id))


async def test_the_plan_is_stored_as_it_is(uow: PostgresUnitOfWorkFactory, tenant: TenantId, admin: Any) -> None:
    run = make_execution(tenant_id=tenant)
    plan = make_plan(run, definition={"nodes": {"zz": {}, "a": {}}})
    async with uow(tenant) as work:
        await work.executions.add(run, plan)
        await work.commit()
    stored = await admin.fetchval("SELECT plan->'definition' FROM agf_executions WHERE id = $1", run.id)
    assert stored == '{"nodes":{"zz":{},"a":{}}}'


async def test_a_large_document_comes_back(uow: PostgresUnitOfWorkFactory, tenant: TenantId) -> None:
    workflow = make_workflow(
        tenant_id=tenant, graph_definition={"nodes": {f"n{n}": {"p": "ü" * 100} for n in range(5000)}}
    )
    async with uow(tenant) as work:
        await work.workflows.add(workflow)
        assert await work.workflows.get(workflow.id) == workflow
        assert (await work.executions.list(PageRequest(), ExecutionFilter())).total == 0
