"""``agf up`` with everything, and the other commands beside it."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx2
import psutil

from aumos_agent_framework.adapters.postgres import PostgresUnitOfWorkFactory, create_engine
from aumos_agent_framework.cli.token import tenant_id_of
from aumos_agent_framework.embedded.components import ALL_COMPONENTS, ComponentState
from tests.running_stack import RunningStack
from tests.waiting import eventually

BACK_SECONDS = 60
COMMAND_SECONDS = 100


def test_status_lists_every_component_and_ends_with_0(stack: RunningStack) -> None:
    result = _agf("status", "--json", data_dir=stack.data_dir)
    assert result.returncode == 0
    components = json.loads(result.stdout)["components"]
    assert tuple(component["name"] for component in components) == ALL_COMPONENTS
    assert {component["state"] for component in components} == {"running"}
    assert all(psutil.pid_exists(component["pid"]) for component in components)
    assert set(components[0]) == {"name", "pid", "url", "state"}


def test_prints_one_line_per_component_and_then_where_to_go(stack: RunningStack) -> None:
    lines = stack.log("supervisor").splitlines()
    ready = next(index for index, line in enumerate(lines) if line.startswith("ready: http://localhost:"))
    assert {line.split()[0] for line in lines[:ready] if " ready " in line} == set(ALL_COMPONENTS)
    assert any("/docs" in line for line in lines[ready:])
    assert any("agf token --tenant" in line for line in lines[ready:])


async def test_token_opens_the_api_and_creates_the_tenant(stack: RunningStack) -> None:
    token = _agf("token", "--tenant", "acme", "--subject", "alice", data_dir=stack.data_dir).stdout.strip()
    async with httpx2.AsyncClient(base_url=stack.base_url) as client:
        assert (await client.get("/api/v1/workflows")).status_code == 401
        answer = await client.get("/api/v1/workflows", headers={"Authorization": f"Bearer {token}"})
    assert answer.status_code == 200
    assert answer.json()["items"] == []
    engine = create_engine(stack.environment("api")["AUMOS_DATABASE__URL"], 1)
    try:
        async with PostgresUnitOfWorkFactory(engine)(tenant_id_of("acme")) as work:
            assert (await work.tenants.current()).name == "acme"
    finally:
        await engine.dispose()


def test_api_and_worker_do_not_see_the_administrators_login(stack: RunningStack) -> None:
    for name in ("api", "worker"):
        environment = stack.environment(name)
        assert "AUMOS_DATABASE__URL" in environment
        assert "AUMOS_AGF_DATABASE__MIGRATION_URL" not in environment


def test_killed_services_come_back(stack: RunningStack) -> None:
    for name in ("api", "worker", "llm-stub"):
        before = stack.pid(name)
        os.kill(before, signal.SIGKILL)
        eventually(
            lambda name=name, before=before: (
                stack.component(name).state is ComponentState.RUNNING and stack.component(name).pid != before
            ),
            BACK_SECONDS,
            f"{name} is back:\n{stack.log('supervisor')}",
        )
    assert httpx2.get(f"{stack.base_url}/ready").status_code == 200


def test_detached_stack_is_stopped_by_down(tmp_path: Path) -> None:
    data_dir = tmp_path / "data"
    up = _agf("up", "--detach", data_dir=data_dir)
    try:
        assert up.returncode == 0, up.stdout + up.stderr
        assert "ready: http://localhost:" in up.stdout
        assert _agf("status", data_dir=data_dir).returncode == 0
    finally:
        down = _agf("down", data_dir=data_dir)
    assert (down.returncode, down.stdout) == (0, "stopped\n")
    assert _agf("status", data_dir=data_dir).returncode == 3
    assert _agf("down", data_dir=data_dir).stdout == "not running\n"


def test_taken_port_of_the_api_is_one_clear_line(stack: RunningStack, tmp_path: Path) -> None:
    port = str(stack.component("api").port)
    result = _agf("up", data_dir=tmp_path, AUMOS_AGF_PORT=port)
    assert result.returncode == 1
    assert result.stderr == (
        f"agf: Port {port}, wanted for api, is taken by another program. Set AUMOS_AGF_PORT to another port "
        "(0: a free one).\n"
    )


def test_detached_stack_that_does_not_start_says_why(stack: RunningStack, tmp_path: Path) -> None:
    result = _agf("up", "--detach", data_dir=tmp_path / "data", AUMOS_AGF_PORT=str(stack.component("api").port))
    assert result.returncode == 1
    assert "wanted for api, is taken by another program" in result.stdout
    assert result.stderr == "agf: The stack did not start.\n"


def _agf(*arguments: str, data_dir: Path, **variables: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "aumos_agent_framework.cli", *arguments, "--data-dir", str(data_dir)]
    environment: dict[str, Any] = {**os.environ, "AUMOS_AGF_PORT": "0", **variables}
    return subprocess.run(
        command,
        cwd=data_dir.parent,
        env=environment,
        capture_output=True,
        text=True,
        timeout=COMMAND_SECONDS,
        check=False,
    )
