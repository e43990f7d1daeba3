"""``agf status`` and ``agf down``, as the state file has it."""

import json
import os
from pathlib import Path

import pytest
from typer.testing import CliRunner

from aumos_agent_framework.cli.app import create_app
from aumos_agent_framework.embedded.components import ComponentState, ComponentStatus
from aumos_agent_framework.embedded.layout import DataDir
from aumos_agent_framework.embedded.processes import ProcessId
from aumos_agent_framework.embedded.state import StackState, write_state

RUNNING = ComponentStatus("redis", ComponentState.RUNNING, "redis://127.0.0.1:1/0", 1, 4711, 5.0)
EXTERNAL = ComponentStatus("kafka", ComponentState.EXTERNAL, "kafka:9092")
RESTARTING = ComponentStatus("worker", ComponentState.RESTARTING)


@pytest.fixture
def data_dir(tmp_path: Path) -> DataDir:
    layout = DataDir(tmp_path / "data")
    layout.create()
    return layout


def test_everything_up_is_0(data_dir: DataDir) -> None:
    _write(data_dir, RUNNING, EXTERNAL)
    code, printed = _agf("status", "--json", "--data-dir", str(data_dir.root))
    assert code == 0
    assert json.loads(printed) == {
        "components": [
            {"name": "redis", "pid": 4711, "url": "redis://127.0.0.1:1/0", "state": "running"},
            {"name": "kafka", "pid": None, "url": "kafka:9092", "state": "external"},
        ]
    }


def test_a_part_that_is_not_up_is_4(data_dir: DataDir) -> None:
    _write(data_dir, RUNNING, RESTARTING)
    assert _agf("status", "--data-dir", str(data_dir.root))[0] == 4


def test_killed_stack_is_3_whatever_its_file_says(data_dir: DataDir) -> None:
    _write(data_dir, RUNNING, supervisor=ProcessId(2**22 + 1, 1.0))
    code, printed = _agf("status", "--json", "--data-dir", str(data_dir.root))
    assert code == 3
    assert json.loads(printed)["components"][0]["state"] == "stopped"
    assert json.loads(printed)["components"][0]["pid"] is None


def test_no_stack_is_3(data_dir: DataDir) -> None:
    assert _agf("status", "--data-dir", str(data_dir.root)) == (3, "not running\n")
    code, printed = _agf("status", "--json", "--data-dir", str(data_dir.root))
    assert (code, json.loads(printed)) == (3, {"components": []})


def test_table_shows_every_component(data_dir: DataDir) -> None:
    _write(data_dir, RUNNING, EXTERNAL)
    _, printed = _agf("status", "--data-dir", str(data_dir.root))
    lines = [line.split() for line in printed.splitlines()]
    assert lines[1:] == [
        ["redis", "running", "4711", "redis://127.0.0.1:1/0"],
        ["kafka", "external", "-", "kafka:9092"],
    ]


def test_down_without_a_stack_is_fine(data_dir: DataDir) -> None:
    assert _agf("down", "--data-dir", str(data_dir.root)) == (0, "not running\n")


def test_down_spares_a_process_that_got_the_supervisors_pid(data_dir: DataDir) -> None:
    _write(data_dir, RUNNING, supervisor=ProcessId(os.getpid(), 1.0))
    assert _agf("down", "--data-dir", str(data_dir.root)) == (0, "not running\n")


def _write(data_dir: DataDir, *components: ComponentStatus, supervisor: ProcessId | None = None) -> None:
    supervisor = supervisor or ProcessId.of(os.getpid())
    assert supervisor is not None
    state = StackState(supervisor.pid, supervisor.create_time, ready=True, components={c.name: c for c in components})
    write_state(data_dir.state, state)


def _agf(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(create_app(), list(arguments))
    return result.exit_code, result.output
