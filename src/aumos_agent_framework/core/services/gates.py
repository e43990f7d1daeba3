"""Gates: the questions that a definition asks at a node, whatever the tools' levels are."""

from dataclasses import replace
from datetime import datetime

from aumos_agent_framework.core.domain.agents import Agent
from aumos_agent_framework.core.domain.executions import Execution
from aumos_agent_framework.core.domain.hitl import (
    HitlKind,
    HitlRequest,
    HitlStatus,
    OpenedRequest,
    OpenGateCommand,
)
from aumos_agent_framework.core.errors import ConflictError, NotFoundError
from aumos_agent_framework.core.interfaces.unit_of_work import UnitOfWork
from aumos_agent_framework.core.services import ledger
from aumos_agent_framework.core.services.digest import request_digest
from aumos_agent_framework.core.services.payloads import check, document_problems
from aumos_agent_framework.core.types import PrivilegeLevel


async def place_gate(work: UnitOfWork, command: OpenGateCommand, now: datetime) -> tuple[HitlRequest, bool]:
    """Return the gate's request, and whether it was made here and is to be committed.

    Raises:
        NotFoundError, ConflictError, InvalidInputError: see ``HitlService.open_gate``.
    """
    existing = await work.hitl.get(ledger.request_id(command.execution_id, command.call_id))
    if existing is not None:
        _check_same_question(existing, command)
        return existing, False
    check(document_problems(command.context_data, "/context_data"), "The gate's context cannot be stored.")
    await work.executions.pause(command.execution_id, now, command.current_nodes)  # locks the run's row
    execution = await work.executions.get(command.execution_id)
    if execution is None:
        raise NotFoundError("execution", command.execution_id)
    if execution.status.final:
        raise ConflictError("run_ended", f"The run is {execution.status}.")
    tenant = await work.tenants.current()
    agent = None if command.agent_id is None else await work.agents.get(command.agent_id)
    request = _question(command, execution, agent, tenant.privilege_cap, now)
    return await work.hitl.add(replace(request, digest=request_digest(request))), True


def opened(request: HitlRequest, now: datetime) -> OpenedRequest:
    """Return what the run needs to wait for a request."""
    return OpenedRequest(request.id, request.status, max(0.0, (request.expires_at - now).total_seconds()))


def _question(
    command: OpenGateCommand, execution: Execution, agent: Agent | None, cap: PrivilegeLevel, now: datetime
) -> HitlRequest:
    """Build the request. Its effective level is the agent's under the tenant's cap: a gate itself has no effect."""
    gate = command.gate
    return HitlRequest(
        id=ledger.request_id(command.execution_id, command.call_id),
        tenant_id=command.tenant_id,
        execution_id=command.execution_id,
        workflow_id=execution.workflow_id,
        call_id=command.call_id,
        gate_name=gate.name,
        kind=HitlKind.GATE,
        node=command.node,
        agent_id=command.agent_id,
        agent_owner=agent.owner if agent else None,
        tool=None,
        tool_version=None,
        arguments=None,
        action_description=gate.description or _describe(command),
        context_data=command.context_data,
        initiated_by=execution.initiated_by,
        effective_level=min(cap, agent.privilege_level) if agent else cap,
        required_level=gate.approver_level,
        approver_roles=gate.approver_roles,
        quorum=gate.quorum,
        digest="",
        status=HitlStatus.PENDING,
        decisions=(),
        expires_at=now + gate.timeout,
        created_at=now,
    )


def _check_same_question(existing: HitlRequest, command: OpenGateCommand) -> None:
    """One answer must never serve another question, should two places in a run ever get the same call id.

    Raises:
        ConflictError: ``question_differs``.
    """
    gate = command.gate
    asked = (HitlKind.GATE, command.node, gate.name, gate.approver_level, gate.approver_roles, gate.quorum)
    found = (
        existing.kind,
        existing.node,
        existing.gate_name,
        existing.required_level,
        existing.approver_roles,
        existing.quorum,
    )
    if asked != found:
        raise ConflictError("question_differs", f"The request {existing.id} asks something else.")


def _describe(command: OpenGateCommand) -> str:
    when = "before" if command.gate.before else "after"
    return f"The run asks for approval {when} the node {command.node}."
