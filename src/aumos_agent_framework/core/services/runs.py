"""What a run reports of itself: that it began, that it waits, how it ended."""

from collections.abc import Sequence
from dataclasses import replace
from uuid import uuid5

from aumos_agent_framework.core.domain.executions import Execution, ExecutionStatus, RunEnd, StepRecord
from aumos_agent_framework.core.domain.outbox import OutboxKind
from aumos_agent_framework.core.errors import NotFoundError
from aumos_agent_framework.core.interfaces.clock import Clock
from aumos_agent_framework.core.interfaces.run_signals import RunSignals
from aumos_agent_framework.core.interfaces.unit_of_work import UnitOfWork, UnitOfWorkFactory
from aumos_agent_framework.core.services.act_case import RUN_CANCELLED
from aumos_agent_framework.core.services.fast_path import outbox_message
from aumos_agent_framework.core.types import ExecutionId, OutboxId, TenantId


class RunService:
    """Writes a run's transitions. Every method may be repeated; none changes a run that has ended."""

    def __init__(self, *, uow: UnitOfWorkFactory, clock: Clock, signals: RunSignals) -> None:
        self._uow = uow
        self._clock = clock
        self._signals = signals

    async def begin(self, tenant_id: TenantId, execution_id: ExecutionId) -> None:
        """Say that a worker has taken up the run.

        A cancellation that was asked for before the run existed in the engine found nobody to tell; it is sent again
        from here.

        Raises:
            NotFoundError: there is no such execution.
        """
        async with self._uow(tenant_id) as work:
            execution = await work.executions.get(execution_id)
            if execution is None:
                raise NotFoundError("execution", execution_id)
            if execution.status is not ExecutionStatus.PENDING:
                return
            await work.executions.begin(execution_id, self._clock.now())
            if execution.cancel_requested:
                await self._cancel_again(work, execution)
            await work.commit()
        await self._signals.announce(tenant_id, execution_id)

    async def record_pause(self, tenant_id: TenantId, execution_id: ExecutionId, steps: Sequence[StepRecord]) -> None:
        """Store the steps so far, for readers who come while nobody can ask the run itself."""
        async with self._uow(tenant_id) as work:
            await work.executions.save_steps(execution_id, steps)
            await work.commit()
        await self._signals.announce(tenant_id, execution_id)

    async def finish(
        self, tenant_id: TenantId, execution_id: ExecutionId, end: RunEnd, steps: Sequence[StepRecord]
    ) -> None:
        """Write the end, its steps and the cancellation of open requests in one transaction; the first end stays.

        A run that failed because the door refused it for being cancelled is cancelled.
        """
        if end.error is not None and end.error.code == RUN_CANCELLED:
            end = replace(end, status=ExecutionStatus.CANCELLED)
        now = self._clock.now()
        async with self._uow(tenant_id) as work:
            await work.hitl.cancel_open(execution_id, now)  # requests before runs: deciding locks in this order too
            if await work.executions.finish(execution_id, end, now):
                await work.executions.save_steps(execution_id, steps)
                await work.hitl.cancel_open(execution_id, now)  # one that was opened while the run's row was awaited
            await work.commit()
        await self._signals.announce(tenant_id, execution_id)

    async def _cancel_again(self, work: UnitOfWork, execution: Execution) -> None:
        message = outbox_message(
            OutboxId(uuid5(execution.id, "cancel at begin")),
            OutboxKind.CANCEL,
            {"reason": "Cancelled before the run began."},
            tenant_id=execution.tenant_id,
            execution_id=execution.id,
            now=self._clock.now(),
        )
        await work.outbox.add(message)
