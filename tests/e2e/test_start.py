"""Starting: without an issuer nothing starts, and a misspelt setting is not ignored in silence."""

import json
import os
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from tests.running_stack import RunningStack

SECONDS = 60
ISSUER_SETTINGS = ("AUMOS_AUTH__", "AUMOS_KEYCLOAK__")


def environment(stack: RunningStack, component: str) -> dict[str, str]:
    """Return what a component of a running stack was configured with."""
    configured = psutil.Process(stack.pid(component)).environ()
    ours = ("AUMOS_", "TEMPORAL_", "LLM_")
    return {name: value for name, value in configured.items() if name.startswith(ours)}


def agf(command: str, directory: Path, variables: dict[str, str]) -> "subprocess.CompletedProcess[str]":
    """Run a command that ends by itself."""
    return subprocess.run(
        [sys.executable, "-m", "aumos_agent_framework.cli", command],
        cwd=directory,
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )


def test_api_without_an_issuer_does_not_start(stack: RunningStack, tmp_path: Path) -> None:
    configured = environment(stack, "api")
    assert any(name.startswith(ISSUER_SETTINGS) for name in configured)
    without = {name: value for name, value in configured.items() if not name.startswith(ISSUER_SETTINGS)}
    ended = agf("api", tmp_path, without | {"AUMOS_AGF_PORT": "0"})
    assert ended.returncode != 0
    (line,) = [line for line in (ended.stdout + ended.stderr).splitlines() if line.strip()]
    assert "AUMOS_AUTH__ISSUER" in line
    assert "Traceback" not in line


@pytest.mark.parametrize("component", ["api", "worker"])
@pytest.mark.parametrize("missing", ["AUMOS_DATABASE__URL", "AUMOS_REDIS__URL", "TEMPORAL_SERVER_URL"])
def test_missing_server_is_one_clear_line(stack: RunningStack, tmp_path: Path, component: str, missing: str) -> None:
    variables = {name: value for name, value in environment(stack, component).items() if name != missing}
    ended = agf(component, tmp_path, variables | {"AUMOS_AGF_PORT": "0"})
    assert ended.returncode != 0
    (line,) = [line for line in (ended.stdout + ended.stderr).splitlines() if line.strip()]
    assert missing in line


def test_unknown_variable_gives_a_warning(stack: RunningStack, tmp_path: Path) -> None:
    misspelt = {"AUMOS_LOG_LEVLE": "debug", "AUMOS_TEMPORAL__SERVER_URL": "elsewhere:7233"}
    # On the port that the running API has, so that it ends by itself.
    ended = agf("api", tmp_path, environment(stack, "api") | misspelt)
    said = [json.loads(line) for line in (ended.stdout + ended.stderr).splitlines()]
    warnings = [line["detail"] for line in said if line["level"] == "warning" and "detail" in line]
    for name in misspelt:
        assert [warning for warning in warnings if name in warning], warnings
    assert [line for line in said if "address already in use" in line["event"]]


def test_logins_that_only_others_need_are_not_given_away(stack: RunningStack) -> None:
    for component in ("api", "worker"):
        assert "AUMOS_AGF_DATABASE__MIGRATION_URL" not in environment(stack, component)


def test_logs_are_json_lines_without_secrets(stack: RunningStack) -> None:
    configured = environment(stack, "worker") | environment(stack, "api")
    passwords = {
        url.rpartition("@")[0].rpartition(":")[2] for url in configured.values() if "://" in url and "@" in url
    }
    assert passwords
    for component in ("api", "worker"):
        log = stack.log(component)
        lines = [json.loads(line) for line in log.splitlines()]
        assert all({"event", "level", "timestamp"} <= line.keys() for line in lines)
        assert not [password for password in passwords if password in log]
