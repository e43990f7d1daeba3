"""What can go wrong with the local stack, in words for the person at the terminal."""

from pathlib import Path

from aumos_agent_framework.core.errors import AgfError

_TAIL_LINES = 3


class StackError(AgfError):
    """The stack cannot start or go on; the message says why and what to do."""

    def __init__(self, message: str, *, code: str = "stack_failed") -> None:
        super().__init__(code, message)


class AlreadyRunningError(StackError):
    """Another supervisor runs on the same data directory."""

    def __init__(self, data_dir: Path, pid: int | None, url: str | None) -> None:
        who = f" (pid {pid})" if pid else ""
        where = f" at {url}" if url else ""
        super().__init__(
            f"The stack runs already{where}{who}, with its data in {data_dir}. Stop it with `agf down`, "
            "or choose another AUMOS_AGF_DATA_DIR.",
            code="already_running",
        )


class PortTakenError(StackError):
    """A configured port is in use."""

    def __init__(self, component: str, port: int, variable: str) -> None:
        super().__init__(
            f"Port {port}, wanted for {component}, is taken by another program. "
            f"Set {variable} to another port (0: a free one).",
            code="port_taken",
        )


def log_tail(log: Path) -> str:
    """Return where a log is and its last lines, as the end of a message."""
    try:
        lines = [line.strip() for line in log.read_text(errors="replace").splitlines() if line.strip()]
    except FileNotFoundError:
        lines = []
    return "\n".join([f"Its log is {log}", *(f"  {line}" for line in lines[-_TAIL_LINES:])])
