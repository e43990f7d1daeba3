"""Keeping one process running. The processes are small scripts; what counts is how they end."""

import asyncio
import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from aumos_agent_framework.embedded.components import Command, Component, ComponentState
from aumos_agent_framework.embedded.errors import StackError
from aumos_agent_framework.embedded.processes import ProcessId
from aumos_agent_framework.embedded.supervisor import RestartPolicy, Supervised
from tests.waiting import soon

SLEEP = "import time; time.sleep(600)"
STUBBORN = (
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); time.sleep(600)"
)
QUICK = RestartPolicy(restarts=2, first_wait_seconds=0.01)

STARTING, RUNNING, RESTARTING, STOPPED, FAILED = (
    ComponentState.STARTING,
    ComponentState.RUNNING,
    ComponentState.RESTARTING,
    ComponentState.STOPPED,
    ComponentState.FAILED,
)


class Reports(list[tuple[ComponentState, int | None]]):
    """What was reported, in order."""

    def __call__(self, state: ComponentState, pid: int | None) -> None:
        self.append((state, pid))

    @property
    def states(self) -> list[ComponentState]:
        """The states, without repetition of one that only gained its pid."""
        return [state for index, (state, _) in enumerate(self) if index == 0 or self[index - 1][0] is not state]

    @property
    def pids(self) -> list[int]:
        """The pids of the processes that became ready."""
        return [pid for state, pid in self if state is RUNNING and pid]


async def test_killed_process_is_started_again(tmp_path: Path) -> None:
    async with _supervised(tmp_path, SLEEP) as (supervised, reports):
        await supervised.ready()
        os.kill(reports.pids[0], signal.SIGKILL)
        await soon(lambda: len(reports.pids) == 2, 10, "it runs again")
        assert reports.states == [STARTING, RUNNING, RESTARTING, RUNNING]
        assert reports.pids[0] != reports.pids[1]


async def test_process_that_ends_too_often_is_given_up_with_its_log(tmp_path: Path) -> None:
    async with _supervised(tmp_path, "raise SystemExit('out of cheese')", QUICK) as (supervised, reports):
        with pytest.raises(StackError) as failure:
            await asyncio.wait_for(supervised.given_up(), 20)
        assert failure.value.message.startswith("worker does not stay up: it ended with exit code 1.")
        assert str(tmp_path / "worker.log") in failure.value.message
        assert failure.value.message.endswith("out of cheese")
        assert (tmp_path / "worker.log").read_text().count("out of cheese") == 3  # the first time and 2 restarts
        assert reports.states[-1] is FAILED


async def test_signal_that_killed_it_is_named(tmp_path: Path) -> None:
    script = "import os, signal; os.kill(os.getpid(), signal.SIGKILL)"
    async with _supervised(tmp_path, script, RestartPolicy(restarts=0)) as (supervised, _):
        with pytest.raises(StackError, match="was killed by SIGKILL"):
            await asyncio.wait_for(supervised.given_up(), 20)


async def test_old_ends_are_forgotten(tmp_path: Path) -> None:
    policy = RestartPolicy(restarts=1, within_seconds=0.0, first_wait_seconds=0.01)
    async with _supervised(tmp_path, "print('again', flush=True)", policy):
        await soon(lambda: (tmp_path / "worker.log").read_text().count("again") > 3, 20, "it is started for ever")


async def test_stop_uses_the_components_signal(tmp_path: Path) -> None:
    script = (
        "import signal, sys, time; signal.signal(signal.SIGINT, lambda *_: sys.exit(print('asked', flush=True)));"
        "print('up', flush=True); time.sleep(600)"
    )
    async with _supervised(tmp_path, script, stop_signal=signal.SIGINT) as (supervised, reports):
        await supervised.ready()
        await soon(lambda: "up" in (tmp_path / "worker.log").read_text(), 10, "its handler is set")
        await supervised.stop(5)
        assert "asked" in (tmp_path / "worker.log").read_text()
        assert reports[-1] == (STOPPED, None)


async def test_process_that_does_not_stop_is_killed_after_the_grace(tmp_path: Path) -> None:
    async with _supervised(tmp_path, STUBBORN) as (supervised, reports):
        await supervised.ready()
        await soon(lambda: "up" in (tmp_path / "worker.log").read_text(), 10, "it ignores the signal")
        process = ProcessId.of(reports.pids[0])
        began = time.monotonic()
        await supervised.stop(0.3)
        assert 0.3 <= time.monotonic() - began < 5
        assert process is not None
        assert not process.alive()


async def test_stopped_component_is_not_started_again(tmp_path: Path) -> None:
    async with _supervised(tmp_path, SLEEP) as (supervised, reports):
        await supervised.ready()
        await supervised.stop(5)
        assert reports.states == [STARTING, RUNNING, STOPPED]


async def test_stop_while_it_starts_leaves_no_process(tmp_path: Path) -> None:
    async with _supervised(tmp_path, SLEEP, ready=_never) as (supervised, reports):
        await soon(lambda: any(pid for _, pid in reports), 10, "it has a process")
        pid = next(pid for _, pid in reports if pid)
        process = ProcessId.of(pid)
        await supervised.stop(5)
        assert process is not None
        assert not process.alive()


async def test_not_ready_in_time_is_given_up(tmp_path: Path) -> None:
    policy = RestartPolicy(ready_within_seconds=0.1)
    async with _supervised(tmp_path, SLEEP, policy, ready=_never) as (supervised, reports):
        with pytest.raises(StackError, match=r"worker is not ready after 0\.1 s"):
            await supervised.ready()
        assert reports.states == [STARTING, FAILED]


async def test_after_a_restart_it_may_take_its_time(tmp_path: Path) -> None:
    answers = iter([True, False, False, False, True])

    async def ready(_: int) -> bool:
        return next(answers)

    policy = RestartPolicy(ready_within_seconds=0.2, first_wait_seconds=0.01)
    async with _supervised(tmp_path, SLEEP, policy, ready=ready, asked_every_seconds=0.15) as (supervised, reports):
        await supervised.ready()
        os.kill(reports.pids[0], signal.SIGKILL)
        await soon(lambda: len(reports.pids) == 2, 10, "it runs again")


async def test_preparation_that_fails_is_told(tmp_path: Path) -> None:
    async def prepare() -> None:
        raise PermissionError(13, "not yours")

    async with _supervised(tmp_path, SLEEP, prepare=prepare) as (supervised, _):
        with pytest.raises(StackError, match=r"worker cannot be started.*not yours"):
            await supervised.ready()


async def test_is_prepared_before_every_start(tmp_path: Path) -> None:
    prepared: list[float] = []

    async def prepare() -> None:
        prepared.append(time.monotonic())

    async with _supervised(tmp_path, SLEEP, prepare=prepare) as (supervised, reports):
        await supervised.ready()
        os.kill(reports.pids[0], signal.SIGKILL)
        await soon(lambda: len(reports.pids) == 2, 10, "it runs again")
        assert len(prepared) == 2


async def _always(_: int) -> bool:
    return True


async def _never(_: int) -> bool:
    return False


async def _nothing() -> None:
    return


@asynccontextmanager
async def _supervised(
    directory: Path,
    script: str,
    policy: RestartPolicy | None = None,
    *,
    ready: Callable[[int], Awaitable[bool]] = _always,
    prepare: Callable[[], Awaitable[None]] = _nothing,
    stop_signal: signal.Signals = signal.SIGTERM,
    asked_every_seconds: float = 0.01,
) -> AsyncIterator[tuple[Supervised, Reports]]:
    command = Command(argv=(sys.executable, "-c", script), cwd=directory, env={}, stop_signal=stop_signal)
    component = Component("worker", None, command, ready, prepare, asked_every_seconds)
    reports = Reports()
    (directory / "worker.log").touch()
    supervised = Supervised(component, directory / "worker.log", reports, policy or RestartPolicy())
    try:
        yield supervised, reports
    finally:
        await supervised.stop(5)
