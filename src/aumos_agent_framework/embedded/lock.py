"""One supervisor per data directory."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager

from aumos_agent_framework.embedded.components import API
from aumos_agent_framework.embedded.errors import AlreadyRunningError
from aumos_agent_framework.embedded.layout import DataDir
from aumos_agent_framework.embedded.state import read_state


@contextmanager
def held(data_dir: DataDir) -> Iterator[None]:
    """Hold the directory's lock. The kernel gives it back however the process ends; children do not inherit it.

    Raises:
        AlreadyRunningError: another process holds it.
    """
    descriptor = os.open(data_dir.lock, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            state = read_state(data_dir.state)
            raise AlreadyRunningError(data_dir.root, state.pid, state.url(API)) from None
        yield
    finally:
        os.close(descriptor)
