"""What is known of every component now: kept in the state file, told to whoever listens."""

import contextlib
from collections.abc import Mapping
from dataclasses import replace
from typing import Protocol

from aumos_agent_framework.embedded.components import ComponentState, ComponentStatus
from aumos_agent_framework.embedded.layout import DataDir
from aumos_agent_framework.embedded.processes import ProcessId
from aumos_agent_framework.embedded.state import StackState, write_state


class Listener(Protocol):
    """Follows a stack, to show it to a person."""

    def changed(self, status: ComponentStatus) -> None:
        """A component is in a new state."""
        ...

    def noted(self, message: str) -> None:
        """Something else that is worth a line."""
        ...


class Board:
    """The statuses of one stack, written on every change."""

    def __init__(self, data_dir: DataDir, supervisor: ProcessId | None, listener: Listener | None) -> None:
        self._path = data_dir.state
        self._listener = listener
        self._state = StackState(
            pid=supervisor.pid if supervisor else None, create_time=supervisor.create_time if supervisor else None
        )

    def begin(self, statuses: Mapping[str, ComponentStatus], ports: Mapping[str, int]) -> None:
        """Set all components and ports at once, before the first one starts."""
        self._state = replace(self._state, components=dict(statuses), ports=dict(ports))
        self._write()
        for status in statuses.values():
            if status.state is ComponentState.EXTERNAL:
                self._tell(status)

    def set(self, name: str, state: ComponentState, pid: int | None) -> None:
        """Record a component's new state."""
        process = ProcessId.of(pid) if pid else None
        status = replace(
            self._state.components[name],
            state=state,
            pid=pid,
            create_time=process.create_time if process else None,
        )
        self._state = replace(self._state, components={**self._state.components, name: status})
        self._write()
        self._tell(status)

    def set_ready(self, *, ready: bool) -> None:
        """Record whether the stack as a whole is ready."""
        self._state = replace(self._state, ready=ready)
        self._write()

    def end(self) -> None:
        """Record that nothing runs any more; addresses stay, for the next start."""
        if not self._state.components:
            return  # nothing was begun: what the earlier stack has written stays
        self._state = replace(self._state, pid=None, create_time=None, ready=False)
        self._write()

    def note(self, message: str) -> None:
        """Pass a message on."""
        if self._listener is not None:
            self._listener.noted(message)

    def _tell(self, status: ComponentStatus) -> None:
        if self._listener is not None:
            self._listener.changed(status)

    def _write(self) -> None:
        # The file informs others. A full disk or a removed directory must not keep servers from being stopped.
        with contextlib.suppress(OSError):
            write_state(self._path, self._state)
