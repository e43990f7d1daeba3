"""Run plans: everything that a run is pinned to, resolved at the moment it is accepted."""

import json
from collections.abc import Iterable, Mapping

from aumos_agent_framework.core.domain.agents import Agent, AgentStatus
from aumos_agent_framework.core.domain.executions import (
    AgentBinding,
    ExecuteCommand,
    Governance,
    InvokeCommand,
    RunPlan,
)
from aumos_agent_framework.core.domain.identity import Caller
from aumos_agent_framework.core.domain.tools import Tool, ToolSpec, ToolStatus
from aumos_agent_framework.core.domain.workflows import RunAs, Workflow, WorkflowDraft
from aumos_agent_framework.core.errors import ConflictError, InvalidInputError, Problem
from aumos_agent_framework.core.graph.input import check_input
from aumos_agent_framework.core.graph.invocation import NODE, single_agent_definition
from aumos_agent_framework.core.graph.validation import definition_hash, references
from aumos_agent_framework.core.interfaces.tool_runner import ToolRunner
from aumos_agent_framework.core.interfaces.unit_of_work import UnitOfWork
from aumos_agent_framework.core.services.wire import to_json
from aumos_agent_framework.core.services.workflow_drafts import draft_of
from aumos_agent_framework.core.types import ExecutionId, JsonObject

DEFAULT_MAX_STEPS = 100
MAX_PLAN_BYTES = 1_800_000
"""What the durable engine accepts as a run's input (2 MB), less what it adds."""


async def workflow_plan(
    work: UnitOfWork,
    runner: ToolRunner,
    *,
    caller: Caller,
    workflow: Workflow,
    command: ExecuteCommand,
    execution_id: ExecutionId,
) -> RunPlan:
    """Pin a workflow's version, its agents and its tools as they are now.

    Raises:
        InvalidInputError: the input does not fit the state, a limit is none, or the plan is too large to start.
        ConflictError: ``agent_unknown``, ``agent_suspended``, ``tool_unknown`` or ``tool_disabled``: what was there
            when the version was published is not any more.
    """
    max_steps = _max_steps(workflow.limits, command.limits)
    check_input(workflow.graph_definition, command.input_data)
    agents = await _agents(work, workflow.agents)
    node_tools = await _node_tools(work, draft_of(workflow))
    granted = await work.tools.get_many(_granted_names(agents.values()))
    plan = RunPlan(
        tenant_id=workflow.tenant_id,
        execution_id=execution_id,
        workflow_id=workflow.id,
        workflow_name=workflow.name,
        workflow_version=workflow.version,
        definition_hash=workflow.definition_hash,
        definition=workflow.graph_definition,
        bindings={node: _binding(agent, granted, runner) for node, agent in agents.items()},
        tools={name: _spec(tool, runner) for name, tool in node_tools.items()},
        gates=workflow.hitl_gates,
        governance=Governance(
            caller.subject, caller.level, workflow.run_as, workflow.privilege_cap, max_steps=max_steps
        ),
        input_data=command.input_data,
        session_id=command.session_id,
    )
    return _sized(plan)


async def invocation_plan(
    work: UnitOfWork,
    runner: ToolRunner,
    *,
    caller: Caller,
    agent: Agent,
    command: InvokeCommand,
    execution_id: ExecutionId,
) -> RunPlan:
    """Pin the one-node workflow that runs an agent directly.

    Raises:
        ConflictError: ``agent_suspended``.
        InvalidInputError: the plan is too large to start.
    """
    _check_active(agent)
    definition = single_agent_definition()
    draft = WorkflowDraft(name=agent.name, graph_definition=definition, agents={NODE: str(agent.id)})
    granted = await work.tools.get_many(_granted_names([agent]))
    plan = RunPlan(
        tenant_id=agent.tenant_id,
        execution_id=execution_id,
        workflow_id=None,
        workflow_name=agent.name,
        workflow_version=None,
        definition_hash=definition_hash(draft),
        definition=definition,
        bindings={NODE: _binding(agent, granted, runner)},
        tools={},
        gates={},
        governance=Governance(caller.subject, caller.level, RunAs.CALLER, None, max_steps=DEFAULT_MAX_STEPS),
        input_data=command.input_data,
        session_id=command.session_id,
    )
    return _sized(plan)


async def _agents(work: UnitOfWork, bindings: Mapping[str, str]) -> dict[str, Agent]:
    """Resolve node -> reference to node -> agent that may start now."""
    found = await work.agents.resolve(sorted(set(bindings.values())))
    agents: dict[str, Agent] = {}
    for node, reference in bindings.items():
        agent = found.get(reference)
        if agent is None:
            raise ConflictError("agent_unknown", f"The node {node} runs the agent {reference}, which does not exist.")
        _check_active(agent)
        agents[node] = agent
    return agents


def _check_active(agent: Agent) -> None:
    if agent.status is not AgentStatus.ACTIVE:
        raise ConflictError("agent_suspended", f"The agent {agent.name} is suspended.")


async def _node_tools(work: UnitOfWork, draft: WorkflowDraft) -> dict[str, Tool]:
    """Return the tools that tool nodes call; each must be callable now."""
    names = sorted(references(draft).tools)
    found = await work.tools.get_many(names)
    for name in names:
        tool = found.get(name)
        if tool is None:
            raise ConflictError("tool_unknown", f"A node calls the tool {name}, which does not exist.")
        if tool.status is not ToolStatus.ACTIVE:
            raise ConflictError("tool_disabled", f"A node calls the tool {name}, which is disabled.")
    return found


def _granted_names(agents: Iterable[Agent]) -> list[str]:
    return sorted({name for agent in agents for name, grant in agent.tool_access.items() if grant.enabled})


def _binding(agent: Agent, tools: Mapping[str, Tool], runner: ToolRunner) -> AgentBinding:
    """Pin an agent with the tools that it is granted, that exist and that are active."""
    callable_now = [tools[name] for name in _granted_names([agent]) if name in tools]
    return AgentBinding(
        agent_id=agent.id,
        name=agent.name,
        version=agent.version,
        instructions=agent.instructions,
        model=agent.model,
        tools=tuple(_spec(tool, runner) for tool in callable_now if tool.status is ToolStatus.ACTIVE),
        limits=agent.resource_limits,
    )


def _spec(tool: Tool, runner: ToolRunner) -> ToolSpec:
    return ToolSpec(tool.name, tool.description, tool.input_schema, runner.is_short(tool.config))


def _max_steps(of_workflow: JsonObject, of_command: JsonObject) -> int:
    """Return the smaller limit; a command may only lower the workflow's."""
    allowed = int(of_workflow.get("max_steps", DEFAULT_MAX_STEPS))
    problems = [
        Problem(f"/limits/{name}", "There is no such limit.", "unknown_field")
        for name in of_command
        if name != "max_steps"
    ]
    wanted = of_command.get("max_steps", allowed)
    if not isinstance(wanted, int) or isinstance(wanted, bool) or wanted < 1:
        problems.append(Problem("/limits/max_steps", "It is a whole number above zero.", "limit_invalid"))
    if problems:
        raise InvalidInputError("The limits are not valid.", problems)
    return int(min(wanted, allowed))


def _sized(plan: RunPlan) -> RunPlan:
    size = len(json.dumps(to_json(plan), ensure_ascii=False, separators=(",", ":")).encode())
    if size > MAX_PLAN_BYTES:
        message = f"Definition, agents, tools and input together have {size} bytes; at most {MAX_PLAN_BYTES} can start."
        raise InvalidInputError(message, [Problem("", message, "plan_too_large")], code="plan_too_large")
    return plan
