"""``DurableExecutor`` on a Temporal client."""

from collections.abc import Awaitable, Sequence
from datetime import datetime, timedelta
from typing import TypeVar
from uuid import UUID

from temporalio.client import Client, WorkflowHandle, WorkflowQueryFailedError, WorkflowQueryRejectedError
from temporalio.common import Priority, WorkflowIDReusePolicy
from temporalio.exceptions import WorkflowAlreadyStartedError
from temporalio.service import RPCError, RPCStatusCode

from aumos_agent_framework.adapters.durable_execution import names
from aumos_agent_framework.core.domain.executions import RunPlan, StepRecord
from aumos_agent_framework.core.domain.hitl import Settlement
from aumos_agent_framework.core.errors import UnavailableError
from aumos_agent_framework.core.interfaces.durable_executor import EndedRun
from aumos_agent_framework.core.types import ExecutionId, TenantId

T = TypeVar("T")
_RPC_TIMEOUT = timedelta(seconds=5)
_QUERY_TIMEOUT = timedelta(seconds=3)
_MAX_ENDED = 1_000


class TemporalExecutor:
    """Starts and steers runs; every method is idempotent by the run's id."""

    def __init__(self, client: Client, task_queue: str) -> None:
        self._client = client
        self._task_queue = task_queue

    def workflow_id(self, tenant_id: TenantId, execution_id: ExecutionId) -> str:
        """Return the run's id at Temporal: tenant and execution, both opaque."""
        return f"{tenant_id}/{execution_id}"

    async def start(self, plan: RunPlan) -> None:
        """Start the run unless it exists, even ended."""
        try:
            await _reached(
                self._client.start_workflow(
                    names.WORKFLOW,
                    plan,
                    id=self.workflow_id(plan.tenant_id, plan.execution_id),
                    task_queue=self._task_queue,
                    id_reuse_policy=WorkflowIDReusePolicy.REJECT_DUPLICATE,
                    priority=Priority(fairness_key=str(plan.tenant_id)),
                    rpc_timeout=_RPC_TIMEOUT,
                )
            )
        except WorkflowAlreadyStartedError:
            return

    async def settle(self, tenant_id: TenantId, execution_id: ExecutionId, settlement: Settlement) -> None:
        """Signal the settlement."""
        handle = self._handle(tenant_id, execution_id)
        await self._steer(handle, handle.signal(names.SETTLE_SIGNAL, settlement, rpc_timeout=_RPC_TIMEOUT))

    async def cancel(self, tenant_id: TenantId, execution_id: ExecutionId, reason: str) -> None:
        """Request the run's cancellation."""
        handle = self._handle(tenant_id, execution_id)
        await self._steer(handle, handle.cancel(reason=reason, rpc_timeout=_RPC_TIMEOUT))

    async def ended_unwritten(self, since: datetime) -> Sequence[EndedRun]:
        """List such runs from the engine's visibility store."""
        query = (
            f"WorkflowType = '{names.WORKFLOW}' AND ExecutionStatus IN ('Terminated', 'TimedOut', 'Failed') "
            f"AND CloseTime >= '{since.isoformat()}'"
        )
        found: list[EndedRun] = []
        try:
            async for run in self._client.list_workflows(query, limit=_MAX_ENDED, rpc_timeout=_RPC_TIMEOUT):
                tenant_id, _, execution_id = run.id.partition("/")
                how = "unknown" if run.status is None else run.status.name.lower()
                found.append(EndedRun(TenantId(UUID(tenant_id)), ExecutionId(UUID(execution_id)), how))
        except RPCError as fault:
            message = f"The workflow engine does not list runs ({fault.status.name})."
            raise UnavailableError("temporal_unavailable", message) from fault
        return found

    async def steps(self, tenant_id: TenantId, execution_id: ExecutionId) -> Sequence[StepRecord] | None:
        """Ask the run for its steps; a worker answers, so without one there is no answer."""
        handle = self._handle(tenant_id, execution_id)
        try:
            found: Sequence[StepRecord] = await handle.query(
                names.STEPS_QUERY, result_type=tuple[StepRecord, ...], rpc_timeout=_QUERY_TIMEOUT
            )
        except (RPCError, WorkflowQueryFailedError, WorkflowQueryRejectedError):
            return None
        return found

    def _handle(self, tenant_id: TenantId, execution_id: ExecutionId) -> WorkflowHandle[object, object]:
        return self._client.get_workflow_handle(self.workflow_id(tenant_id, execution_id))

    async def _steer(self, handle: WorkflowHandle[object, object], call: Awaitable[None]) -> None:
        """Steer a run that may have ended. One that was never started is still to come: worth trying again."""
        try:
            await _reached(call)
        except RPCError as fault:
            if fault.status is not RPCStatusCode.NOT_FOUND:
                raise
            if not await self._exists(handle):
                raise UnavailableError("run_not_started", "The run has not been started yet.") from fault

    async def _exists(self, handle: WorkflowHandle[object, object]) -> bool:
        try:
            await _reached(handle.describe(rpc_timeout=_RPC_TIMEOUT))
        except RPCError as fault:
            if fault.status is RPCStatusCode.NOT_FOUND:
                return False
            raise
        return True


async def _reached(call: Awaitable[T]) -> T:
    """Turn the engine's absence into our error; any other answer of the engine passes through."""
    try:
        return await call
    except RPCError as fault:
        if fault.status is RPCStatusCode.NOT_FOUND:
            raise
        message = f"The workflow engine does not answer ({fault.status.name})."
        raise UnavailableError("temporal_unavailable", message) from fault
