"""Processes: identity, starting, ending."""

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from aumos_agent_framework.embedded import launch
from aumos_agent_framework.embedded.components import Command
from aumos_agent_framework.embedded.errors import StackError
from aumos_agent_framework.embedded.processes import ProcessId, end, run, spawn


class TestProcessId:
    def test_of_no_process_is_none(self) -> None:
        assert ProcessId.of(2**22 + 1) is None

    def test_later_process_with_the_same_pid_is_another(self) -> None:
        assert not ProcessId(os.getpid(), create_time=1.0).alive()

    def test_process_that_nobody_has_buried_yet_is_dead(self) -> None:
        with subprocess.Popen(["/bin/true"]) as process:
            os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
            identity = ProcessId.of(process.pid)
            assert identity is not None
            assert not identity.alive()

    def test_signal_to_a_dead_process_is_no_error(self) -> None:
        ProcessId(2**22 + 1, create_time=1.0).send(signal.SIGTERM)


class TestEnd:
    async def test_process_that_ignores_its_signal_is_killed(self, tmp_path: Path) -> None:
        script = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up'); time.sleep(600)"
        child = await asyncio.create_subprocess_exec(sys.executable, "-u", "-c", script, stdout=asyncio.subprocess.PIPE)
        assert child.stdout is not None
        await child.stdout.readline()
        identity = ProcessId.of(child.pid)
        assert identity is not None
        await end([(identity, signal.SIGTERM)], within_seconds=0.1)
        assert await child.wait() == -signal.SIGKILL


class TestRun:
    async def test_returns_the_exit_code_and_logs(self, tmp_path: Path) -> None:
        log = tmp_path / "log"
        assert await run(_command(tmp_path, "print('said'); raise SystemExit(7)"), log, within_seconds=20) == 7
        assert log.read_text() == "said\n"

    async def test_gives_what_is_read_from_standard_input(self, tmp_path: Path) -> None:
        script = "print(open('/dev/stdin').read().upper())"
        log = tmp_path / "log"
        assert await run(_command(tmp_path, script), log, within_seconds=20, standard_input=b"given") == 0
        assert log.read_text() == "GIVEN\n"

    async def test_too_long_is_killed(self, tmp_path: Path) -> None:
        script = "import os, time; print(os.getpid(), flush=True); time.sleep(600)"
        with pytest.raises(StackError, match="has not ended after 1 s"):
            await run(_command(tmp_path, script), tmp_path / "log", within_seconds=1)
        assert ProcessId.of(int((tmp_path / "log").read_text())) is None


class TestSpawn:
    async def test_environment_is_the_commands_alone(self, tmp_path: Path) -> None:
        # (Python, which launches it, adds LC_CTYPE where no locale is set.)
        command = Command(("/usr/bin/env",), tmp_path, env={"ONLY": "this", "LC_ALL": "C"})
        process = await spawn(command, tmp_path / "log")
        assert await process.wait() == 0
        assert (tmp_path / "log").read_text() == "ONLY=this\nLC_ALL=C\n"

    async def test_terminals_interrupt_does_not_reach_the_child(self, tmp_path: Path) -> None:
        process = await spawn(_command(tmp_path, "import time; time.sleep(600)"), tmp_path / "log")
        assert os.getsid(process.pid) == process.pid
        process.kill()
        await process.wait()


@pytest.mark.skipif(sys.platform != "linux", reason="about Linux")
def test_program_is_not_started_for_a_parent_that_is_gone(tmp_path: Path) -> None:
    marker = tmp_path / "started"
    arguments = ["1", str(int(signal.SIGTERM)), "privileged", "/usr/bin/touch", str(marker)]
    result = subprocess.run([sys.executable, "-I", launch.__file__, *arguments], check=False, stderr=subprocess.PIPE)
    assert result.returncode == 1
    assert not marker.exists()


def _command(cwd: Path, script: str) -> Command:
    return Command(argv=(sys.executable, "-c", script), cwd=cwd, env={})
