"""Runs a few embedded servers for the tests, as a process of its own: ``python -m tests.servers DIRECTORY NAME...``.

Prints the environment that leads to them as one line of JSON when they are ready, and stops them when its standard
input closes, which happens however the test run ends.
"""

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from aumos_agent_framework.embedded.config import StackConfig
from aumos_agent_framework.embedded.layout import DataDir
from aumos_agent_framework.embedded.stack import EmbeddedStack

ROOT = Path(__file__).parents[1]
STOP_SECONDS = 15
# What most tests write need not survive the server. (Those that kill it run a stack of their own.)
FAST_POSTGRES = ("fsync=off", "synchronous_commit=off", "full_page_writes=off")


@contextmanager
def servers(directory: Path, *names: str) -> Iterator[dict[str, str]]:
    """Run servers in another process and yield the environment that leads to them."""
    command = [sys.executable, "-m", "tests.servers", str(directory), *names]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            line = process.stdout.readline()
            assert line, f"The servers {names} did not start; see {directory / 'logs'}"
            yield json.loads(line)
        finally:
            process.stdin.close()
            process.wait(STOP_SECONDS)


def config(directory: Path, *names: str, postgres_options: tuple[str, ...] = ()) -> StackConfig:
    """Return what is needed to run servers that need no other part of the project."""
    return StackConfig(
        data_dir=DataDir(directory),
        issuer_documents=lambda _: {"/keys": {"keys": []}},
        jwks_path="/keys",
        inherited=dict(os.environ),
        components=frozenset(names),
        postgres_options=postgres_options,
    )


async def _run(directory: Path, names: list[str]) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, stop.set)
    loop.add_reader(sys.stdin, stop.set)  # readable once it is closed: nothing is ever written to it
    async with EmbeddedStack(config(directory, *names, postgres_options=FAST_POSTGRES)) as stack:
        sys.stdout.write(json.dumps(stack.environment()) + "\n")
        sys.stdout.flush()
        await stop.wait()


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for pytest, whose fixtures stop this process in time
    asyncio.run(_run(Path(sys.argv[1]), sys.argv[2:]))
