"""Keeping a process running: start, watch, restart, stop."""

import asyncio
import contextlib
import signal
from asyncio.subprocess import Process
from collections import deque
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path

from aumos_agent_framework.embedded.components import Command, Component, ComponentState
from aumos_agent_framework.embedded.errors import StackError, log_tail
from aumos_agent_framework.embedded.processes import spawn

Report = Callable[[ComponentState, int | None], None]
"""Called with the new state and the pid on every change."""


@dataclass(frozen=True, slots=True)
class RestartPolicy:
    """How often a component may end by itself within a time before the stack gives up. Waits double in between.

    ``ready_within_seconds`` limits the first start; a component that is not ready by then is given up at once.
    """

    restarts: int = 5
    within_seconds: float = 60.0
    first_wait_seconds: float = 0.1
    longest_wait_seconds: float = 5.0
    ready_within_seconds: float = 120.0


class Supervised:
    """One component, kept running by a task from construction until ``stop``."""

    def __init__(self, component: Component, log: Path, report: Report, policy: RestartPolicy) -> None:
        self._component = component
        self._log = log
        self._report = report
        self._policy = policy
        self._grace_seconds = 0.0
        self._ends: deque[float] = deque()
        self._was_ready = asyncio.Event()
        self._task = asyncio.create_task(self._keep(), name=f"keep {component.name}")

    async def ready(self) -> None:
        """Wait until the component is ready for the first time.

        Raises:
            StackError: it could not be started.
        """
        was_ready = asyncio.create_task(self._was_ready.wait())
        try:
            await asyncio.wait({was_ready, self._task}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            was_ready.cancel()
        if not self._was_ready.is_set():
            await self._task

    async def given_up(self) -> None:
        """Wait until the component has ended too often, which raises ``StackError``."""
        await asyncio.shield(self._task)

    async def stop(self, grace_seconds: float) -> None:
        """End the process with its own signal, kill it after the grace, and return when it is gone."""
        if self._task.done():
            return  # given up; its state says so
        self._grace_seconds = grace_seconds
        self._task.cancel()
        await asyncio.wait({self._task})
        self._report(ComponentState.STOPPED, None)

    async def _keep(self) -> None:
        state = ComponentState.STARTING
        try:
            while True:
                self._report(state, None)
                how = await self._run(state)
                await self._wait_before_restart(how)
                state = ComponentState.RESTARTING
        except OSError as error:
            self._report(ComponentState.FAILED, None)
            raise StackError(f"{self._component.name} cannot be started: {error}.") from error
        except StackError:
            self._report(ComponentState.FAILED, None)
            raise

    async def _run(self, state: ComponentState) -> str:
        """Run the process once and return how it ended."""
        await self._component.prepare()
        async with self._process() as process:
            self._report(state, process.pid)
            if await self._becomes_ready(process):
                self._report(ComponentState.RUNNING, process.pid)
                self._was_ready.set()
                await process.wait()
        return _how_it_ended(process)

    @contextlib.asynccontextmanager
    async def _process(self) -> AsyncIterator[Process]:
        process = await spawn(self._component.command, self._log)
        try:
            yield process
        finally:
            await _end(process, self._component.command, self._grace_seconds)

    async def _becomes_ready(self, process: Process) -> bool:
        """Wait until the process is ready (``True``) or has ended.

        The time for it is limited at the first start only. Later a person may need longer to bring back what the
        component depends on, and restarting it would not help.
        """
        limit = None if self._was_ready.is_set() else self._policy.ready_within_seconds
        ready = asyncio.create_task(self._asking(process.pid))
        ended = asyncio.create_task(process.wait())
        try:
            done, _ = await asyncio.wait({ready, ended}, timeout=limit, return_when=asyncio.FIRST_COMPLETED)
            if not done:
                raise StackError(f"{self._component.name} is not ready after {limit:g} s. {log_tail(self._log)}")
            if ready.done():
                ready.result()
            return not ended.done()
        finally:
            ready.cancel()
            ended.cancel()

    async def _asking(self, pid: int) -> None:
        while not await self._component.ready(pid):  # noqa: ASYNC110 - what is waited for is another process
            await asyncio.sleep(self._component.asked_every_seconds)

    async def _wait_before_restart(self, how: str) -> None:
        now = asyncio.get_running_loop().time()
        self._ends.append(now)
        while self._ends[0] < now - self._policy.within_seconds:
            self._ends.popleft()
        if len(self._ends) > self._policy.restarts:
            raise StackError(f"{self._component.name} does not stay up: it {how}. {log_tail(self._log)}")
        wait = self._policy.first_wait_seconds * 2 ** (len(self._ends) - 1)
        await asyncio.sleep(min(wait, self._policy.longest_wait_seconds))


async def _end(process: Process, command: Command, grace_seconds: float) -> None:
    if process.returncode is not None:
        return
    with contextlib.suppress(ProcessLookupError):  # it may end by itself just now
        process.send_signal(command.stop_signal)
        try:
            async with asyncio.timeout(grace_seconds):
                await process.wait()
        except TimeoutError:
            process.kill()
    await process.wait()


def _how_it_ended(process: Process) -> str:
    code = process.returncode or 0
    return f"was killed by {signal.Signals(-code).name}" if code < 0 else f"ended with exit code {code}"
