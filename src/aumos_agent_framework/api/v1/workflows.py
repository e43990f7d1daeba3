"""Workflows: stored, versioned definitions, and running them."""

from typing import Annotated

from fastapi import APIRouter, Query, Response

from aumos_agent_framework.api.auth import CurrentCaller
from aumos_agent_framework.api.deps import Executions, Idempotency, Workflows, unwrap
from aumos_agent_framework.api.openapi import refusals, replayable
from aumos_agent_framework.api.route import SecuredRoute
from aumos_agent_framework.api.v1.schemas.base import PageAnswer, PageQuery
from aumos_agent_framework.api.v1.schemas.executions import ExecutionAnswer
from aumos_agent_framework.api.v1.schemas.workflows import (
    CancelRunRequest,
    ExecuteRequest,
    StatusQuery,
    ValidationAnswer,
    VersionQuery,
    WorkflowAnswer,
    WorkflowListQuery,
    WorkflowRequest,
)
from aumos_agent_framework.core.types import WorkflowId

router = APIRouter(prefix="/api/v1/workflows", tags=["workflows"], route_class=SecuredRoute)


@router.post(
    "",
    operation_id="workflows_create",
    summary="Store a workflow",
    status_code=201,
    response_description="Version 1 of the workflow.",
    responses=replayable(201) | refusals(409),
)
async def create(
    body: WorkflowRequest, caller: CurrentCaller, key: Idempotency, service: Workflows, response: Response
) -> WorkflowAnswer:
    """Check a definition and store it as version 1. Everything wrong with it is told at once, with its place.

    Needs level 2; `run_as: workflow` needs a level of at least `privilege_cap`.
    """
    outcome = await service.create(caller, body.to_draft(), key)
    return WorkflowAnswer.model_validate(unwrap(outcome, response))


@router.get(
    "",
    operation_id="workflows_list",
    summary="List workflows",
    response_description="Current versions, newest workflow first.",
)
async def list_workflows(
    query: Annotated[WorkflowListQuery, Query()], caller: CurrentCaller, service: Workflows
) -> PageAnswer[WorkflowAnswer]:
    """List the current version of each workflow."""
    return PageAnswer[WorkflowAnswer].of(await service.list(caller, query.request, name=query.name))


@router.post(
    "/validate",
    operation_id="workflows_validate",
    summary="Check a definition",
    response_description="What is wrong and what is doubtful; a wrong definition is no failed request.",
)
async def validate(body: WorkflowRequest, caller: CurrentCaller, service: Workflows) -> ValidationAnswer:
    """Check a definition without storing it, and draw it."""
    return ValidationAnswer.model_validate(await service.validate(caller, body.to_draft()))


@router.get(
    "/{workflow_id}",
    operation_id="workflows_get",
    summary="Get a workflow",
    response_description="The current version, or the one asked for.",
    responses=refusals(404),
)
async def get(
    workflow_id: WorkflowId, query: Annotated[VersionQuery, Query()], caller: CurrentCaller, service: Workflows
) -> WorkflowAnswer:
    """Return one version of a workflow."""
    return WorkflowAnswer.model_validate(await service.get(caller, workflow_id, query.version))


@router.get(
    "/{workflow_id}/versions",
    operation_id="workflows_versions",
    summary="List a workflow's versions",
    response_description="Newest first.",
    responses=refusals(404),
)
async def versions(
    workflow_id: WorkflowId, query: Annotated[PageQuery, Query()], caller: CurrentCaller, service: Workflows
) -> PageAnswer[WorkflowAnswer]:
    """List all versions; none ever changes."""
    return PageAnswer[WorkflowAnswer].of(await service.versions(caller, workflow_id, query.request))


@router.put(
    "/{workflow_id}",
    operation_id="workflows_update",
    summary="Publish a new version",
    response_description="The new version.",
    responses=refusals(404, 409),
)
async def update(
    workflow_id: WorkflowId, body: WorkflowRequest, caller: CurrentCaller, service: Workflows
) -> WorkflowAnswer:
    """Store the next version. Executions that run already keep the version they began with."""
    return WorkflowAnswer.model_validate(await service.update(caller, workflow_id, body.to_draft()))


@router.post(
    "/{workflow_id}/execute",
    operation_id="workflows_execute",
    summary="Run a workflow",
    status_code=202,
    response_description="The execution: accepted, and durable from now on.",
    responses=replayable(202) | refusals(404, 409),
)
async def execute(
    workflow_id: WorkflowId,
    body: ExecuteRequest,
    caller: CurrentCaller,
    key: Idempotency,
    service: Executions,
    response: Response,
) -> ExecutionAnswer:
    """Start an execution. What it runs with (definition, agents, limits) is pinned at this moment."""
    outcome = await service.execute(caller, workflow_id, body.to_command(), key)
    return ExecutionAnswer.model_validate(unwrap(outcome, response))


@router.get(
    "/{workflow_id}/status",
    operation_id="workflows_status",
    summary="See where a run stands",
    response_description="The execution asked for, or the newest.",
    responses=refusals(404),
)
async def status(
    workflow_id: WorkflowId, query: Annotated[StatusQuery, Query()], caller: CurrentCaller, service: Executions
) -> ExecutionAnswer:
    """Return one of the workflow's executions."""
    return ExecutionAnswer.model_validate(await service.status(caller, workflow_id, query.execution_id))


@router.post(
    "/{workflow_id}/cancel",
    operation_id="workflows_cancel",
    summary="Stop a run",
    status_code=202,
    response_description="The execution; it stops as soon as its present step can.",
    responses=refusals(404, 409),
)
async def cancel(
    workflow_id: WorkflowId, body: CancelRunRequest, caller: CurrentCaller, service: Executions
) -> ExecutionAnswer:
    """Ask one of the workflow's executions to stop. One that has ended answers 409."""
    execution = await service.cancel(caller, body.execution_id, body.reason, workflow_id=workflow_id)
    return ExecutionAnswer.model_validate(execution)
