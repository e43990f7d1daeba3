"""The state file: what runs, for other commands and for the next start."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

import orjson

from aumos_agent_framework.embedded.components import ComponentState, ComponentStatus
from aumos_agent_framework.embedded.files import write_private
from aumos_agent_framework.embedded.processes import ProcessId


@dataclass(frozen=True, slots=True)
class StackState:
    """A stack as it was last written: the supervisor, the API's address once ready, and the components by name.

    ``ports`` are all that it listens on, by the names under which the next start asks for them again.
    """

    pid: int | None = None
    create_time: float | None = None
    ready: bool = False
    ports: Mapping[str, int] = field(default_factory=dict)
    components: Mapping[str, ComponentStatus] = field(default_factory=dict)

    @property
    def supervisor(self) -> ProcessId | None:
        """The process that wrote the state, if it was running."""
        if self.pid is None or self.create_time is None:
            return None
        return ProcessId(self.pid, self.create_time)

    def running(self) -> bool:
        """Tell whether the supervisor lives now."""
        return self.supervisor is not None and self.supervisor.alive()

    def url(self, component: str) -> str | None:
        """Return where a component was last."""
        status = self.components.get(component)
        return status.url if status else None

    def as_seen_now(self) -> "StackState":
        """Correct what a supervisor that was killed could not write: without it, and without its process, none runs."""
        up = self.running()
        return replace(
            self, ready=self.ready and up, components={n: _seen(c, up=up) for n, c in self.components.items()}
        )


def _seen(status: ComponentStatus, *, up: bool) -> ComponentStatus:
    if up or status.state in {ComponentState.EXTERNAL, ComponentState.FAILED}:
        return status
    return replace(status, state=ComponentState.STOPPED, pid=None, create_time=None)


def read_state(path: Path) -> StackState:
    """Return the state kept at ``path``; an empty one if there is none or it cannot be read."""
    try:
        raw = orjson.loads(path.read_bytes())
        listed = [ComponentStatus(**{**item, "state": ComponentState(item["state"])}) for item in raw.pop("components")]
        return StackState(**raw, components={status.name: status for status in listed})
    except (FileNotFoundError, orjson.JSONDecodeError, KeyError, TypeError, ValueError):
        # Nothing depends on it but remembered ports: the lock says whether a stack runs.
        return StackState()


def write_state(path: Path, state: StackState) -> None:
    """Replace the state kept at ``path``."""
    components = [asdict(status) for status in state.components.values()]
    document = {
        "pid": state.pid,
        "create_time": state.create_time,
        "ready": state.ready,
        "ports": dict(state.ports),
        "components": components,
    }
    write_private(path, orjson.dumps(document, option=orjson.OPT_INDENT_2))
