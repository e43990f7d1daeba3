"""The durable ``StepRunner``: every step is a Temporal activity.

Short calls are local activities: a third of the cost, and safe to repeat because the effect ledger answers a
repetition (PERFORMANCE.md). Model calls and slow tools are regular activities with heartbeats.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import datetime, timedelta
from typing import TypeVar

import orjson
from temporalio import workflow
from temporalio.common import RetryPolicy as TemporalRetry
from temporalio.exceptions import (
    ActivityError,
    ApplicationError,
    FailureError,
    TimeoutError as TemporalTimeout,
    TimeoutType,
    is_cancelled_exception,
)

from aumos_agent_framework.adapters.durable_execution import names
from aumos_agent_framework.adapters.durable_execution.workflows.messages import (
    FinishRun,
    RequestRef,
    RequestRefs,
    RunRef,
    SaveSteps,
)
from aumos_agent_framework.core.domain.effects import ActCommand, ActResult
from aumos_agent_framework.core.domain.executions import RunEnd, StepRecord
from aumos_agent_framework.core.domain.hitl import HitlStatus, OpenedRequest, OpenGateCommand, Settlement
from aumos_agent_framework.core.domain.inference import ModelTurn, ThinkCommand
from aumos_agent_framework.core.interfaces.step_runner import RetryPolicy, StepFailedError
from aumos_agent_framework.core.types import HitlRequestId, JsonValue

T = TypeVar("T")

_HEARTBEAT_TIMEOUT = timedelta(seconds=10)
_MODEL_TIMEOUT = timedelta(minutes=10)
_SLOW_CALL_TIMEOUT = timedelta(minutes=11)  # above the longest timeout that a tool may have
_SHORT_CALL_TIMEOUT = timedelta(seconds=30)
_BOOKKEEPING_TIMEOUT = timedelta(seconds=30)
_BOOKKEEPING_RETRY = TemporalRetry(
    initial_interval=timedelta(milliseconds=200), backoff_coefficient=2.0, maximum_interval=timedelta(seconds=15)
)
"""Without a last attempt: a run's end must reach the database however long that is away."""
_OUTAGE_WAITS = 2_000
_LONGEST_OUTAGE_WAIT = 30.0
_WORKER_LOST = "worker_lost"
_MAX_LOSSES = 10
_MAX_IN_FLIGHT_BYTES = 2_500_000  # its messages end at 4 MB
_MAX_COMMAND_BYTES = 1_500_000  # Temporal refuses payloads above 2 MB
_STEPS_PER_SAVE = 40  # times twice the journal's bound of one value: well below 2 MB
_DEADLINE_SLACK = 0.5
_ASK_AGAIN_SECONDS = 1.0


class TemporalStepRunner:
    """Runs the steps of one workflow. ``settled`` is filled by the workflow's signal handler."""

    def __init__(self, run: RunRef, settled: set[HitlRequestId]) -> None:
        self._run = run
        self._settled = settled
        self._in_flight = 0

    def now(self) -> datetime:
        """Return the workflow's time."""
        return workflow.now()

    async def think(self, command: ThinkCommand, retry: RetryPolicy) -> ModelTurn:
        """Call the model as a regular activity."""
        size = _size("conversation_too_large", "The conversation", list(command.messages))
        async with self._room(size):
            return await _patiently(
                lambda: workflow.execute_activity(
                    names.THINK,
                    command,
                    result_type=ModelTurn,
                    start_to_close_timeout=_MODEL_TIMEOUT,
                    heartbeat_timeout=_HEARTBEAT_TIMEOUT,
                    retry_policy=_temporal_retry(retry),
                )
            )

    async def act(self, command: ActCommand, retry: RetryPolicy, *, short: bool) -> ActResult:
        """Go through the door, locally where the call is short."""
        size = _size("arguments_too_large", "The arguments", command.arguments)
        policy = _temporal_retry(retry)
        if short:
            return await _patiently(
                lambda: workflow.execute_local_activity(
                    names.ACT,
                    command,
                    result_type=ActResult,
                    start_to_close_timeout=_SHORT_CALL_TIMEOUT,
                    retry_policy=policy,
                )
            )
        async with self._room(size):
            return await _patiently(
                lambda: workflow.execute_activity(
                    names.ACT,
                    command,
                    result_type=ActResult,
                    start_to_close_timeout=_SLOW_CALL_TIMEOUT,
                    heartbeat_timeout=_HEARTBEAT_TIMEOUT,
                    retry_policy=policy,
                )
            )

    async def open_gate(self, command: OpenGateCommand) -> OpenedRequest:
        """Open a gate's request."""
        return await self._bookkeep(names.OPEN_GATE, command, OpenedRequest)

    async def settlement(self, request_id: HitlRequestId, expires_in_seconds: float) -> Settlement:
        """Wait for the signal or the deadline, and then ask the database: a signal is a hint, never the verdict."""
        deadline = self.now() + timedelta(seconds=expires_in_seconds)
        remaining = expires_in_seconds
        while True:
            if remaining > 0:
                await self._signalled(request_id, remaining)
            settled = await self._bookkeep(
                names.EXPIRE_REQUEST, RequestRef(self._run.tenant_id, request_id), Settlement
            )
            if settled.status is not HitlStatus.PENDING:
                return settled
            self._settled.discard(request_id)  # a signal without a decision, or a database whose clock is behind
            remaining = max(_ASK_AGAIN_SECONDS, (deadline - self.now()).total_seconds())

    @asynccontextmanager
    async def _room(self, size: int) -> AsyncIterator[None]:
        """Keep the commands in flight below what one message to the engine may hold; the others wait their turn."""

        def fits() -> bool:
            return self._in_flight == 0 or self._in_flight + size <= _MAX_IN_FLIGHT_BYTES

        while not fits():  # of several that are woken at once, only the first may fit
            await workflow.wait_condition(fits)
        self._in_flight += size
        try:
            yield
        finally:
            self._in_flight -= size

    async def _signalled(self, request_id: HitlRequestId, seconds: float) -> None:
        with suppress(TimeoutError):  # the deadline has passed: the database decides who was first
            await workflow.wait_condition(lambda: request_id in self._settled, timeout=seconds + _DEADLINE_SLACK)

    async def withdraw(self, request_ids: Sequence[HitlRequestId]) -> None:
        """Cancel questions that nobody waits for any more."""
        await self._bookkeep(names.WITHDRAW_REQUESTS, RequestRefs(self._run.tenant_id, tuple(request_ids)), None)

    async def sleep(self, seconds: float) -> None:
        """Wait on a durable timer."""
        await asyncio.sleep(seconds)

    async def paused(self, steps: Sequence[StepRecord]) -> None:
        """Store the steps so far."""
        for chunk in _chunks(steps):
            await self._bookkeep(names.SAVE_STEPS, SaveSteps(self._run, chunk), None)

    async def begin(self) -> None:
        """Say that the run has begun."""
        await self._bookkeep(names.BEGIN_RUN, self._run, None)

    async def finish(self, end: RunEnd, steps: Sequence[StepRecord]) -> None:
        """Say how the run ended."""
        *earlier, last = _chunks(steps) or [()]
        for chunk in earlier:
            await self._bookkeep(names.SAVE_STEPS, SaveSteps(self._run, chunk), None)
        await self._bookkeep(names.FINISH_RUN, FinishRun(self._run, end, last), None)

    async def _bookkeep(self, name: str, argument: object, result_type: type[T] | None) -> T:
        return await _translated(
            workflow.execute_local_activity(
                name,
                argument,
                result_type=result_type,
                start_to_close_timeout=_BOOKKEEPING_TIMEOUT,
                retry_policy=_BOOKKEEPING_RETRY,
            )
        )


async def _patiently(call: Callable[[], Awaitable[T]]) -> T:
    """Repeat a step for as long as something of our own is away; such attempts are not the step's own.

    Nor is it the step's failure that its worker died, unless that happens again and again: then it may be its cause.
    """
    losses = 0
    for wait in _outage_waits():
        try:
            return await _translated(call())
        except StepFailedError as error:
            losses += error.code == _WORKER_LOST
            if error.code not in {names.UNAVAILABLE, _WORKER_LOST} or losses > _MAX_LOSSES:
                raise
        await asyncio.sleep(wait)
    raise StepFailedError(names.UNAVAILABLE, "Databases or engine stayed away; given up.")


def _outage_waits() -> Iterator[float]:
    wait = 0.5
    for _ in range(_OUTAGE_WAITS):
        yield wait
        wait = min(wait * 2, _LONGEST_OUTAGE_WAIT)


async def _translated(call: Awaitable[T]) -> T:
    """Turn Temporal's failures into ours; a cancelled step is the run's cancellation."""
    try:
        return await call
    except FailureError as fault:
        if is_cancelled_exception(fault):
            raise asyncio.CancelledError from fault
        # A regular activity's failure comes wrapped, a local activity's as it was raised.
        cause = fault.cause if isinstance(fault, ActivityError) else fault
        if isinstance(cause, ApplicationError):
            raise StepFailedError(cause.type or "step_failed", cause.message) from fault
        if isinstance(cause, TemporalTimeout) and cause.type is TimeoutType.HEARTBEAT:
            raise StepFailedError(_WORKER_LOST, "Its worker was lost in the middle of the step.") from fault
        if isinstance(cause, TemporalTimeout):
            raise StepFailedError("step_timeout", "The step did not answer in time.") from fault
        raise StepFailedError("step_failed", str(cause or fault)) from fault


def _temporal_retry(retry: RetryPolicy) -> TemporalRetry:
    return TemporalRetry(
        initial_interval=timedelta(seconds=retry.initial_interval),
        backoff_coefficient=retry.backoff,
        maximum_interval=timedelta(seconds=max(retry.max_interval, retry.initial_interval)),
        maximum_attempts=retry.max_attempts,
        non_retryable_error_types=list(retry.non_retryable),
    )


def _size(code: str, what: str, value: JsonValue) -> int:
    size = len(orjson.dumps(value))
    if size > _MAX_COMMAND_BYTES:
        raise StepFailedError(code, f"{what} takes {size} bytes; a step takes at most {_MAX_COMMAND_BYTES}.")
    return size


def _chunks(steps: Sequence[StepRecord]) -> list[tuple[StepRecord, ...]]:
    return [tuple(steps[index : index + _STEPS_PER_SAVE]) for index in range(0, len(steps), _STEPS_PER_SAVE)]
