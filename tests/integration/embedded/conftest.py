"""A small stack, run as ``agf up`` runs the whole one."""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest

from aumos_agent_framework.embedded.components import ComponentStatus
from tests.running_stack import RunningStack, supervisor
from tests.servers import ROOT


class Changes:
    """A listener that remembers."""

    def __init__(self) -> None:
        self.statuses: list[ComponentStatus] = []
        self.notes: list[str] = []

    def changed(self, status: ComponentStatus) -> None:
        self.statuses.append(status)

    def noted(self, message: str) -> None:
        self.notes.append(message)


Up = Callable[..., AbstractContextManager[RunningStack]]


@pytest.fixture
def up(tmp_path: Path) -> Up:
    """Run servers by name; ``wait=False`` yields before they are ready."""

    @contextmanager
    def run(*names: str, wait: bool = True) -> Iterator[RunningStack]:
        command = [sys.executable, "-m", "tests.integration.embedded.up_servers", str(tmp_path / "data"), *names]
        with supervisor(command, tmp_path / "data", PYTHONPATH=os.pathsep.join([str(ROOT), *sys.path])) as stack:
            if wait:
                stack.wait_ready()
            yield stack

    return run
