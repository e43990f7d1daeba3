"""Executions: runs of workflows and agents, and what happened in them."""

from typing import Annotated

from fastapi import APIRouter, Body, Query

from aumos_agent_framework.api.auth import CurrentCaller
from aumos_agent_framework.api.deps import Executions, Hitl
from aumos_agent_framework.api.openapi import refusals
from aumos_agent_framework.api.route import SecuredRoute
from aumos_agent_framework.api.v1.history import decisions_of, page_of_steps
from aumos_agent_framework.api.v1.schemas.base import PageAnswer, PageQuery
from aumos_agent_framework.api.v1.schemas.executions import (
    CancelRequest,
    ExecutionAnswer,
    ExecutionListQuery,
    StepAnswer,
)
from aumos_agent_framework.core.types import ExecutionId

router = APIRouter(prefix="/api/v1/executions", tags=["executions"], route_class=SecuredRoute)


@router.get(
    "",
    operation_id="executions_list",
    summary="List executions",
    response_description="Newest first.",
)
async def list_executions(
    query: Annotated[ExecutionListQuery, Query()], caller: CurrentCaller, service: Executions
) -> PageAnswer[ExecutionAnswer]:
    """List the tenant's executions; all filters given must hold."""
    return PageAnswer[ExecutionAnswer].of(await service.list(caller, query.request, query.where()))


@router.get(
    "/{execution_id}",
    operation_id="executions_get",
    summary="Get an execution",
    response_description="Where the run stands now.",
    responses=refusals(404),
)
async def get(execution_id: ExecutionId, caller: CurrentCaller, service: Executions) -> ExecutionAnswer:
    """Return one execution."""
    return ExecutionAnswer.model_validate(await service.get(caller, execution_id))


@router.get(
    "/{execution_id}/history",
    operation_id="executions_history",
    summary="See what happened in a run",
    response_description="The run's steps, in order of start.",
    responses=refusals(404),
)
async def history(
    execution_id: ExecutionId,
    query: Annotated[PageQuery, Query()],
    caller: CurrentCaller,
    service: Executions,
    hitl: Hitl,
) -> PageAnswer[StepAnswer]:
    """Return the steps of a run, also of one in progress, with what people decided at each."""
    steps = await service.history(caller, execution_id)
    decisions = await decisions_of(execution_id, hitl, caller) if any(s.hitl_request_ids for s in steps) else {}
    return page_of_steps(steps, query.request, decisions)


@router.post(
    "/{execution_id}/cancel",
    operation_id="executions_cancel",
    summary="Stop a run",
    status_code=202,
    response_description="The execution; it stops as soon as its present step can.",
    responses=refusals(404, 409),
)
async def cancel(
    execution_id: ExecutionId,
    body: Annotated[CancelRequest, Body(default_factory=CancelRequest)],
    caller: CurrentCaller,
    service: Executions,
) -> ExecutionAnswer:
    """Ask an execution to stop. One that has ended answers 409."""
    return ExecutionAnswer.model_validate(await service.cancel(caller, execution_id, body.reason))
