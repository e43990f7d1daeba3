"""``agf down``: stop the stack that another ``agf up`` runs."""

import asyncio
import signal
from pathlib import Path

from rich.console import Console

from aumos_agent_framework.cli.stack_config import data_dir_of
from aumos_agent_framework.embedded.errors import StackError
from aumos_agent_framework.embedded.processes import gone
from aumos_agent_framework.embedded.state import read_state
from aumos_agent_framework.settings import load_settings

_STOP_SECONDS = 15.0


def stop_stack(data_dir: Path | None) -> None:
    """Stop the stack of the data directory and wait until it is gone.

    Raises:
        StackError: it has not stopped in time.
    """
    console = Console(soft_wrap=True, highlight=False)
    state = read_state(data_dir_of(load_settings(), data_dir).state)
    supervisor = state.supervisor
    if supervisor is None or not supervisor.alive():
        console.print("not running")
        return
    supervisor.send(signal.SIGTERM)
    if asyncio.run(gone([supervisor], _STOP_SECONDS)):
        raise StackError(f"The stack (pid {supervisor.pid}) has not stopped within {_STOP_SECONDS:g} s.")
    console.print("stopped")
