"""The program as a whole: help, faults, exit codes."""

import subprocess
import sys

import pytest
from typer.testing import CliRunner

from aumos_agent_framework import __version__
from aumos_agent_framework.cli.app import create_app, main

COMMANDS = {"up", "down", "status", "token", "demo", "migrate", "api", "worker", "llm-stub", "version"}
# What every command would wait for if it were imported at the top of a file.
HEAVY = {"pydantic", "sqlalchemy", "temporalio", "uvicorn", "langgraph", "cryptography"}


def test_help_lists_every_command() -> None:
    printed = CliRunner().invoke(create_app(), ["--help"]).output
    assert all(f" {command} " in printed for command in COMMANDS)


@pytest.mark.parametrize("command", sorted(COMMANDS))
def test_every_command_explains_itself(command: str) -> None:
    result = CliRunner().invoke(create_app(), [command, "--help"])
    assert result.exit_code == 0
    assert "Usage:" in result.output


def test_without_a_command_help_is_shown() -> None:
    assert "Usage:" in CliRunner().invoke(create_app(), []).output


def test_version() -> None:
    assert CliRunner().invoke(create_app(), ["version"]).output == f"agf {__version__}\n"


@pytest.mark.parametrize("command", ["up", "down", "status", "demo"])
@pytest.mark.parametrize("value", ["", " "])
def test_empty_data_directory_is_refused(command: str, value: str) -> None:
    result = CliRunner().invoke(create_app(), [command, "--data-dir", value])
    assert result.exit_code == 2
    assert "the name of a directory is empty" in result.output


def test_internal_options_are_not_shown() -> None:
    assert "orphan" not in CliRunner().invoke(create_app(), ["up", "--help"]).output


def test_help_does_not_load_the_service() -> None:
    script = (
        "import sys; from aumos_agent_framework.cli.app import create_app; create_app(); "
        f"print(sorted({HEAVY!r} & sys.modules.keys()))"
    )
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert result.stdout == "[]\n"


def test_expected_fault_is_one_line_and_exit_code_1(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["agf", "status"])
    monkeypatch.setenv("AUMOS_AGF_PORT", "http")
    with pytest.raises(SystemExit) as ended:
        main()
    assert str(ended.value).startswith("agf: AUMOS_AGF_PORT: ")
    assert "\n" not in str(ended.value)


@pytest.mark.parametrize(
    ("command", "told"),
    [("api", "AUMOS_AUTH__ISSUER"), ("migrate", "AUMOS_AGF_DATABASE__MIGRATION_URL")],
)
def test_missing_setting_is_named(command: str, told: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["agf", command])
    with pytest.raises(SystemExit, match=told):
        main()
