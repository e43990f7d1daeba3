"""Schemas of what clients write, for editors and generators."""

from fastapi import APIRouter
from starlette.responses import JSONResponse

from aumos_agent_framework.api.auth import CurrentCaller
from aumos_agent_framework.api.route import SecuredRoute
from aumos_agent_framework.core.graph.schema import workflow_json_schema
from aumos_agent_framework.core.types import JsonObject

router = APIRouter(prefix="/api/v1/schemas", tags=["schemas"], route_class=SecuredRoute)
_EXAMPLE = {"$schema": "https://json-schema.org/draft/2020-12/schema", "type": "object", "required": ["nodes"]}


@router.get(
    "/workflow",
    operation_id="schemas_workflow",
    summary="The graph definition's JSON Schema",
    response_description="JSON Schema, draft 2020-12, of `graph_definition`.",
    response_model=JsonObject,
    responses={200: {"content": {"application/json": {"example": _EXAMPLE}}}},
)
async def workflow(_: CurrentCaller) -> JSONResponse:
    """Return the JSON Schema of a graph definition."""
    return JSONResponse(workflow_json_schema())
