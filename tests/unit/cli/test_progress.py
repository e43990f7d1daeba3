"""What ``agf up`` prints."""

import shlex
from pathlib import Path

import pytest

from aumos_agent_framework.cli.progress import Progress, warn
from aumos_agent_framework.embedded.components import ComponentState, ComponentStatus
from aumos_agent_framework.embedded.layout import DataDir

API = ComponentStatus("api", ComponentState.RUNNING, "http://localhost:8007", 8007, 42, 1.0)


def test_component_is_one_line_when_it_is_ready(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    progress = Progress(DataDir(tmp_path))
    progress.changed(ComponentStatus("api", ComponentState.STARTING, "http://localhost:8007"))
    progress.changed(API)
    (line,) = capsys.readouterr().out.splitlines()
    assert line.split()[:5] == ["api", "ready", "http://localhost:8007", "pid", "42"]


def test_external_component_is_named_with_its_address(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Progress(DataDir(tmp_path)).changed(ComponentStatus("redis", ComponentState.EXTERNAL, "redis://cache"))
    assert capsys.readouterr().out.split() == ["redis", "external", "redis://cache"]


def test_restart_is_told_once_with_the_log(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    progress = Progress(DataDir(tmp_path))
    progress.changed(ComponentStatus("worker", ComponentState.RESTARTING))
    progress.changed(ComponentStatus("worker", ComponentState.RESTARTING, pid=43))
    (line,) = capsys.readouterr().out.splitlines()
    assert "worker     restarting" in line
    assert str(tmp_path / "logs" / "worker.log") in line


def test_end_says_where_to_go_on(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    progress = Progress(DataDir(tmp_path))
    progress.changed(API)
    progress.ready()
    _, ready, *rest = capsys.readouterr().out.splitlines()
    assert ready == "ready: http://localhost:8007"
    assert "API docs: http://localhost:8007/docs" in rest
    assert f"--data-dir {tmp_path}" in rest[-1]


def test_data_directory_with_a_space_can_be_pasted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data_dir = tmp_path / "my data; rm"
    Progress(DataDir(data_dir)).ready()
    hint = capsys.readouterr().out.splitlines()[-1]
    assert shlex.split(hint)[-2:] == ["--data-dir", str(data_dir)]


def test_default_data_directory_is_not_repeated(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    progress = Progress(DataDir(tmp_path / ".agf"))
    progress.ready()
    assert capsys.readouterr().out.rstrip().endswith("agf token --tenant demo --subject alice --role developer")


def test_long_lines_are_not_wrapped(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Progress(DataDir(tmp_path)).noted("x" * 500)
    assert capsys.readouterr().out == "x" * 500 + "\n"


def test_warnings_go_to_standard_error(capsys: pytest.CaptureFixture[str]) -> None:
    warn(["[red] is no markup"])
    captured = capsys.readouterr()
    assert (captured.out, captured.err) == ("", "warning: [red] is no markup\n")
