"""PostgreSQL refuses to run as root; started by root, it runs as nobody, wherever the project lies."""

import os
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from aumos_agent_framework.embedded import launch
from tests.integration.embedded.conftest import Up

CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH = 1 << 1, 1 << 2

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="about being started by root")


def test_postgres_of_root_runs_as_nobody_below_a_closed_folder(up: Up, tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    with up("postgres") as stack:
        process = psutil.Process(stack.pid("postgres"))
        assert process.username() == "nobody"
        assert stack.data_dir.stat().st_mode & 0o077 == 0
        assert _effective_capabilities(process.pid) in {CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH}


def _effective_capabilities(pid: int) -> int:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return int(next(line.split()[1] for line in lines if line.startswith("CapEff:")), 16)


def test_process_passes_through_closed_folders_and_writes_only_what_it_owns(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    (closed / "file").write_text("content")
    script = (
        "import os; print(os.geteuid() == 0, os.access('file', os.R_OK), open('file').read(), os.access('.', os.W_OK))"
    )
    launched = [sys.executable, "-I", launch.__file__, str(os.getpid()), "15", "unprivileged"]
    result = subprocess.run(
        [*launched, sys.executable, "-I", "-c", script], cwd=closed, capture_output=True, text=True, check=True
    )
    assert result.stdout == "False True content False\n"
