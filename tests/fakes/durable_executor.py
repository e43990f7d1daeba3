"""A durable engine that keeps what it is told and runs nothing."""

from collections.abc import Sequence
from datetime import datetime

from aumos_agent_framework.core.domain.executions import RunPlan, StepRecord
from aumos_agent_framework.core.domain.hitl import Settlement
from aumos_agent_framework.core.errors import UnavailableError
from aumos_agent_framework.core.interfaces.durable_executor import EndedRun
from aumos_agent_framework.core.types import ExecutionId, TenantId


class RecordingExecutor:
    """See ``DurableExecutor``. ``available = False`` makes every call fail; ``live_steps`` is what runs report."""

    def __init__(self) -> None:
        self.available = True
        self.started: dict[ExecutionId, RunPlan] = {}
        self.settled: dict[ExecutionId, list[Settlement]] = {}
        self.cancelled: dict[ExecutionId, str] = {}
        self.live_steps: dict[ExecutionId, tuple[StepRecord, ...]] = {}
        self.ended: list[EndedRun] = []
        self.looked_since: list[datetime] = []
        self.calls = 0

    def workflow_id(self, tenant_id: TenantId, execution_id: ExecutionId) -> str:
        return f"{tenant_id}/{execution_id}"

    async def start(self, plan: RunPlan) -> None:
        self._answer()
        self.started.setdefault(plan.execution_id, plan)

    async def settle(self, tenant_id: TenantId, execution_id: ExecutionId, settlement: Settlement) -> None:
        self._answer()
        told = self.settled.setdefault(execution_id, [])
        if settlement.request_id not in {one.request_id for one in told}:
            told.append(settlement)

    async def cancel(self, tenant_id: TenantId, execution_id: ExecutionId, reason: str) -> None:
        self._answer()
        self.cancelled.setdefault(execution_id, reason)

    async def ended_unwritten(self, since: datetime) -> Sequence[EndedRun]:
        self._answer()
        self.looked_since.append(since)
        return self.ended

    async def steps(self, tenant_id: TenantId, execution_id: ExecutionId) -> Sequence[StepRecord] | None:
        self._answer()
        return self.live_steps.get(execution_id)

    def _answer(self) -> None:
        self.calls += 1
        if not self.available:
            raise UnavailableError("engine_unavailable", "The durable engine does not answer.")
