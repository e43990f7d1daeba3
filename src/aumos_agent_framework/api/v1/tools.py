"""Tools: something with an effect or a lookup, registered with the level it needs."""

from typing import Annotated

from fastapi import APIRouter, Query, Response

from aumos_agent_framework.api.auth import CurrentCaller
from aumos_agent_framework.api.deps import Idempotency, Tools, unwrap
from aumos_agent_framework.api.openapi import refusals, replayable
from aumos_agent_framework.api.route import SecuredRoute
from aumos_agent_framework.api.v1.schemas.base import PageAnswer, ToolName
from aumos_agent_framework.api.v1.schemas.tools import ToolAnswer, ToolChanges, ToolListQuery, ToolRequest

router = APIRouter(prefix="/api/v1/tools", tags=["tools"], route_class=SecuredRoute)


@router.post(
    "",
    operation_id="tools_register",
    summary="Register a tool",
    status_code=201,
    response_description="The tool, ready to be called.",
    responses=replayable(201) | refusals(409),
)
async def register(
    body: ToolRequest, caller: CurrentCaller, key: Idempotency, service: Tools, response: Response
) -> ToolAnswer:
    """Register a tool. Needs level 2, and at least the level that the tool needs."""
    outcome = await service.register(caller, body.to_draft(), key)
    return ToolAnswer.model_validate(unwrap(outcome, response))


@router.get("", operation_id="tools_list", summary="List tools", response_description="By name.")
async def list_tools(
    query: Annotated[ToolListQuery, Query()], caller: CurrentCaller, service: Tools
) -> PageAnswer[ToolAnswer]:
    """List the tenant's tools."""
    return PageAnswer[ToolAnswer].of(await service.list(caller, query.request, status=query.status))


@router.get(
    "/{name}",
    operation_id="tools_get",
    summary="Get a tool",
    response_description="The tool as it is now.",
    responses=refusals(404),
)
async def get(name: ToolName, caller: CurrentCaller, service: Tools) -> ToolAnswer:
    """Return one tool."""
    return ToolAnswer.model_validate(await service.get(caller, name))


@router.patch(
    "/{name}",
    operation_id="tools_update",
    summary="Change a tool",
    response_description="The tool after the change.",
    responses=refusals(404, 409),
)
async def update(name: ToolName, body: ToolChanges, caller: CurrentCaller, service: Tools) -> ToolAnswer:
    """Replace the fields that are sent; the next call of the tool is checked against them.

    Needs at least the tool's level, before and after the change.
    """
    return ToolAnswer.model_validate(await service.update(caller, name, body.to_changes()))
