"""The state file."""

import os
from pathlib import Path

import pytest

from aumos_agent_framework.embedded.components import ComponentState, ComponentStatus
from aumos_agent_framework.embedded.processes import ProcessId
from aumos_agent_framework.embedded.state import StackState, read_state, write_state

DEAD = ProcessId(pid=2**22 + 1, create_time=1.0)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state.json"


def test_what_is_written_is_read(path: Path) -> None:
    state = _state(_this_process())
    write_state(path, state)
    assert read_state(path) == state
    assert path.stat().st_mode & 0o777 == 0o600


def test_no_file_is_an_empty_state(path: Path) -> None:
    assert read_state(path) == StackState()


@pytest.mark.parametrize(
    "content", ["", "{", "[]", "{}", '{"components": [1]}', '{"components": [{"name": "api", "state": "unheard of"}]}']
)
def test_unreadable_file_is_an_empty_state(path: Path, content: str) -> None:
    path.write_text(content)
    assert read_state(path) == StackState()


def test_state_of_a_living_supervisor_is_believed() -> None:
    state = _state(_this_process())
    assert state.running()
    assert state.as_seen_now() == state


def test_without_its_supervisor_nothing_runs() -> None:
    seen = _state(DEAD).as_seen_now()
    assert not seen.running()
    assert not seen.ready
    assert {name: (status.state, status.pid) for name, status in seen.components.items()} == {
        "redis": (ComponentState.STOPPED, None),
        "kafka": (ComponentState.EXTERNAL, None),
        "api": (ComponentState.FAILED, None),
    }
    assert seen.url("redis") == "redis://127.0.0.1:1/0"


def test_other_process_with_the_supervisors_pid_is_not_the_supervisor() -> None:
    assert not _state(ProcessId(os.getpid(), create_time=1.0)).running()


def test_address_of_an_unknown_component_is_none() -> None:
    assert StackState().url("api") is None


def _this_process() -> ProcessId:
    process = ProcessId.of(os.getpid())
    assert process is not None
    return process


def _state(supervisor: ProcessId) -> StackState:
    statuses = [
        ComponentStatus("redis", ComponentState.RUNNING, "redis://127.0.0.1:1/0", 1, 4, 5.0),
        ComponentStatus("kafka", ComponentState.EXTERNAL, "kafka:9092"),
        ComponentStatus("api", ComponentState.FAILED),
    ]
    return StackState(
        supervisor.pid,
        supervisor.create_time,
        ready=True,
        ports={"redis": 1, "temporal-http": 2},
        components={s.name: s for s in statuses},
    )
