"""Migrations must be found wherever the service is installed."""

import subprocess
import sys
import zipfile
from pathlib import Path

from aumos_agent_framework.adapters.postgres import migration
from aumos_agent_framework.adapters.postgres.guard import CHECKS

ROOT = Path(__file__).parents[3]


def test_a_checkout_has_its_migrations_at_the_top() -> None:
    assert migration.script_location() == ROOT / "migrations"
    assert (migration.script_location() / "env.py").is_file()


def test_a_wheel_carries_the_migrations_and_the_checks(tmp_path: Path) -> None:
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True, timeout=60)
    (wheel,) = tmp_path.glob("*.whl")
    packed = set(zipfile.ZipFile(wheel).namelist())
    sources = {
        f"aumos_agent_framework/migrations/{path.relative_to(ROOT / 'migrations').as_posix()}"
        for path in (ROOT / "migrations").rglob("*.py*")
        if "__pycache__" not in path.parts
    }
    checks = {f"aumos_agent_framework/adapters/postgres/checks/{name}.sql" for name in CHECKS}
    assert sources | checks <= packed
