"""The durable engine, as the services see it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from aumos_agent_framework.core.domain.executions import RunPlan, StepRecord
from aumos_agent_framework.core.domain.hitl import Settlement
from aumos_agent_framework.core.types import ExecutionId, TenantId


@dataclass(frozen=True, slots=True)
class EndedRun:
    """A run that ended without its own doing; ``how`` is the engine's word for it, in lower case."""

    tenant_id: TenantId
    execution_id: ExecutionId
    how: str


class DurableExecutor(Protocol):
    """Starts and steers runs. Every method is idempotent and raises ``UnavailableError`` when the engine is away."""

    def workflow_id(self, tenant_id: TenantId, execution_id: ExecutionId) -> str:
        """Return the engine's id of a run; it holds nothing but opaque ids."""
        ...

    async def start(self, plan: RunPlan) -> None:
        """Start a run. A run that exists already, even ended, is left alone without an error."""
        ...

    async def settle(self, tenant_id: TenantId, execution_id: ExecutionId, settlement: Settlement) -> None:
        """Tell a run of a settled request. Repetitions and runs that are gone are ignored."""
        ...

    async def cancel(self, tenant_id: TenantId, execution_id: ExecutionId, reason: str) -> None:
        """Ask a run to stop. A run that has ended is left alone."""
        ...

    async def ended_unwritten(self, since: datetime) -> Sequence[EndedRun]:
        """Return runs that the engine itself ended since then (terminated, timed out, failed), newest first.

        Such a run has not written its end. At most 1,000 are returned.
        """
        ...

    async def steps(self, tenant_id: TenantId, execution_id: ExecutionId) -> Sequence[StepRecord] | None:
        """Return the steps of a run in progress, or ``None`` when nobody can tell now (no worker, run ended)."""
        ...
