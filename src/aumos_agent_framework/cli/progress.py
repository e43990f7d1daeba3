"""What ``agf up`` prints: one line per component, in a form that people read and scripts can match."""

import shlex
import shutil
import sys
import time
from collections.abc import Iterable
from pathlib import Path

from rich.console import Console

from aumos_agent_framework.embedded.components import API, ComponentState, ComponentStatus
from aumos_agent_framework.embedded.layout import DataDir

_NAME_WIDTH = 10
_DEFAULT_DATA_DIR = ".agf"


def warn(messages: Iterable[str]) -> None:
    """Print warnings on stderr."""
    console = Console(stderr=True, soft_wrap=True, highlight=False)
    for message in messages:
        console.print(f"warning: {message}", style="yellow", markup=False)


class Progress:
    """Follows a stack and prints."""

    def __init__(self, data_dir: DataDir) -> None:
        self._data_dir = data_dir
        self._console = Console(soft_wrap=True, highlight=False)
        self._began = time.monotonic()
        self._address: str | None = None

    def changed(self, status: ComponentStatus) -> None:
        """Print a component that is ready, external or restarting; steps in between are of no interest."""
        name = status.name.ljust(_NAME_WIDTH)
        if status.state is ComponentState.RUNNING:
            self._address = status.url if status.name == API else self._address
            seconds = time.monotonic() - self._began
            self._print("green", f"{name} ready     {status.url or '-'}  pid {status.pid}  {seconds:.1f} s")
        elif status.state is ComponentState.EXTERNAL:
            self._print("cyan", f"{name} external  {status.url}")
        elif status.state is ComponentState.RESTARTING and status.pid is None:
            self._print("yellow", f"{name} restarting; its log is {self._data_dir.log(status.name)}")

    def noted(self, message: str) -> None:
        """Print a message."""
        self._print("green", message)

    def ready(self) -> None:
        """Print where to go on."""
        data_dir = self._data_dir.root
        option = "" if data_dir == Path(_DEFAULT_DATA_DIR).resolve() else f" --data-dir {shlex.quote(str(data_dir))}"
        self._print("bold green", f"ready: {self._address}")
        self._print("", f"API docs: {self._address}/docs")
        self._print("", f"data:     {data_dir}")
        self._print(
            "", f"a token:  {shlex.quote(_program())} token --tenant demo --subject alice --role developer{option}"
        )

    def stopping(self) -> None:
        """Print that the end has begun; it takes some seconds."""
        self._print("", "stopping")

    def stopped(self) -> None:
        """Print that nothing runs any more."""
        self._print("", "stopped")

    def _print(self, style: str, line: str) -> None:
        self._console.print(line, style=style, markup=False)


def _program() -> str:
    """Return how to call this program from the present folder, whether or not its environment is activated."""
    if shutil.which("agf"):
        return "agf"
    program = Path(sys.executable).parent / "agf"
    return str(program.relative_to(Path.cwd()) if program.is_relative_to(Path.cwd()) else program)
