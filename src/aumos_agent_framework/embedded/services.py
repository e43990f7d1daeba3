"""Our own processes as components: model stub, API, worker; and the migration that runs before them."""

import sys
from collections.abc import Mapping
from pathlib import Path

from aumos_agent_framework.embedded import binaries, probes
from aumos_agent_framework.embedded.components import API, LLM_STUB, WORKER, Command, Component
from aumos_agent_framework.embedded.ports import LOOPBACK

_API_ASKED_EVERY_SECONDS = 0.1
_WORKER_ASKED_EVERY_SECONDS = 0.3  # asking costs a tenth of a second of a core, which the worker needs to start
_ALL_ADDRESSES = {"0.0.0.0": LOOPBACK, "::": "::1"}  # noqa: S104 - to listen on; one connects to the other
_CLI = (sys.executable, "-m", "aumos_agent_framework.cli")


def llm_stub(port: int, environment: Mapping[str, str]) -> Component:
    """Return the component ``llm-stub``."""

    async def ready(_: int) -> bool:
        return await probes.accepts(port)

    command = _command(environment, "llm-stub", "--port", str(port))
    return Component(name=LLM_STUB, url=f"http://{LOOPBACK}:{port}/v1", command=command, ready=ready)


def api(host: str, port: int, environment: Mapping[str, str]) -> Component:
    """Return the component ``api``. It is ready when it says so at ``/ready``."""
    reachable = _ALL_ADDRESSES.get(host, host)
    shown = "localhost" if reachable in {LOOPBACK, "::1"} else reachable

    async def ready(_: int) -> bool:
        request = f"GET /ready HTTP/1.1\r\nHost: {reachable}:{port}\r\nConnection: close\r\n\r\n"
        return await probes.answers(port, request.encode(), b"HTTP/1.1 200", host=reachable)

    return Component(
        name=API,
        url=f"http://{shown}:{port}",
        command=_command(environment, "api"),
        ready=ready,
        asked_every_seconds=_API_ASKED_EVERY_SECONDS,
    )


def worker(environment: Mapping[str, str]) -> Component:
    """Return the component ``worker``. It is ready when Temporal sees it poll for work."""
    describe = (
        # The other mode's answer is a cached one, up to 2 s old.
        *(binaries.temporal(), "task-queue", "describe", "--legacy-mode", "--output", "json"),
        *("--address", environment["TEMPORAL_SERVER_URL"]),
        *("--namespace", environment["TEMPORAL_NAMESPACE"]),
        *("--task-queue", environment["TEMPORAL_TASK_QUEUE"]),
    )

    async def ready(pid: int) -> bool:
        # The SDK's workers call themselves pid@host.
        return f'"{pid}@'.encode() in (await probes.output(*describe, env={}) or b"")

    return Component(
        name=WORKER,
        url=None,
        command=_command(environment, "worker"),
        ready=ready,
        asked_every_seconds=_WORKER_ASKED_EVERY_SECONDS,
    )


def migration(environment: Mapping[str, str]) -> Command:
    """Return the command that brings the database to this version."""
    return _command(environment, "migrate")


def _command(environment: Mapping[str, str], *arguments: str) -> Command:
    # Where compiled modules may not be kept, each of these processes takes 5 s of a core to start instead of 2.
    kept = {name: value for name, value in environment.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return Command(argv=(*_CLI, *arguments), cwd=Path.cwd(), env={**kept, "PYTHONUNBUFFERED": "1"})
