"""Durable steps: what a run asks of the world, each answered once however often the run is replayed."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from aumos_agent_framework.core.domain.effects import ActCommand, ActResult
from aumos_agent_framework.core.domain.executions import StepRecord
from aumos_agent_framework.core.domain.hitl import OpenedRequest, OpenGateCommand, Settlement
from aumos_agent_framework.core.domain.inference import ModelTurn, ThinkCommand
from aumos_agent_framework.core.errors import AgfError
from aumos_agent_framework.core.types import HitlRequestId


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How often a step is tried; intervals in seconds. ``non_retryable`` names error codes."""

    max_attempts: int
    initial_interval: float
    backoff: float
    max_interval: float
    non_retryable: tuple[str, ...] = ()


class StepFailedError(AgfError):
    """A step did not succeed within its attempts; ``code`` and ``message`` are those of the last one."""


class StepRunner(Protocol):
    """Runs the steps of one run. Nothing here may be answered from memory of the process alone."""

    def now(self) -> datetime:
        """Return the run's time, the same on every replay."""
        ...

    async def think(self, command: ThinkCommand, retry: RetryPolicy) -> ModelTurn:
        """Call the model. Raises ``StepFailedError`` after the last attempt."""
        ...

    async def act(self, command: ActCommand, retry: RetryPolicy, *, short: bool) -> ActResult:
        """Go through the door. ``short`` calls end within a few seconds. Raises ``StepFailedError``."""
        ...

    async def open_gate(self, command: OpenGateCommand) -> OpenedRequest:
        """Open a gate's request, or find it open or settled. Raises ``StepFailedError``."""
        ...

    async def settlement(self, request_id: HitlRequestId, expires_in_seconds: float) -> Settlement:
        """Wait until the request is settled, by people or by its deadline."""
        ...

    async def withdraw(self, request_ids: Sequence[HitlRequestId]) -> None:
        """Cancel questions that nobody waits for any more, unless they are settled."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        ...

    async def paused(self, steps: Sequence[StepRecord]) -> None:
        """The run now waits for a person: store its steps, so that those who ask can see them."""
        ...
