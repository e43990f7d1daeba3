"""Human decisions: what waits for one, and taking one."""

from typing import Annotated

from fastapi import APIRouter, Body, Query

from aumos_agent_framework.api.auth import CurrentCaller
from aumos_agent_framework.api.deps import Hitl
from aumos_agent_framework.api.openapi import refusals
from aumos_agent_framework.api.route import SecuredRoute
from aumos_agent_framework.api.v1.schemas.base import PageAnswer
from aumos_agent_framework.api.v1.schemas.hitl import (
    ApproveRequest,
    HitlListQuery,
    HitlRequestAnswer,
    RejectRequest,
)
from aumos_agent_framework.core.types import HitlRequestId

router = APIRouter(prefix="/api/v1/hitl", tags=["hitl"], route_class=SecuredRoute)


@router.get(
    "/pending",
    operation_id="hitl_pending",
    summary="List what waits for people",
    response_description="Open requests, earliest deadline first.",
)
async def pending(
    query: Annotated[HitlListQuery, Query()], caller: CurrentCaller, service: Hitl
) -> PageAnswer[HitlRequestAnswer]:
    """List open requests; with `mine` only those that the caller may decide."""
    page = await service.list(caller, query.request, query.where(), mine=query.mine)
    return PageAnswer[HitlRequestAnswer].of(page)


@router.get(
    "/{request_id}",
    operation_id="hitl_get",
    summary="Get a request",
    response_description="The request with its decisions so far.",
    responses=refusals(404),
)
async def get(request_id: HitlRequestId, caller: CurrentCaller, service: Hitl) -> HitlRequestAnswer:
    """Return one request, open or settled."""
    return HitlRequestAnswer.model_validate(await service.get(caller, request_id))


@router.post(
    "/{request_id}/approve",
    operation_id="hitl_approve",
    summary="Approve",
    response_description="The request; still pending if its quorum asks for more people.",
    responses=refusals(404, 409),
)
async def approve(
    request_id: HitlRequestId,
    body: Annotated[ApproveRequest, Body(default_factory=ApproveRequest)],
    caller: CurrentCaller,
    service: Hitl,
) -> HitlRequestAnswer:
    """Approve a request, perhaps with edited arguments. The approval covers exactly these arguments and is used once.

    Needs the request's level, one of its roles if it names any, and to be neither the initiator nor the agent's owner.
    The first settling decision wins; a later one answers 409.
    """
    request = await service.approve(caller, request_id, notes=body.notes, arguments=body.arguments, digest=body.digest)
    return HitlRequestAnswer.model_validate(request)


@router.post(
    "/{request_id}/reject",
    operation_id="hitl_reject",
    summary="Reject",
    response_description="The request, rejected.",
    responses=refusals(404, 409),
)
async def reject(
    request_id: HitlRequestId,
    body: Annotated[RejectRequest, Body(default_factory=RejectRequest)],
    caller: CurrentCaller,
    service: Hitl,
) -> HitlRequestAnswer:
    """Reject a request; one rejection settles it. The same people may reject as may approve."""
    return HitlRequestAnswer.model_validate(await service.reject(caller, request_id, notes=body.notes))
