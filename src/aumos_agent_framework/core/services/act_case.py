"""Whom one tool call concerns, as the database says now, and the reasons to refuse it. The first half of the door."""

from dataclasses import dataclass
from datetime import datetime

from aumos_agent_framework.core.domain.agents import Agent, AgentStatus
from aumos_agent_framework.core.domain.effects import ActCommand, ActResult, ActStatus
from aumos_agent_framework.core.domain.executions import Execution
from aumos_agent_framework.core.domain.hitl import HitlRequest
from aumos_agent_framework.core.domain.tools import Tool, ToolStatus
from aumos_agent_framework.core.graph.json_schema import violations
from aumos_agent_framework.core.interfaces.unit_of_work import UnitOfWork
from aumos_agent_framework.core.services.approvals import approval_misfit
from aumos_agent_framework.core.services.authority import Decision, Permission, decide, effective_level
from aumos_agent_framework.core.services.payloads import MAX_INPUT_BYTES, UnstorableError, normalized
from aumos_agent_framework.core.types import JsonObject

RUN_CANCELLED = "run_cancelled"


@dataclass(frozen=True, slots=True)
class Case:
    """A call that run, agent, tool, grant and level permit, with what that was read from."""

    command: ActCommand
    now: datetime
    execution: Execution
    tool: Tool
    agent: Agent | None
    decision: Decision  # allow or require_approval


async def load_case(work: UnitOfWork, command: ActCommand, now: datetime) -> Case | ActResult:
    """Read everyone concerned; refuse for the run, the agent, its grant, the tool, the level, in this order."""
    execution = await work.executions.get(command.execution_id)
    if execution is None:
        return denied("run_unknown", "There is no such run.")
    agent = None if command.agent_id is None else await work.agents.get(command.agent_id)
    refusal = run_refusal(execution, command) or _agent_refusal(command, agent)
    if refusal is not None:
        return refusal
    tool = await work.tools.get(command.tool)
    if tool is None:
        return denied("tool_unknown", f"There is no tool {command.tool}.")
    if tool.status is not ToolStatus.ACTIVE:
        return denied("tool_disabled", f"The tool {tool.name} is disabled.")
    tenant = await work.tenants.current()
    agent_level = None if agent is None else agent.privilege_level
    level = effective_level(tenant_cap=tenant.privilege_cap, governance=command.governance, agent_level=agent_level)
    decision = decide(level, tool.min_privilege_level)
    if decision.permission is Permission.DENY:
        return denied("level_too_low", f"Refused: {'; '.join(decision.reasons)}.")
    return Case(command, now, execution, tool, agent, decision)


def run_refusal(execution: Execution, command: ActCommand) -> ActResult | None:
    """Refuse for the run's sake."""
    if execution.initiated_by != command.governance.initiated_by:
        return denied("run_mismatch", "The run was started by someone else than the call says.")
    if execution.status.final:
        return denied("run_ended", f"The run is {execution.status}.")
    if execution.cancel_requested:
        return denied(RUN_CANCELLED, "The run is being cancelled.")
    return None


def _agent_refusal(command: ActCommand, agent: Agent | None) -> ActResult | None:
    if command.agent_id is None:
        return None
    if agent is None:
        return denied("agent_unknown", "The agent does not exist.")
    if agent.status is not AgentStatus.ACTIVE:
        return denied("agent_suspended", f"The agent {agent.name} is suspended.")
    grant = agent.tool_access.get(command.tool)
    if grant is None or not grant.enabled:
        return denied("tool_not_granted", f"The agent {agent.name} has no access to a tool {command.tool}.")
    return None


def argument_fault(tool: Tool, arguments: JsonObject) -> ActResult | None:
    """Say what keeps the arguments from being passed to the tool; the agent may try others."""
    try:
        normalized(arguments, MAX_INPUT_BYTES)
    except UnstorableError as error:
        return fault("arguments_invalid", f"The arguments cannot be passed on: the value {error}.")
    misfits = violations(tool.input_schema, arguments)
    if not misfits:
        return None
    places = "; ".join(f"{pointer or '/'}: {message}" for pointer, message in misfits)
    return fault("arguments_invalid", f"The arguments do not fit the tool {tool.name}: {places}")


def approval_refusal(case: Case, request: HitlRequest, arguments: JsonObject) -> ActResult | None:
    """Refuse where an approved request does not cover the call with these arguments as it would be made now."""
    reason = approval_misfit(
        request,
        command=case.command,
        execution=case.execution,
        tool=case.tool,
        agent=case.agent,
        decision=case.decision,
        arguments=arguments,
    )
    return None if reason is None else denied("approval_mismatch", f"The approval does not cover this call: {reason}.")


def denied(code: str, message: str) -> ActResult:
    """Nothing is called."""
    return ActResult(ActStatus.DENIED, code=code, message=message)


def fault(code: str, message: str) -> ActResult:
    """Nothing is called, and the agent may do better."""
    return ActResult(ActStatus.ERROR, code=code, message=message)
