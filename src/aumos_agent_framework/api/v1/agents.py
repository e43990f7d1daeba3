"""Agents: registered identities, and running one directly."""

from typing import Annotated

from fastapi import APIRouter, Query, Response

from aumos_agent_framework.api.auth import CurrentCaller
from aumos_agent_framework.api.deps import Agents, Executions, Idempotency, unwrap
from aumos_agent_framework.api.openapi import refusals, replayable
from aumos_agent_framework.api.route import SecuredRoute
from aumos_agent_framework.api.v1.schemas.agents import (
    AgentAnswer,
    AgentChanges,
    AgentListQuery,
    AgentRequest,
    ToolAccessRequest,
)
from aumos_agent_framework.api.v1.schemas.base import PageAnswer
from aumos_agent_framework.api.v1.schemas.invocations import InvokeAnswer, InvokeRequest
from aumos_agent_framework.core.types import AgentId

router = APIRouter(prefix="/api/v1/agents", tags=["agents"], route_class=SecuredRoute)


@router.post(
    "",
    operation_id="agents_register",
    summary="Register an agent",
    status_code=201,
    response_description="The agent, ready to work.",
    responses=replayable(201) | refusals(409),
)
async def register(
    body: AgentRequest, caller: CurrentCaller, key: Idempotency, service: Agents, response: Response
) -> AgentAnswer:
    """Register an agent with its level, tools, model and limits. Needs level 2, and at least the agent's own level."""
    outcome = await service.register(caller, body.to_draft(), key)
    return AgentAnswer.model_validate(unwrap(outcome, response))


@router.get("", operation_id="agents_list", summary="List agents", response_description="Newest first.")
async def list_agents(
    query: Annotated[AgentListQuery, Query()], caller: CurrentCaller, service: Agents
) -> PageAnswer[AgentAnswer]:
    """List the tenant's agents."""
    page = await service.list(caller, query.request, status=query.status, capability=query.capability)
    return PageAnswer[AgentAnswer].of(page)


@router.get(
    "/{agent_id}",
    operation_id="agents_get",
    summary="Get an agent",
    response_description="The agent as it is now.",
    responses=refusals(404),
)
async def get(agent_id: AgentId, caller: CurrentCaller, service: Agents) -> AgentAnswer:
    """Return one agent."""
    return AgentAnswer.model_validate(await service.get(caller, agent_id))


@router.patch(
    "/{agent_id}",
    operation_id="agents_update",
    summary="Change an agent",
    response_description="The agent after the change.",
    responses=refusals(404, 409),
)
async def update(agent_id: AgentId, body: AgentChanges, caller: CurrentCaller, service: Agents) -> AgentAnswer:
    """Replace the fields that are sent. Running executions keep model and instructions; level and access count at once.

    Raising the level needs a caller of at least the new level.
    """
    return AgentAnswer.model_validate(await service.update(caller, agent_id, body.to_changes()))


@router.put(
    "/{agent_id}/tools",
    operation_id="agents_set_tools",
    summary="Set an agent's tools",
    response_description="The agent after the change.",
    responses=refusals(404, 409),
)
async def set_tools(agent_id: AgentId, body: ToolAccessRequest, caller: CurrentCaller, service: Agents) -> AgentAnswer:
    """Replace the tools the agent may call. Its next call, also in a running execution, is checked against them."""
    return AgentAnswer.model_validate(await service.set_tools(caller, agent_id, body.to_grants()))


@router.post(
    "/{agent_id}/invoke",
    operation_id="agents_invoke",
    summary="Run an agent",
    response_description="The run has ended; `status` says how.",
    responses=replayable(200)
    | {
        202: {
            **replayable(202)[202],
            "model": InvokeAnswer,
            "description": "The run goes on, or waits for people; ask for the execution.",
        }
    }
    | refusals(404, 409),
)
async def invoke(
    agent_id: AgentId,
    body: InvokeRequest,
    caller: CurrentCaller,
    key: Idempotency,
    service: Executions,
    response: Response,
) -> InvokeAnswer:
    """Run one agent on some input and wait a while for the end.

    The run is as durable as any other and goes on whether or not somebody waits. A run that failed answers 200 with
    status `failed` and the error.
    """
    started = unwrap(await service.invoke(caller, agent_id, body.to_command(), key), response)
    execution, waiting_for = await service.settled_or_waiting(caller, started.id, body.wait_seconds)
    response.status_code = 200 if execution.status.final else 202
    return InvokeAnswer.of(execution, waiting_for)


@router.post(
    "/{agent_id}/suspend",
    operation_id="agents_suspend",
    summary="Suspend an agent",
    response_description="The agent, suspended.",
    responses=refusals(404, 409),
)
async def suspend(agent_id: AgentId, caller: CurrentCaller, service: Agents) -> AgentAnswer:
    """Stop an agent at once: it starts nothing, and its next tool call is refused, also in a running execution.

    Needs level 4, or to be the agent's owner.
    """
    return AgentAnswer.model_validate(await service.suspend(caller, agent_id))


@router.post(
    "/{agent_id}/resume",
    operation_id="agents_resume",
    summary="Resume an agent",
    response_description="The agent, active again.",
    responses=refusals(404, 409),
)
async def resume(agent_id: AgentId, caller: CurrentCaller, service: Agents) -> AgentAnswer:
    """Let a suspended agent work again. Needs level 4 or to be its owner, and at least the agent's own level."""
    return AgentAnswer.model_validate(await service.resume(caller, agent_id))
