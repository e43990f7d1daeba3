"""PostgreSQL refuses to run as root; started by root, it runs as nobody, wherever the project lies."""

import os
from pathlib import Path

import psutil
import pytest

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
