"""One worker of our own on a real Temporal server; each test has its own task queue."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from temporalio.client import Client, WorkflowHandle

from aumos_agent_framework.adapters.durable_execution.client import connect
from aumos_agent_framework.adapters.durable_execution.run_worker import create_worker
from aumos_agent_framework.adapters.durable_execution.temporal_executor import TemporalExecutor
from aumos_agent_framework.core.domain.agents import ResourceLimits
from aumos_agent_framework.core.domain.executions import AgentBinding, Governance, RunEnd, RunPlan
from aumos_agent_framework.core.domain.tools import ToolSpec
from aumos_agent_framework.core.domain.workflows import RunAs
from aumos_agent_framework.core.types import AgentId, ExecutionId, JsonObject, PrivilegeLevel, TenantId
from tests.integration.temporal.scripted_activities import ScriptedActivities

DEADLINE = timedelta(seconds=30)


@dataclass
class Bench:
    """A worker with scripted activities, and the executor under test."""

    client: Client
    executor: TemporalExecutor
    activities: ScriptedActivities

    def plan(self, definition: JsonObject, **changes: Any) -> RunPlan:
        return replace(make_plan(definition), **changes)

    def handle(self, plan: RunPlan) -> WorkflowHandle[Any, Any]:
        return self.client.get_workflow_handle(self.executor.workflow_id(plan.tenant_id, plan.execution_id))

    async def ended(self, plan: RunPlan) -> RunEnd:
        await self.handle(plan).result(rpc_timeout=DEADLINE)
        return self.activities.finished

    async def run(self, plan: RunPlan) -> RunEnd:
        await self.executor.start(plan)
        return await self.ended(plan)


@pytest.fixture
async def bench(temporal_address: str) -> AsyncIterator[Bench]:
    client = await connect(temporal_address, "default")
    queue = f"test-{uuid4()}"
    activities = ScriptedActivities()
    async with create_worker(client, queue, activities.all()):
        yield Bench(client, TemporalExecutor(client, queue), activities)


def make_plan(definition: JsonObject) -> RunPlan:
    """A plan whose tools (``quick``, ``slow``) and agent (on any node called ``agent``) exist."""
    tools = {
        "quick": ToolSpec("quick", "", {"type": "object"}, short=True),
        "slow": ToolSpec("slow", "", {"type": "object"}, short=False),
    }
    binding = AgentBinding(
        AgentId(uuid4()), "ada", 1, "Be brief.", {"name": "scripted"}, tuple(tools.values()), ResourceLimits()
    )
    return RunPlan(
        tenant_id=TenantId(uuid4()),
        execution_id=ExecutionId(uuid4()),
        workflow_id=None,
        workflow_name="under test",
        workflow_version=1,
        definition_hash="0" * 64,
        definition=definition,
        bindings={"agent": binding},
        tools=tools,
        gates={},
        governance=Governance("alice", PrivilegeLevel.ADMIN, RunAs.CALLER, None, 100),
        input_data={},
    )
