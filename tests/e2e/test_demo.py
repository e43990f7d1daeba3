"""``agf demo`` as a person or a script runs it: real stack, real work, a terminal to answer in."""

import os
import pty
import re
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

AGF = (sys.executable, "-m", "aumos_agent_framework.cli")
DEMO_SECONDS = 90.0
QUESTION = b"[y/n]"


def environment() -> dict[str, str]:
    """Nothing of the developer's settings, and a free port for the API."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AUMOS_", "LLM_", "TEMPORAL_"))}
    return kept | {"AUMOS_AGF_PORT": "0"}


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """One data directory, and in it one stack that the tests share once it runs."""
    directory = tmp_path_factory.mktemp("demo")
    yield directory
    subprocess.run([*AGF, "down", "--data-dir", str(directory)], env=environment(), check=True, timeout=30)


def left_running(data_dir: Path) -> list[int]:
    """Processes that have to do with this data directory."""
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if process.pid != os.getpid() and any(str(data_dir) in part for part in process.cmdline()):
                found.append(process.pid)
    return found


class Terminal:
    """A demo on a terminal of its own, with somebody who answers its question."""

    def __init__(self, *arguments: str) -> None:
        self._terminal, other_end = pty.openpty()
        self._process = subprocess.Popen(
            [*AGF, "demo", *arguments],
            env=environment(),
            stdin=other_end,
            stdout=other_end,
            stderr=other_end,
            start_new_session=True,
        )
        os.close(other_end)
        self.shown = b""

    def read_until(self, wanted: bytes | None) -> None:
        """Read on, to a text or to the end."""
        deadline = time.monotonic() + DEMO_SECONDS
        while wanted is None or wanted not in self.shown:
            assert time.monotonic() < deadline, self.shown.decode(errors="replace")
            if not select.select([self._terminal], [], [], 1.0)[0]:
                continue
            try:
                self.shown += os.read(self._terminal, 65_536)
            except OSError:  # the other side has closed: what Linux says at the end
                return

    def answer(self, text: bytes) -> None:
        self.read_until(QUESTION)
        os.write(self._terminal, text)

    def interrupt(self) -> None:
        self.read_until(QUESTION)
        self._process.send_signal(signal.SIGINT)

    def exit_code(self) -> int:
        self.read_until(None)
        os.close(self._terminal)
        return self._process.wait(DEMO_SECONDS)


class TestDemo:
    def test_a_script_gets_a_report_and_a_stopped_stack(self, tmp_path: Path) -> None:
        done = subprocess.run(
            [*AGF, "demo", "--yes", "--data-dir", str(tmp_path)],
            env=environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=DEMO_SECONDS,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        (report,) = (tmp_path / "reports").glob("*/*.md")
        assert report.read_text(encoding="utf-8").startswith("# Dependency licence audit\n")
        assert "| aumos-agent-framework |" in report.read_text(encoding="utf-8")
        assert str(report) in done.stdout
        assert re.search(r"publish .*waits for a person.*bob approves.*publish ", done.stdout, re.DOTALL)
        assert left_running(tmp_path) == []

    def test_a_person_approves_and_keeps_the_stack(self, data_dir: Path) -> None:
        demo = Terminal("--keep", "--data-dir", str(data_dir))
        demo.answer(b"y\n")
        assert demo.exit_code() == 0, demo.shown.decode()
        assert b"bob approves" in demo.shown
        assert len(list((data_dir / "reports").glob("*/*"))) == 1
        assert left_running(data_dir) != []

    def test_a_person_rejects(self, data_dir: Path) -> None:
        reports = set((data_dir / "reports").glob("*/*"))
        demo = Terminal("--keep", "--data-dir", str(data_dir))
        demo.answer(b"n\n")
        assert demo.exit_code() == 1
        assert b"The report was not published" in demo.shown
        assert set((data_dir / "reports").glob("*/*")) == reports

    def test_a_person_interrupts(self, data_dir: Path) -> None:
        demo = Terminal("--keep", "--data-dir", str(data_dir))
        demo.interrupt()
        assert demo.exit_code() == 130
        assert b"interrupted" in demo.shown
