"""A small stack, run as ``agf up`` runs the whole one."""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest

from tests.running_stack import RunningStack, supervisor
from tests.servers import ROOT

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
