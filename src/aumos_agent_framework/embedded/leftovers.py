"""Ending what an earlier supervisor left behind when it was killed."""

import signal

from aumos_agent_framework.embedded.components import POSTGRES, ComponentStatus
from aumos_agent_framework.embedded.processes import ProcessId, end
from aumos_agent_framework.embedded.state import StackState

_GRACE_SECONDS = 8.0


async def clear(state: StackState) -> None:
    """End the components of a state whose supervisor is gone; call with the lock held.

    On Linux they are ending already, told by the kernel; elsewhere this is what ends them.
    """
    own = state.pid
    processes = [_process(status) for status in state.components.values() if status.pid != own]
    await end([process for process in processes if process], _GRACE_SECONDS)


def _process(status: ComponentStatus) -> tuple[ProcessId, signal.Signals] | None:
    if status.pid is None or status.create_time is None:
        return None
    stop_signal = signal.SIGINT if status.name == POSTGRES else signal.SIGTERM
    return ProcessId(status.pid, status.create_time), stop_signal
