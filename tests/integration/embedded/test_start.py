"""What the stack finds when it starts: another stack, remains of one, taken ports, configured servers."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from aumos_agent_framework.embedded import launch
from aumos_agent_framework.embedded.assembly import Parts
from aumos_agent_framework.embedded.components import Command, Component, ComponentState, ComponentStatus
from aumos_agent_framework.embedded.errors import AlreadyRunningError, PortTakenError, StackError
from aumos_agent_framework.embedded.layout import DataDir
from aumos_agent_framework.embedded.processes import ProcessId
from aumos_agent_framework.embedded.stack import EmbeddedStack
from aumos_agent_framework.embedded.state import StackState, read_state, write_state
from aumos_agent_framework.embedded.supervisor import RestartPolicy
from tests.integration.embedded.conftest import Changes, Up
from tests.servers import config


def test_second_stack_on_the_same_data_is_refused(up: Up) -> None:
    with up("redis") as first, up("redis", wait=False) as second:
        assert second.process.wait(20) == 1
        printed = first.log("supervisor")
        assert f"The stack runs already (pid {first.process.pid})" in printed
        assert str(first.data_dir) in printed
        assert first.component("redis").state is ComponentState.RUNNING


def test_starts_after_its_supervisor_was_killed(up: Up) -> None:
    with up("postgres", "redis") as first:
        ports = {name: status.port for name, status in first.state().components.items()}
        first.process.kill()
        first.process.wait()
        with up("postgres", "redis") as second:  # at once: the first one's servers may still be ending
            assert {name: status.port for name, status in second.state().components.items()} == ports


@pytest.fixture
def sleeper() -> Iterator["subprocess.Popen[bytes]"]:
    """A process that ends only if it is told to."""
    with subprocess.Popen(["/bin/sleep", "600"]) as process:
        yield process
        process.kill()


async def test_server_left_behind_is_ended(tmp_path: Path, sleeper: "subprocess.Popen[bytes]") -> None:
    left_behind = ProcessId.of(sleeper.pid)
    assert left_behind is not None
    _write_state_of_a_dead_supervisor(tmp_path, left_behind)
    async with EmbeddedStack(config(tmp_path, "redis")):
        assert not left_behind.alive()
    assert sleeper.wait(1) == -signal.SIGTERM


async def test_process_that_got_the_pid_of_a_server_is_spared(
    tmp_path: Path, sleeper: "subprocess.Popen[bytes]"
) -> None:
    _write_state_of_a_dead_supervisor(tmp_path, ProcessId(sleeper.pid, create_time=1_000_000_000.0))
    async with EmbeddedStack(config(tmp_path, "redis")):
        assert sleeper.poll() is None


def _write_state_of_a_dead_supervisor(data_dir: Path, server: ProcessId) -> None:
    layout = DataDir(data_dir)
    layout.create()
    status = ComponentStatus("redis", ComponentState.RUNNING, pid=server.pid, create_time=server.create_time)
    write_state(layout.state, StackState(pid=2**22 + 1, create_time=1.0, components={"redis": status}))


@pytest.mark.parametrize(
    "content",
    [
        # As after a reboot: the pid belongs to another living process by now.
        pytest.param("{pid}\n{cluster}\n1000000000\n5432\n\n127.0.0.1\n 0 0\nready\n", id="another program"),
        pytest.param("", id="cut short"),
        pytest.param("4194305\n{cluster}\n1000000000\n5432\n\n127.0.0.1\n 0 0\nready\n", id="dead"),
    ],
)
def test_stale_pid_file_is_no_obstacle(up: Up, content: str, servers_user_process: int) -> None:
    with up("postgres") as stack:
        stack.stop()
    cluster = stack.data_dir / "postgres"
    (cluster / "postmaster.pid").write_text(content.format(pid=servers_user_process, cluster=cluster))
    with up("postgres") as stack:
        assert stack.component("postgres").state is ComponentState.RUNNING


@pytest.fixture
def servers_user_process() -> Iterator[int]:
    """A process of the user that PostgreSQL runs as; others' processes it takes for no server anyway."""
    launched = [sys.executable, "-I", launch.__file__, str(os.getpid()), str(int(signal.SIGTERM)), "unprivileged"]
    with subprocess.Popen([*launched, "/bin/sleep", "600"]) as process:
        yield process.pid
        process.kill()


async def test_interrupted_creation_of_the_database_is_begun_anew(tmp_path: Path) -> None:
    DataDir(tmp_path).create()
    half = tmp_path / "postgres.new"
    half.mkdir()
    (half / "PG_VERSION").write_text("18")
    async with EmbeddedStack(config(tmp_path, "postgres")):
        assert read_state(DataDir(tmp_path).state).components["postgres"].state is ComponentState.RUNNING
    assert not half.exists()


async def test_taken_port_is_named_with_its_setting(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        wanted = replace(config(tmp_path, "redis"), ports={"redis": port})
        with pytest.raises(PortTakenError, match=rf"Port {port}.*AUMOS_AGF_EMBEDDED__REDIS_PORT"):
            async with EmbeddedStack(wanted):
                pass


async def test_remembered_port_that_is_taken_now_is_given_up(tmp_path: Path) -> None:
    async with EmbeddedStack(config(tmp_path, "redis")):
        first = read_state(DataDir(tmp_path).state).components["redis"].port
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", first or 0))
        taken.listen()
        async with EmbeddedStack(config(tmp_path, "redis")):
            assert read_state(DataDir(tmp_path).state).components["redis"].port != first


async def test_configured_servers_are_not_started(tmp_path: Path) -> None:
    addresses = {name: f"{name}.example:1" for name in ("postgres", "redis", "temporal", "kafka", "issuer", "llm-stub")}
    wanted = replace(config(tmp_path, *addresses), external=addresses)
    changes = Changes()
    async with EmbeddedStack(wanted, listener=changes) as stack:
        state = read_state(DataDir(tmp_path).state)
        assert {(s.name, s.state, s.pid, s.url) for s in state.components.values()} == {
            (name, ComponentState.EXTERNAL, None, url) for name, url in addresses.items()
        }
        assert "AUMOS_DATABASE__URL" not in stack.environment()
    assert changes.statuses == list(state.components.values())
    assert changes.notes == ["database left as it is: AUMOS_AGF_DATABASE__MIGRATION_URL is not set"]
    assert not any((tmp_path / name).exists() for name in addresses)


async def test_component_that_does_not_stay_up_stops_the_rest(tmp_path: Path) -> None:
    layout = DataDir(tmp_path)
    script = "import sys; sys.exit('the reason')"
    with pytest.raises(StackError) as failure:
        async with EmbeddedStack(
            config(tmp_path, "redis", "worker"),
            policy=RestartPolicy(restarts=2, first_wait_seconds=0.01),
            assemble=lambda wanted, ports, _: Parts(
                {
                    "redis": _component(layout, "redis", "import time; time.sleep(600)"),
                    "worker": _component(layout, "worker", script),
                },
                None,
            ),
        ) as stack:
            await stack.failed()
    assert "worker does not stay up: it ended with exit code 1" in failure.value.message
    assert f"Its log is {layout.log('worker')}" in failure.value.message
    assert failure.value.message.endswith("the reason")
    states = {status.name: status.state for status in read_state(layout.state).components.values()}
    assert states == {"redis": ComponentState.STOPPED, "worker": ComponentState.FAILED}


async def test_component_that_does_not_become_ready_is_given_up(tmp_path: Path) -> None:
    layout = DataDir(tmp_path)
    worker = _component(layout, "worker", "import time; time.sleep(600)", ready=False)
    with pytest.raises(StackError, match=r"worker is not ready after 0\.2 s"):
        async with EmbeddedStack(
            config(tmp_path, "worker"),
            policy=RestartPolicy(ready_within_seconds=0.2),
            assemble=lambda *_: Parts({"worker": worker}, None),
        ):
            pass


async def test_ports_are_remembered_over_a_failed_start(tmp_path: Path) -> None:
    async with EmbeddedStack(config(tmp_path, "redis")):
        first = read_state(DataDir(tmp_path).state).components["redis"].port
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        wanted = replace(config(tmp_path, "kafka"), ports={"kafka": taken.getsockname()[1]})
        with pytest.raises(PortTakenError):
            async with EmbeddedStack(wanted):
                pass
    async with EmbeddedStack(config(tmp_path, "redis")):
        assert read_state(DataDir(tmp_path).state).components["redis"].port == first


async def test_failed_migration_is_told_with_its_log(tmp_path: Path) -> None:
    layout = DataDir(tmp_path)
    migration = _command(layout, "import sys; sys.exit('no such role')")
    with pytest.raises(StackError, match=r"(?s)could not be migrated.*migrate\.log.*no such role"):
        async with EmbeddedStack(config(tmp_path), assemble=lambda *_: Parts({}, migration)):
            pass


async def test_lock_is_free_after_a_failed_start(tmp_path: Path) -> None:
    migration = _command(DataDir(tmp_path), "import sys; sys.exit(1)")
    with pytest.raises(StackError):
        async with EmbeddedStack(config(tmp_path), assemble=lambda *_: Parts({}, migration)):
            pass
    async with EmbeddedStack(config(tmp_path)):
        with pytest.raises(AlreadyRunningError):
            async with EmbeddedStack(config(tmp_path)):
                pass


def _command(layout: DataDir, script: str) -> Command:
    return Command(argv=(sys.executable, "-c", script), cwd=layout.root, env={})


def _component(layout: DataDir, name: str, script: str, *, ready: bool = True) -> Component:
    async def answer(_: int) -> bool:
        return ready

    return Component(name=name, url=None, command=_command(layout, script), ready=answer)
