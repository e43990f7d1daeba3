"""A row in every table for a tenant, written the way the service writes it."""

from aumos_agent_framework.core.domain.workflows import Workflow
from aumos_agent_framework.core.interfaces.unit_of_work import UnitOfWorkFactory
from aumos_agent_framework.core.types import TenantId
from tests.factories import (
    make_agent,
    make_decision,
    make_effect,
    make_execution,
    make_key,
    make_message,
    make_plan,
    make_request,
    make_step,
    make_tool,
    make_workflow,
)


async def fill(uow: UnitOfWorkFactory, tenant: TenantId) -> None:
    """Store one of everything; a new table must be added here (a test counts them)."""
    run = make_execution(tenant_id=tenant)
    request = make_request(tenant_id=tenant, execution_id=run.id)
    key = make_key()
    async with uow(tenant) as work:
        await work.tenants.ensure("acme")
        await work.agents.add(make_agent(tenant_id=tenant))
        await work.tools.add(make_tool(tenant_id=tenant))
        await work.workflows.add(make_workflow(tenant_id=tenant))
        await work.executions.add(run, make_plan(run))
        await work.executions.save_steps(run.id, [make_step()])
        await work.hitl.add(request)
        await work.hitl.add_decision(request.id, make_decision())
        await work.effects.reserve(make_effect(tenant_id=tenant, execution_id=run.id, hitl_request_id=request.id))
        await work.outbox.add(make_message(tenant_id=tenant, execution_id=run.id))
        await work.idempotency.claim(key, Workflow)
        await work.idempotency.answer(key, make_workflow(tenant_id=tenant))
        await work.commit()
