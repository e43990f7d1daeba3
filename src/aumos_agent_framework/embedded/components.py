"""What a component of the stack is: its name, how its process runs, and how one sees that it is ready."""

import signal
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

POSTGRES = "postgres"
REDIS = "redis"
TEMPORAL = "temporal"
KAFKA = "kafka"
ISSUER = "issuer"
LLM_STUB = "llm-stub"
API = "api"
WORKER = "worker"

TEMPORAL_HTTP = "temporal-http"
TEMPORAL_METRICS = "temporal-metrics"

SIDE_PORTS = {TEMPORAL: (TEMPORAL_HTTP, TEMPORAL_METRICS)}
"""What a component listens on besides its own port; fixed too, so that others can be told to keep away from it."""
SERVERS = (POSTGRES, REDIS, TEMPORAL, KAFKA, ISSUER, LLM_STUB)
"""What a company may run itself: not started where an address is configured."""
SERVICES = (API, WORKER)
"""What this project is."""
ALL_COMPONENTS = (*SERVERS, *SERVICES)


class ComponentState(StrEnum):
    """Where a component stands, as ``agf status`` shows it."""

    STARTING = "starting"
    RUNNING = "running"
    RESTARTING = "restarting"
    STOPPED = "stopped"
    FAILED = "failed"
    EXTERNAL = "external"  # an address is configured: run by somebody else


@dataclass(frozen=True, slots=True)
class Command:
    """A process to run. ``env`` is its whole environment; ``unprivileged`` gives root away where we have it."""

    argv: tuple[str, ...]
    cwd: Path
    env: Mapping[str, str] = field(repr=False)  # carries passwords
    stop_signal: signal.Signals = signal.SIGTERM
    unprivileged: bool = False


async def _nothing() -> None:
    """Prepare nothing."""


@dataclass(frozen=True, slots=True)
class Component:
    """A supervised process.

    ``url`` is shown to people and holds no password; a process that does not listen has none. ``prepare`` runs
    before every start and must be repeatable. ``ready`` takes the pid and tells whether the process does its work
    yet; it must return within seconds, not raise for "not yet", and is asked again every ``asked_every_seconds``.
    """

    name: str
    url: str | None
    command: Command
    ready: Callable[[int], Awaitable[bool]]
    prepare: Callable[[], Awaitable[None]] = _nothing
    asked_every_seconds: float = 0.03


@dataclass(frozen=True, slots=True)
class ComponentStatus:
    """What is known of a component now. ``create_time`` (seconds since the epoch) guards against reused pids."""

    name: str
    state: ComponentState
    url: str | None = None
    port: int | None = None
    pid: int | None = None
    create_time: float | None = None
