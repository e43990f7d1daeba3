"""Processes of this machine: telling one from another, starting, signalling."""

import asyncio
import os
import signal
import subprocess
import sys
from asyncio.subprocess import Process
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import psutil

from aumos_agent_framework.embedded import launch
from aumos_agent_framework.embedded.components import Command
from aumos_agent_framework.embedded.errors import StackError, log_tail

_SAME_PROCESS_SECONDS = 2.0  # the clock that create times are counted on may be corrected in between
_POLL_SECONDS = 0.02
_KILLED_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class ProcessId:
    """A process, told from a later one with the same pid by when it began (seconds since the epoch)."""

    pid: int
    create_time: float

    @classmethod
    def of(cls, pid: int) -> Self | None:
        """Return the process that has this pid now."""
        try:
            return cls(pid, psutil.Process(pid).create_time())
        except psutil.NoSuchProcess:
            return None

    def alive(self) -> bool:
        """Tell whether the process still runs; one that only waits to be buried does not."""
        try:
            process = psutil.Process(self.pid)
            same = abs(process.create_time() - self.create_time) < _SAME_PROCESS_SECONDS
            return same and bool(process.status() != psutil.STATUS_ZOMBIE)
        except psutil.NoSuchProcess:
            return False

    def send(self, what: signal.Signals) -> None:
        """Signal the process if it still runs."""
        if self.alive():
            try:
                os.kill(self.pid, what)
            except ProcessLookupError:
                return


async def spawn(command: Command, log: Path, standard_input: int = subprocess.DEVNULL) -> Process:
    """Start a child that logs to ``log``, does not see the terminal's Ctrl-C, and dies with this process (on Linux).

    Call from the main thread: the kernel takes the end of the starting thread for the end of the parent.
    """
    privileges = "unprivileged" if command.unprivileged else "privileged"
    launcher = (
        sys.executable,
        "-I",
        "-S",
        launch.__file__,
        str(os.getpid()),
        str(int(command.stop_signal)),
        privileges,
    )
    with log.open("ab") as output:
        return await asyncio.create_subprocess_exec(
            *launcher,
            *command.argv,
            stdin=standard_input,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=dict(command.env),
            cwd=command.cwd,
            start_new_session=True,
        )


async def run(command: Command, log: Path, *, within_seconds: float, standard_input: bytes = b"") -> int:
    """Run a command to its end, giving it a few bytes (at most a pipe holds), and return its exit code.

    Raises:
        StackError: it took too long, and was killed.
    """
    # A pipe of our own: asyncio's is a socket, which /dev/stdin does not open.
    reading, writing = os.pipe()
    try:
        os.write(writing, standard_input)
        process = await spawn(command, log, reading)
    finally:
        os.close(reading)
        os.close(writing)
    try:
        async with asyncio.timeout(within_seconds):
            return await process.wait()
    except TimeoutError:
        raise StackError(f"{command.argv[0]} has not ended after {within_seconds:g} s. {log_tail(log)}") from None
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def gone(processes: Iterable[ProcessId], within_seconds: float) -> list[ProcessId]:
    """Wait until the processes have ended; return those that have not in time."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + within_seconds
    left = [process for process in processes if process.alive()]
    while left and loop.time() < deadline:
        await asyncio.sleep(_POLL_SECONDS)
        left = [process for process in left if process.alive()]
    return left


async def end(processes: Iterable[tuple[ProcessId, signal.Signals]], within_seconds: float) -> None:
    """Ask processes to end, each with its signal, and kill those that have not in time."""
    targets = list(processes)
    for process, stop_signal in targets:
        process.send(stop_signal)
    left = await gone([process for process, _ in targets], within_seconds)
    for process in left:
        process.send(signal.SIGKILL)
    await gone(left, _KILLED_SECONDS)
