"""Who may decide a request, and whether an approval still covers the call it is shown for. Pure."""

import hmac
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime

from aumos_agent_framework.core.domain.agents import Agent
from aumos_agent_framework.core.domain.effects import ActCommand
from aumos_agent_framework.core.domain.executions import Execution
from aumos_agent_framework.core.domain.hitl import HitlKind, HitlRequest, HitlStatus, Settlement, Verdict
from aumos_agent_framework.core.domain.identity import Caller
from aumos_agent_framework.core.domain.tools import Tool
from aumos_agent_framework.core.errors import ConflictError, ForbiddenError, InvalidInputError
from aumos_agent_framework.core.services.authority import Decision, quorum_for
from aumos_agent_framework.core.services.digest import request_digest
from aumos_agent_framework.core.types import JsonObject


def check_may_decide(caller: Caller, request: HitlRequest, agent: Agent | None) -> None:
    """Separation of duties: not who started the run, not the agent's owner (then or now), high enough, in the role.

    Raises:
        ForbiddenError: ``own_request``, ``own_agent``, ``level_too_low`` or ``role_missing``.
    """
    if caller.subject == request.initiated_by:
        raise ForbiddenError("own_request", "Who started the run does not decide its requests.")
    if caller.subject in _owners(request, agent):
        raise ForbiddenError("own_agent", "The agent's owner does not decide its requests.")
    if caller.level < request.required_level:
        message = f"Deciding this needs level {request.required_level}; {caller.subject} has level {caller.level}."
        raise ForbiddenError("level_too_low", message)
    if request.approver_roles and caller.roles.isdisjoint(request.approver_roles):
        roles = ", ".join(request.approver_roles)
        raise ForbiddenError("role_missing", f"Deciding this needs one of the roles {roles}.")


def check_open(request: HitlRequest, caller: Caller, now: datetime) -> None:
    """A request takes one vote per person until it is settled or its deadline has come.

    Raises:
        ConflictError: ``already_settled``, ``expired`` or ``already_decided``.
    """
    if request.status is not HitlStatus.PENDING:
        raise ConflictError("already_settled", f"The request is {request.status} already.")
    if now >= request.expires_at:
        raise ConflictError("expired", f"The request's deadline was {request.expires_at.isoformat()}.")
    if any(vote.decided_by == caller.subject for vote in request.decisions):
        raise ConflictError("already_decided", f"{caller.subject} has decided already; another person is needed.")


def approvers(request: HitlRequest) -> frozenset[str]:
    """Return the people who have approved."""
    return frozenset(vote.decided_by for vote in request.decisions if vote.decision is Verdict.APPROVE)


def settlement_of(request: HitlRequest) -> Settlement:
    """Return what the run is told of a request; ``pending`` where nobody has settled it."""
    return Settlement(request.id, request.status, request.decided_by, request.decision_notes)


def approval_misfit(
    request: HitlRequest,
    *,
    command: ActCommand,
    execution: Execution,
    tool: Tool,
    agent: Agent | None,
    decision: Decision,
    arguments: JsonObject,
) -> str | None:
    """Say why an approved request does not cover a call as it would be made now; ``None`` when it does.

    The digest is computed anew twice: from the row alone, and with what the database says now of run, tool and levels
    in the row's place. A tool that was changed, an agent that was raised, a row that was edited behind the service's
    back all end the approval. What the digest does not hold (place, votes, quorum, required level) is checked against
    today's rules. Expiry and use are not looked at here.
    """
    asked = (request.kind, request.agent_id, request.node, request.workflow_id)
    if asked != (HitlKind.TOOL_CALL, command.agent_id, command.node, execution.workflow_id):
        return "it was given for another place"
    if (request.required_level, request.quorum) != (decision.required_level, quorum_for(decision.required_level)):
        return "the tool needs other approvers by now"
    if request.approver_roles:
        return "a tool call has no approver roles"
    votes_misfit = _votes_misfit(request, agent)
    if votes_misfit is not None:
        return votes_misfit
    live = replace(
        request,
        tenant_id=command.tenant_id,
        execution_id=execution.id,
        call_id=command.call_id,
        tool=tool.name,
        tool_version=tool.version,
        arguments=arguments,
        initiated_by=execution.initiated_by,
        effective_level=decision.effective_level,
    )
    if not _has_digest(request, request.digest):
        return "the request was altered"
    return None if _has_digest(live, request.digest) else "the tool, its arguments or a level changed since"


def _votes_misfit(request: HitlRequest, agent: Agent | None) -> str | None:
    if any(vote.decision is not Verdict.APPROVE or vote.decided_at >= request.expires_at for vote in request.decisions):
        return "it holds a rejection or a late vote"
    people = approvers(request)
    if len(people) < request.quorum:
        return "too few different people approved"
    if not people.isdisjoint({request.initiated_by, *_owners(request, agent)}):
        return "someone approved who may not"
    return None


def _owners(request: HitlRequest, agent: Agent | None) -> Iterable[str]:
    owners = (request.agent_owner, agent.owner if agent else None)
    return tuple(owner for owner in owners if owner is not None)


def _has_digest(request: HitlRequest, digest: str) -> bool:
    try:
        return hmac.compare_digest(request_digest(request), digest)
    except (InvalidInputError, TypeError):  # no canonical form, or a digest that is no ASCII: a changed row
        return False
