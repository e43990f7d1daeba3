"""The transaction before an effect: may this call be made, with which arguments, and was it made before?

``admit`` runs inside one unit of work and makes no call to the outside. What it decides rests on rows read in that
transaction: the run, the agent, the tool, the tenant, the approval and the ledger.
"""

from dataclasses import dataclass, replace
from datetime import datetime

from aumos_agent_framework.core.domain.effects import ActCommand, ActResult, ActStatus, Effect, EffectStatus
from aumos_agent_framework.core.domain.hitl import DEFAULT_DEADLINE, HitlKind, HitlRequest, HitlStatus
from aumos_agent_framework.core.domain.tools import Tool, ToolIdempotency
from aumos_agent_framework.core.errors import InvalidInputError
from aumos_agent_framework.core.interfaces.unit_of_work import UnitOfWork
from aumos_agent_framework.core.services import ledger
from aumos_agent_framework.core.services.act_case import (
    Case,
    approval_refusal,
    argument_fault,
    denied,
    fault,
    load_case,
    run_refusal,
)
from aumos_agent_framework.core.services.authority import Permission, quorum_for
from aumos_agent_framework.core.services.digest import request_digest
from aumos_agent_framework.core.types import JsonObject


@dataclass(frozen=True, slots=True)
class Ready:
    """An effect that is reserved for one attempt, and the tool to call."""

    effect: Effect
    tool: Tool


@dataclass(frozen=True, slots=True)
class RateLimits:
    """Windows to take one call from before the effect may be reserved: key and calls per minute."""

    windows: tuple[tuple[str, int], ...] = ()


Admission = Ready | RateLimits | ActResult


async def admit(work: UnitOfWork, command: ActCommand, now: datetime, passed: RateLimits) -> Admission:
    """Decide about a call and reserve its effect.

    Args:
        work: an open unit of work of the command's tenant; the caller commits it.
        command: the call.
        now: the present time.
        passed: the rate limits that the call has been counted against already.

    Returns:
        ``Ready`` when the effect is reserved for one attempt; ``RateLimits`` to take first, nothing having been
        written; else the answer.
    """
    effect = await work.effects.get(ledger.effect_id(command.execution_id, command.call_id), for_update=True)
    if effect is not None:
        return await _follow(work, command, effect, now)
    case = await load_case(work, command, now)
    if isinstance(case, ActResult):
        return case
    if case.decision.permission is Permission.ALLOW and command.hitl_request_id is None:
        return await _reserve(work, case, command.arguments, None, passed)
    return await _with_approval(work, case, passed)


async def _follow(work: UnitOfWork, command: ActCommand, effect: Effect, now: datetime) -> Ready | ActResult:
    """Go on with an effect that an earlier attempt has reserved.

    What is settled is answered from the ledger. A ``reserved`` one was lost with its process, or is still under way
    elsewhere: nobody can tell. It is called again only where a repetition does no harm and is still permitted; else
    it becomes ``unknown``. A ``released`` one has ended without a result: it is called again if still permitted.
    """
    if (effect.tool, effect.agent_id) != (command.tool, command.agent_id):
        return denied("call_id_reused", "The run has used this call id for another call.")
    if effect.status in ledger.SETTLED:
        return ledger.answer(effect)
    case = await load_case(work, command, now)
    if isinstance(case, ActResult):
        return await _give_up(work, effect, case, now)
    refusal = await _repetition_refusal(work, case, effect)
    if refusal is not None:
        return await _give_up(work, effect, refusal, now)
    if effect.status is EffectStatus.RESERVED and case.tool.idempotency is ToolIdempotency.NONE:
        return await _lose(work, effect, now, "")
    next_attempt = ledger.again(effect)
    await work.effects.update(next_attempt)
    return Ready(next_attempt, case.tool)


async def _repetition_refusal(work: UnitOfWork, case: Case, effect: Effect) -> ActResult | None:
    """Refuse a further attempt that would not be the call that was admitted first."""
    if effect.tool_version != case.tool.version:
        return denied("tool_changed", f"The tool {case.tool.name} was changed since the first attempt.")
    if case.decision.permission is Permission.ALLOW and effect.hitl_request_id is None:
        return None
    request = None if effect.hitl_request_id is None else await work.hitl.get(effect.hitl_request_id)
    if request is None or request.status is not HitlStatus.APPROVED or request.consumed_at is None:
        return denied("approval_missing", "There is no used approval for this call.")
    return approval_refusal(case, request, effect.arguments)


async def _give_up(work: UnitOfWork, effect: Effect, refusal: ActResult, now: datetime) -> ActResult:
    """Make no further attempt; what the last one did is unknown unless it is known to have ended."""
    if effect.status is EffectStatus.RELEASED:
        return refusal
    return await _lose(work, effect, now, f"It may not be repeated either: {refusal.message}")


async def _lose(work: UnitOfWork, effect: Effect, now: datetime, detail: str) -> ActResult:
    unknown = ledger.lost(effect, now, detail)
    await work.effects.update(unknown)
    return ledger.answer(unknown)


async def _with_approval(work: UnitOfWork, case: Case, passed: RateLimits) -> Admission:
    """Find the question that this place in the run asks, and follow its state; ask it if nobody has.

    The row is found by the place, not by what the command says: a command may only repeat the right id.
    """
    command = case.command
    asked_id = ledger.request_id(command.execution_id, command.call_id)
    if command.hitl_request_id not in (None, asked_id):
        return denied("approval_mismatch", "The approval belongs to another call.")
    request = await work.hitl.get(asked_id, for_update=True)
    if request is None:
        if command.hitl_request_id is not None:
            return denied("approval_missing", "There is no such request.")
        return await _ask(work, case)
    if request.status is HitlStatus.PENDING:
        return _waiting(request, case.now)
    if request.status is not HitlStatus.APPROVED:
        return _rejected(request)
    return await _use(work, case, request, passed)


async def _ask(work: UnitOfWork, case: Case) -> ActResult:
    """Open the question. The run's row is locked first, so that a settlement at the same time sees the question."""
    command = case.command
    refusal = argument_fault(case.tool, command.arguments)
    if refusal is not None:
        return refusal
    question = _question(case)
    try:
        question = replace(question, digest=request_digest(question))
    except InvalidInputError as error:
        return fault("arguments_invalid", f"{error.message} {error.problems[0].message}")
    await work.executions.pause(command.execution_id, case.now, command.current_nodes)
    run = await work.executions.get(command.execution_id)
    ended_meanwhile = None if run is None else run_refusal(run, command)
    return ended_meanwhile or _waiting(await work.hitl.add(question), case.now)


def _question(case: Case) -> HitlRequest:
    command, tool, agent = case.command, case.tool, case.agent
    actor = f"The agent {agent.name}" if agent else f"The node {command.node}"
    return HitlRequest(
        id=ledger.request_id(command.execution_id, command.call_id),
        tenant_id=command.tenant_id,
        execution_id=command.execution_id,
        workflow_id=case.execution.workflow_id,
        call_id=command.call_id,
        gate_name=f"tool:{tool.name}",
        kind=HitlKind.TOOL_CALL,
        node=command.node,
        agent_id=command.agent_id,
        agent_owner=agent.owner if agent else None,
        tool=tool.name,
        tool_version=tool.version,
        arguments=command.arguments,
        action_description=f"{actor} wants to call {tool.name}: {tool.description}",
        context_data={"agent": agent.name if agent else None, "levels": list(case.decision.reasons)},
        initiated_by=case.execution.initiated_by,
        effective_level=case.decision.effective_level,
        required_level=case.decision.required_level,
        approver_roles=(),
        quorum=quorum_for(case.decision.required_level),
        digest="",
        status=HitlStatus.PENDING,
        decisions=(),
        expires_at=case.now + DEFAULT_DEADLINE,
        created_at=case.now,
    )


async def _use(work: UnitOfWork, case: Case, request: HitlRequest, passed: RateLimits) -> Admission:
    """Turn an approval into a reserved effect, once."""
    if request.consumed_at is not None:
        effect_id = ledger.effect_id(request.execution_id, request.call_id)
        effect = await work.effects.get(effect_id, for_update=True)  # reserved while we waited for the request's row
        if effect is None:
            return denied("approval_used", "The approval has been used.")
        return await _follow(work, case.command, effect, case.now)
    arguments = request.arguments or {}
    refusal = approval_refusal(case, request, arguments)
    if refusal is not None:
        return refusal
    if case.now >= request.expires_at:
        message = f"The approval was good until {request.expires_at.isoformat()}; nothing was called."
        return ActResult(ActStatus.REJECTED, code="approval_expired", message=message, hitl_request_id=request.id)
    return await _reserve(work, case, arguments, request, passed)


async def _reserve(
    work: UnitOfWork, case: Case, arguments: JsonObject, approval: HitlRequest | None, passed: RateLimits
) -> Admission:
    """Reserve a new effect and use its approval up; only a new effect counts against rate limits."""
    refusal = argument_fault(case.tool, arguments)
    if refusal is not None:
        return refusal
    limits = _rate_limits(case)
    if limits not in (RateLimits(), passed):
        return limits
    if approval is not None and not await work.hitl.consume(approval.id, case.now):
        return denied("approval_used", "The approval has been used.")
    effect = _new_effect(case, arguments, approval)
    if await work.effects.reserve(effect):
        return Ready(effect, case.tool)
    first = await work.effects.get(effect.id, for_update=True)
    if first is None:
        return denied("call_id_reused", "The run has used this call id for another call.")
    return await _follow(work, case.command, first, case.now)


def _new_effect(case: Case, arguments: JsonObject, approval: HitlRequest | None) -> Effect:
    command = case.command
    return Effect(
        id=ledger.effect_id(command.execution_id, command.call_id),
        tenant_id=command.tenant_id,
        execution_id=command.execution_id,
        call_id=command.call_id,
        tool=case.tool.name,
        tool_version=case.tool.version,
        agent_id=command.agent_id,
        arguments=arguments,
        hitl_request_id=approval.id if approval else None,
        status=EffectStatus.RESERVED,
        attempts=1,
        result=None,
        message="",
        reserved_at=case.now,
        settled_at=None,
    )


def _rate_limits(case: Case) -> RateLimits:
    """Name the windows; the narrower one, the grant's, comes first."""
    agent, command = case.agent, case.command
    if agent is None:
        return RateLimits()
    limits = (
        (f"{command.tenant_id}:grant:{agent.id}:{command.tool}", agent.tool_access[command.tool].rate_limit),
        (f"{command.tenant_id}:agent:{agent.id}", agent.resource_limits.max_calls_per_minute),
    )
    return RateLimits(tuple((key, limit) for key, limit in limits if limit is not None))


def _waiting(request: HitlRequest, now: datetime) -> ActResult:
    return ActResult(
        ActStatus.APPROVAL_REQUIRED,
        code="approval_required",
        message=f"The call of {request.tool} waits for approval.",
        hitl_request_id=request.id,
        expires_in_seconds=max(0.0, (request.expires_at - now).total_seconds()),
    )


def _rejected(request: HitlRequest) -> ActResult:
    who = f" by {request.decided_by}" if request.decided_by else ""
    notes = f" Notes: {request.decision_notes}" if request.decision_notes else ""
    message = f"The request for approval was {request.status}{who}; nothing was called.{notes}"
    return ActResult(ActStatus.REJECTED, code=f"hitl_{request.status}", message=message, hitl_request_id=request.id)
