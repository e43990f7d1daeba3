"""Runs that the durable engine ended by itself: their rows are told, so that nobody waits for ever."""

import asyncio
import logging
from datetime import datetime, timedelta

from aumos_agent_framework.core.domain.executions import ExecutionError, ExecutionStatus, RunEnd, Usage
from aumos_agent_framework.core.errors import AgfError
from aumos_agent_framework.core.interfaces.clock import Clock
from aumos_agent_framework.core.interfaces.durable_executor import DurableExecutor, EndedRun
from aumos_agent_framework.core.services.runs import RunService

FIRST_LOOK_BACK = timedelta(days=7)
LOOK_BACK = timedelta(minutes=10)
INTERVAL_SECONDS = 15.0
_log = logging.getLogger(__name__)


class Reconciler:
    """Writes the end of runs that could not write it themselves. Any number may run at once: an end is written once."""

    def __init__(
        self,
        *,
        executor: DurableExecutor,
        runs: RunService,
        clock: Clock,
        interval_seconds: float = INTERVAL_SECONDS,
    ) -> None:
        self._executor = executor
        self._runs = runs
        self._clock = clock
        self._interval_seconds = interval_seconds
        self._since: datetime | None = None

    async def run(self, stop: asyncio.Event) -> None:
        """Look every few seconds until ``stop`` is set; with engine or database away it logs and goes on."""
        while not stop.is_set():
            try:
                await self.run_once()
            except AgfError as error:
                _log.warning("reconciler_waits", extra={"reason": error.message})
            except Exception:  # noqa: BLE001 - one odd run must not leave all others unreconciled
                _log.exception("reconciler_fault")
            await self._idle(stop)

    async def run_once(self) -> int:
        """Look once, a little further back than the last time; return how many ended runs were seen.

        Raises:
            UnavailableError: the engine or the database is away; the next look covers the same time.
        """
        began = self._clock.now()
        ended = await self._executor.ended_unwritten(self._since or began - FIRST_LOOK_BACK)
        for run in ended:
            await self._write(run)
        self._since = began - LOOK_BACK
        return len(ended)

    async def _write(self, run: EndedRun) -> None:
        message = f"The durable engine ended the run ({run.how}) before it could write its own end."
        error = ExecutionError("engine_ended", message)
        await self._runs.finish(
            run.tenant_id, run.execution_id, RunEnd(ExecutionStatus.FAILED, None, error, Usage()), ()
        )

    async def _idle(self, stop: asyncio.Event) -> None:
        try:
            async with asyncio.timeout(self._interval_seconds):
                await stop.wait()
        except TimeoutError:
            return
