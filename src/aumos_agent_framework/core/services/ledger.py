"""The ledger's rules: how an effect is named, what its row becomes after a call, and what a row answers. Pure."""

from dataclasses import replace
from datetime import datetime
from uuid import uuid5

from aumos_agent_framework.core.domain.effects import ActResult, ActStatus, Effect, EffectStatus
from aumos_agent_framework.core.domain.tools import Tool, ToolOutcome, ToolOutcomeKind
from aumos_agent_framework.core.graph.json_schema import violations
from aumos_agent_framework.core.services.payloads import MAX_RESULT_BYTES, UnstorableError, normalized
from aumos_agent_framework.core.types import EffectId, ExecutionId, HitlRequestId, JsonValue

SETTLED = frozenset({EffectStatus.DONE, EffectStatus.FAILED, EffectStatus.UNKNOWN})
MAX_MESSAGE_LENGTH = 2_000
UNKNOWN_MESSAGE = (
    "It is not known whether this call had its effect, and it must not be repeated. A person has to look at the "
    "system that the tool acts on."
)


def effect_id(execution_id: ExecutionId, call_id: str) -> EffectId:
    """Return the id of a call's effect: the same on every repetition, hence also the idempotency key."""
    return EffectId(uuid5(execution_id, call_id))


def request_id(execution_id: ExecutionId, call_id: str) -> HitlRequestId:
    """Return the id of the question that a place in a run asks: a repetition finds it whatever its deadline is."""
    return HitlRequestId(uuid5(execution_id, f"hitl:{call_id}"))


def answer(effect: Effect) -> ActResult:
    """Return what a settled effect tells the run: the same the first time and on every repetition."""
    if effect.status is EffectStatus.DONE and not effect.message:
        return ActResult(ActStatus.DONE, result=effect.result, attempts=effect.attempts)
    status, code = {
        EffectStatus.DONE: (ActStatus.ERROR, "result_unusable"),
        EffectStatus.FAILED: (ActStatus.ERROR, "tool_error"),
    }.get(effect.status, (ActStatus.UNKNOWN, "effect_unknown"))
    return ActResult(status, code=code, message=effect.message, attempts=effect.attempts)


def with_outcome(effect: Effect, tool: Tool, outcome: ToolOutcome, at: datetime) -> Effect:
    """Return the effect as this outcome of its latest attempt leaves it."""
    message = outcome.message[:MAX_MESSAGE_LENGTH]
    match outcome.kind:
        case ToolOutcomeKind.DONE:
            result, complaint = _usable(tool, outcome.result)
            return replace(effect, status=EffectStatus.DONE, result=result, message=message or complaint, settled_at=at)
        case ToolOutcomeKind.ERROR:
            return replace(effect, status=EffectStatus.FAILED, message=message or "The tool refused.", settled_at=at)
        case ToolOutcomeKind.RETRYABLE:
            return replace(effect, status=EffectStatus.RELEASED, message=message or "The tool does not answer.")
        case ToolOutcomeKind.UNKNOWN:
            return lost(effect, at, message)


def lost(effect: Effect, at: datetime, detail: str = "") -> Effect:
    """Return the effect as one that nobody can tell the end of."""
    message = f"{UNKNOWN_MESSAGE} {detail}".strip()
    return replace(effect, status=EffectStatus.UNKNOWN, message=message, settled_at=at)


def again(effect: Effect) -> Effect:
    """Return the effect as reserved for its next attempt."""
    return replace(effect, status=EffectStatus.RESERVED, attempts=effect.attempts + 1, message="")


def supersedes(new: Effect, stored: Effect) -> bool:
    """Whether what an attempt learned may replace what the ledger says meanwhile.

    What happened, happened: ``done`` replaces all but ``done``. That there was no effect replaces what is open or
    unknown. Less than that (``released``, ``unknown``) is said only by the latest attempt, of an open effect.
    """
    if new.status is EffectStatus.DONE:
        return stored.status is not EffectStatus.DONE
    if new.status is EffectStatus.FAILED:
        return stored.status not in {EffectStatus.DONE, EffectStatus.FAILED}
    return stored.status is EffectStatus.RESERVED and stored.attempts == new.attempts


def _usable(tool: Tool, result: JsonValue) -> tuple[JsonValue, str]:
    """Return the result as it can be kept and a complaint; the call has happened in any case."""
    try:
        kept = normalized(result, MAX_RESULT_BYTES)
    except UnstorableError as error:
        return None, f"The call was made, but its result {error}."
    if tool.output_schema is None:
        return kept, ""
    misfits = violations(tool.output_schema, kept)
    if not misfits:
        return kept, ""
    places = "; ".join(f"{pointer or '/'}: {message}" for pointer, message in misfits)
    complaint = f"The call was made, but its result does not fit the tool's output_schema: {places}"
    return kept, complaint[:MAX_MESSAGE_LENGTH]
