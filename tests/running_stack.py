"""The whole stack as a process of its own, as ``agf up`` runs it, and what tests need to know of it."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import psutil

from aumos_agent_framework.adapters.auth.local_issuer import LocalIssuer
from aumos_agent_framework.cli.token import tenant_id_of
from aumos_agent_framework.embedded.components import API, ISSUER, ComponentStatus
from aumos_agent_framework.embedded.layout import DataDir
from aumos_agent_framework.embedded.state import StackState, read_state
from aumos_agent_framework.settings import Settings
from tests.waiting import eventually

READY_SECONDS = 110
STOP_SECONDS = 15


@dataclass(frozen=True)
class RunningStack:
    """A supervisor process and its data directory."""

    process: "subprocess.Popen[str]"
    data_dir: Path

    @property
    def base_url(self) -> str:
        """Where the API is."""
        port = self.component(API).port
        return f"http://127.0.0.1:{port}"

    def token(self, tenant: str, subject: str, roles: Sequence[str], level: int | None = None) -> str:
        """Return a bearer token; ``tenant`` is a UUID or any name."""
        url = self.component(ISSUER).url
        assert url is not None
        return LocalIssuer(DataDir(self.data_dir).issuer, url).mint(
            tenant_id=tenant_id_of(tenant),
            subject=subject,
            roles=roles,
            level=level,
            audience=Settings.model_fields["auth"].get_default().audience,
            ttl=timedelta(hours=1),
        )

    def state(self) -> StackState:
        """Return what the supervisor has written last."""
        return read_state(DataDir(self.data_dir).state)

    def component(self, name: str) -> ComponentStatus:
        """Return a component's status."""
        return self.state().components[name]

    def pid(self, name: str) -> int:
        """Return the pid of a component that runs."""
        pid = self.component(name).pid
        assert pid is not None, f"{name} does not run"
        return pid

    def environment(self, name: str) -> dict[str, str]:
        """Return the environment that a component runs in."""
        environment: dict[str, str] = psutil.Process(self.pid(name)).environ()
        return environment

    def log(self, name: str) -> str:
        """Return what a component has logged; ``supervisor`` is what ``agf up`` has printed."""
        return DataDir(self.data_dir).log(name).read_text(errors="replace")

    def wait_ready(self) -> None:
        """Wait until everything is ready."""
        eventually(lambda: self.state().ready or self.process.poll() is not None, READY_SECONDS, "the stack is ready")
        assert self.process.poll() is None, f"The stack did not start:\n{self.log('supervisor')}"

    def stop(self) -> None:
        """Stop everything, as a person would."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        self.process.wait(STOP_SECONDS)


@contextmanager
def running_stack(data_dir: Path, **variables: str) -> Iterator[RunningStack]:
    """Run ``agf up`` on ``data_dir``, on free ports, and yield when it is ready."""
    command = [sys.executable, "-m", "aumos_agent_framework.cli", "up", "--data-dir", str(data_dir)]
    with supervisor(command, data_dir, AUMOS_AGF_PORT="0", **variables) as stack:
        stack.wait_ready()
        yield stack


@contextmanager
def supervisor(command: list[str], data_dir: Path, **variables: str) -> Iterator[RunningStack]:
    """Run a command that runs a stack, and stop it in the end."""
    layout = DataDir(data_dir)
    layout.create()
    with layout.log("supervisor").open("ab") as output:
        process = subprocess.Popen(
            command,
            cwd=data_dir,  # no .env file of a developer is there
            env={**os.environ, **variables},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
    stack = RunningStack(process, data_dir)
    try:
        yield stack
    finally:
        stack.stop()
