"""The door: every tool call of every run goes through ``EffectService.act`` and through nothing else."""

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import replace

from aumos_agent_framework.core.domain.effects import ActCommand, ActResult, ActStatus, Effect
from aumos_agent_framework.core.domain.tools import ToolCallContext, ToolOutcome
from aumos_agent_framework.core.errors import AgfError, UnavailableError
from aumos_agent_framework.core.interfaces.clock import Clock
from aumos_agent_framework.core.interfaces.rate_limiter import RateLimiter
from aumos_agent_framework.core.interfaces.run_signals import RunSignals
from aumos_agent_framework.core.interfaces.tool_runner import ToolRunner
from aumos_agent_framework.core.interfaces.unit_of_work import UnitOfWorkFactory
from aumos_agent_framework.core.services import ledger
from aumos_agent_framework.core.services.admission import Admission, RateLimits, Ready, admit

SETTLE_DELAYS_SECONDS = (0.1, 0.5, 2.0)
CANCEL_GRACE_SECONDS = 5.0
_log = logging.getLogger(__name__)


class ToolUnavailable(AgfError):  # noqa: N818 - the name that the durable layer knows it by
    """The tool could not be reached or did not finish; the same call may be made again. ``attempts`` counts so far."""

    def __init__(self, message: str, attempts: int) -> None:
        super().__init__("tool_unavailable", message, retryable=True)
        self.attempts = attempts


class EffectService:
    """Makes tool calls: at most once where a repetition would be a second effect, and never beyond a level."""

    def __init__(
        self,
        *,
        uow: UnitOfWorkFactory,
        clock: Clock,
        runner: ToolRunner,
        limiter: RateLimiter,
        signals: RunSignals,
        settle_delays: Sequence[float] = SETTLE_DELAYS_SECONDS,
    ) -> None:
        self._uow = uow
        self._clock = clock
        self._runner = runner
        self._limiter = limiter
        self._signals = signals
        self._settle_delays = settle_delays

    async def act(self, command: ActCommand) -> ActResult:
        """Make a call, refuse it, or open a request for its approval and say so.

        The way of a call: one transaction decides and reserves the effect (``admission.admit``); then the tool is
        called, outside any transaction, with the effect's id as idempotency key; then a second transaction writes
        down what is known. ``act`` may be repeated at any time with the same command, and is after every crash:

        - *before the reservation commits*: nothing has happened, the repetition is the first call.
        - *after the reservation, during the call, before the second commit*: the repetition finds ``reserved`` and
          cannot tell "crashed" from "still under way elsewhere" (Temporal repeats an attempt only after it failed or
          timed out, and an attempt that timed out may still run). A tool that is ``idempotent`` or takes the ``key``
          is called again with the same id; for any other, or where the call is not permitted any more, the effect
          becomes ``unknown`` and is never repeated.
        - *after the second commit*: the ledger answers; suspending the agent or ending the run does not unsay it.

        Two calls of the same command at once meet at the ledger's primary key: the second sees the first's
        reservation and is a repetition, as above. If the first ends after all, what it learned replaces ``unknown``
        in the ledger. An approval is used up in the transaction that reserves, so that it is good for one effect and
        for the repetitions of that effect, even beyond its deadline.

        Permission is read when the effect is reserved, at each attempt. A change that commits after that moment
        stops the next call, not this one.

        Rate limits are fairness, not safety: with the limiter away, calls go on and a warning is logged.

        Raises:
            ToolUnavailable: the attempt ended without a result and may be repeated.
            UnavailableError: the database is away; the call may be repeated.
        """
        admission = await self._admit(command, RateLimits())
        if isinstance(admission, RateLimits):
            wait = await self._take(admission)
            if wait > 0:
                return _rate_limited(wait)
            admission = await self._admit(command, admission)
        if isinstance(admission, RateLimits):
            return _rate_limited(1.0)  # the limits were changed in between
        if isinstance(admission, Ready):
            return await self._call(admission)
        await self._report(command, admission)
        return admission

    async def _admit(self, command: ActCommand, passed: RateLimits) -> Admission:
        async with self._uow(command.tenant_id) as work:
            admission = await admit(work, command, self._clock.now(), passed)
            if not isinstance(admission, RateLimits):
                await work.commit()
        return admission

    async def _take(self, limits: RateLimits) -> float:
        """Count the call in every window; return the seconds to wait, 0.0 when it may go on."""
        for key, per_minute in limits.windows:
            try:
                wait = await self._limiter.take(key, per_minute)
            except UnavailableError as error:
                _log.warning("rate_limit_not_counted", extra={"key": key, "reason": error.message})
                continue
            if wait > 0:
                return wait
        return 0.0

    async def _call(self, ready: Ready) -> ActResult:
        effect = ready.effect
        context = ToolCallContext(effect.tenant_id, effect.id, effect.attempts)
        outcome = await self._runner.call(ready.tool, effect.arguments, context)
        settled = await self._record_even_if_cancelled(ready, outcome)
        if settled.status not in ledger.SETTLED:
            raise ToolUnavailable(settled.message, effect.attempts)
        return ledger.answer(settled)

    async def _record_even_if_cancelled(self, ready: Ready, outcome: ToolOutcome) -> Effect:
        """Write down what is known even while the attempt is being cancelled: else a done effect would be unknown."""
        recording = asyncio.create_task(self._record(ready, outcome))
        try:
            return await asyncio.shield(recording)
        except asyncio.CancelledError:
            done, _ = await asyncio.wait({recording}, timeout=CANCEL_GRACE_SECONDS)
            if not done:
                recording.cancel()
            elif recording.exception() is not None:
                _log.warning("outcome_not_recorded", extra={"effect": str(ready.effect.id)})
            raise

    async def _record(self, ready: Ready, outcome: ToolOutcome) -> Effect:
        """Write the outcome, trying again while the database is away for a moment.

        Raises:
            UnavailableError: it stays away. The effect stays ``reserved``.
        """
        for delay in self._settle_delays:
            try:
                return await self._record_once(ready, outcome)
            except UnavailableError:
                await asyncio.sleep(delay)
        return await self._record_once(ready, outcome)

    async def _record_once(self, ready: Ready, outcome: ToolOutcome) -> Effect:
        learned = ledger.with_outcome(ready.effect, ready.tool, outcome, self._clock.now())
        async with self._uow(learned.tenant_id) as work:
            stored = await work.effects.get(learned.id, for_update=True) or ready.effect
            if not ledger.supersedes(learned, stored):  # another attempt has gone further
                return stored if stored.status in ledger.SETTLED else learned
            learned = replace(learned, attempts=stored.attempts)
            await work.effects.update(learned)
            await work.commit()
        return learned

    async def _report(self, command: ActCommand, result: ActResult) -> None:
        fields = {"execution": str(command.execution_id), "tool": command.tool, "code": result.code}
        if result.status is ActStatus.APPROVAL_REQUIRED:
            await self._signals.announce(command.tenant_id, command.execution_id)
        elif result.status is ActStatus.DENIED:
            _log.info("call_denied", extra=fields)
        elif result.status is ActStatus.UNKNOWN:
            _log.warning("effect_unknown", extra=fields)


def _rate_limited(wait: float) -> ActResult:
    message = f"Too many calls in one minute; the next may be made in {wait:.0f} s. Nothing was called."
    return ActResult(ActStatus.RATE_LIMITED, code="rate_limited", message=message, retry_after_seconds=wait)
