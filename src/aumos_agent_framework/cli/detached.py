"""Running the stack in the background."""

import subprocess
import sys
import time
from pathlib import Path
from typing import IO

from aumos_agent_framework.embedded.errors import StackError
from aumos_agent_framework.embedded.layout import DataDir
from aumos_agent_framework.embedded.state import read_state

_READY_SECONDS = 240.0
_POLL_SECONDS = 0.1


def start_detached(data_dir: DataDir) -> None:
    """Start ``agf up`` apart from this terminal and follow what it prints until it is ready.

    Raises:
        StackError: it has ended, or is not ready in time.
    """
    data_dir.create()
    log = data_dir.rotate_log("supervisor")
    command = [sys.executable, "-m", "aumos_agent_framework.cli", "up", "--orphan", "--data-dir", str(data_dir.root)]
    with log.open("ab") as output, log.open("rb") as printed:
        printed.seek(0, 2)
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, start_new_session=True
        )
        _follow(process, printed, data_dir, log)


def _follow(process: "subprocess.Popen[bytes]", printed: IO[bytes], data_dir: DataDir, log: Path) -> None:
    deadline = time.monotonic() + _READY_SECONDS
    while time.monotonic() < deadline:
        ended = process.poll() is not None
        state = read_state(data_dir.state)
        ready = state.ready and state.pid == process.pid
        time.sleep(_POLL_SECONDS)  # what was printed before the check is there after it
        sys.stdout.write(printed.read().decode(errors="replace"))
        sys.stdout.flush()
        if ended:
            raise StackError("The stack did not start.")
        if ready:
            return
    raise StackError(f"The stack is not ready after {_READY_SECONDS:g} s; it goes on trying. Its log is {log}")
