"""Word that a run has changed, from whichever process changed it to whichever waits."""

from contextlib import AbstractAsyncContextManager
from typing import Protocol

from aumos_agent_framework.core.types import ExecutionId, TenantId


class RunWatch(Protocol):
    """One subscription."""

    async def changed(self, timeout_seconds: float) -> None:
        """Return at the next announcement or after the time, whichever is first.

        An announcement made between two calls is not lost. Where announcements cannot be heard, only the time counts.
        """
        ...


class RunSignals(Protocol):
    """Hints, never truth: a lost one costs a reader some time, never correctness."""

    async def announce(self, tenant_id: TenantId, execution_id: ExecutionId) -> None:
        """Say that the run changed. Never raises for a missing broker; it logs once per outage."""
        ...

    def watch(self, tenant_id: TenantId, execution_id: ExecutionId) -> AbstractAsyncContextManager[RunWatch]:
        """Subscribe; from the moment the context is entered nothing is missed."""
        ...
