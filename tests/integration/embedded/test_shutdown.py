"""However the stack ends, nothing of it is left running."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from aumos_agent_framework.embedded.assembly import Parts
from aumos_agent_framework.embedded.components import Command, Component, ComponentState
from aumos_agent_framework.embedded.layout import DataDir
from aumos_agent_framework.embedded.ports import is_free
from aumos_agent_framework.embedded.processes import ProcessId
from aumos_agent_framework.embedded.stack import EmbeddedStack
from aumos_agent_framework.embedded.state import read_state
from tests.integration.embedded.conftest import Changes, Up
from tests.running_stack import READY_SECONDS, RunningStack
from tests.servers import ROOT, config
from tests.waiting import eventually

SERVERS = ("postgres", "redis", "temporal", "kafka", "issuer")
STOP_SECONDS = 10


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_signal_stops_everything_in_time(up: Up, number: signal.Signals) -> None:
    with up(*SERVERS) as stack:
        processes = _processes(stack)
        began = time.monotonic()
        stack.process.send_signal(number)
        assert stack.process.wait(STOP_SECONDS) == 0
        assert time.monotonic() - began < STOP_SECONDS
        assert not [process for process in processes if process.alive()]
        _assert_stopped(stack)
        assert "database system is shut down" in stack.log("postgres")


async def test_services_stop_before_the_servers_that_they_use(tmp_path: Path) -> None:
    changes = Changes()
    sleeping = Command(argv=("/bin/sleep", "600"), cwd=tmp_path, env={})

    async def ready(_: int) -> bool:
        return True

    parts = Parts({name: Component(name, None, sleeping, ready) for name in ("redis", "worker", "api")}, None)
    async with EmbeddedStack(config(tmp_path, *parts.processes), listener=changes, assemble=lambda *_: parts):
        pass
    stopped = [status.name for status in changes.statuses if status.state is ComponentState.STOPPED]
    assert set(stopped[:2]) == {"api", "worker"}
    assert stopped[2:] == ["redis"]


def test_killed_supervisor_takes_its_servers_along(up: Up) -> None:
    with up(*SERVERS) as stack:
        processes = _processes(stack)
        assert len(processes) == len(SERVERS)
        stack.process.kill()
        stack.process.wait(STOP_SECONDS)
        eventually(
            lambda: not [process for process in processes if process.alive()], STOP_SECONDS, "all servers have ended"
        )


def test_stops_when_its_parent_is_killed(tmp_path: Path) -> None:
    data_dir = DataDir(tmp_path)
    up = [sys.executable, "-m", "tests.integration.embedded.up_servers", str(tmp_path), "postgres", "redis"]
    parent = subprocess.Popen(
        [sys.executable, "-c", f"import subprocess; subprocess.run({up!r})"], cwd=ROOT, stdout=subprocess.DEVNULL
    )
    try:
        eventually(lambda: read_state(data_dir.state).ready, READY_SECONDS, "the stack is ready")
        state = read_state(data_dir.state)
        assert state.supervisor is not None
    finally:
        parent.kill()
        parent.wait()
    supervisor = state.supervisor
    eventually(lambda: not supervisor.alive(), STOP_SECONDS, "the supervisor has ended")
    assert not read_state(data_dir.state).running()
    assert not [p for status in state.components.values() if (p := ProcessId.of(status.pid or 0)) and p.alive()]


def test_stopping_while_starting_leaves_nothing(up: Up) -> None:
    with up(*SERVERS, wait=False) as stack:
        eventually(lambda: stack.state().pid == stack.process.pid, READY_SECONDS, "the stack starts")
        stack.process.send_signal(signal.SIGTERM)
        assert stack.process.wait(STOP_SECONDS) == 0
        _assert_stopped(stack)


def _processes(stack: RunningStack) -> list[ProcessId]:
    """Return the processes of all components, with those that they have started."""
    found = [ProcessId.of(status.pid) for status in stack.state().components.values() if status.pid]
    return [process for process in found if process]


def _assert_stopped(stack: RunningStack) -> None:
    state = stack.state()
    assert not state.running()
    assert {status.state for status in state.components.values()} == {ComponentState.STOPPED}
    assert all(is_free(status.port) for status in state.components.values() if status.port)
