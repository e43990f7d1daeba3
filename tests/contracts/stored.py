"""Stores what most contract tests of the repositories begin with."""

from datetime import timedelta
from typing import Any

from aumos_agent_framework.core.domain.executions import (
    Execution,
)
from aumos_agent_framework.core.domain.hitl import HitlRequest
from aumos_agent_framework.core.domain.paging import PageRequest
from aumos_agent_framework.core.interfaces.unit_of_work import UnitOfWorkFactory
from aumos_agent_framework.core.types import TenantId
from tests.factories import (
    NOW,
    make_execution,
    make_plan,
    make_request,
)

LATER = NOW + timedelta(minutes=1)
"""After everything that the factories make."""

ALL = PageRequest(1, 200)


async def start_run(uow: UnitOfWorkFactory, tenant: TenantId, **overrides: Any) -> Execution:
    """Store an execution."""
    execution = make_execution(tenant_id=tenant, **overrides)
    async with uow(tenant) as work:
        await work.executions.add(execution, make_plan(execution))
        await work.commit()
    return execution


async def read_run(uow: UnitOfWorkFactory, run: Execution) -> Execution:
    async with uow(run.tenant_id) as work:
        found = await work.executions.get(run.id)
    assert found is not None
    return found


async def ask(uow: UnitOfWorkFactory, run: Execution, **overrides: Any) -> HitlRequest:
    """Store a request of a run."""
    request = make_request(tenant_id=run.tenant_id, execution_id=run.id, **overrides)
    async with uow(run.tenant_id) as work:
        await work.hitl.add(request)
        await work.commit()
    return request


async def read_request(uow: UnitOfWorkFactory, request: HitlRequest) -> HitlRequest:
    async with uow(request.tenant_id) as work:
        found = await work.hitl.get(request.id)
    assert found is not None
    return found
