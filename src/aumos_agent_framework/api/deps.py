"""What handlers ask for."""

import hashlib
from typing import Annotated, TypeVar

import orjson
from fastapi import Depends, Header, Request, Response

from aumos_agent_framework.api.auth import CurrentCaller
from aumos_agent_framework.api.services import ApiServices
from aumos_agent_framework.core.domain.idempotency import IdempotencyKey, Outcome
from aumos_agent_framework.core.services.agents import AgentService
from aumos_agent_framework.core.services.executions import ExecutionService
from aumos_agent_framework.core.services.hitl import HitlService
from aumos_agent_framework.core.services.tools import ToolService
from aumos_agent_framework.core.services.workflows import WorkflowService

REPLAYED_HEADER = "Idempotent-Replayed"
T = TypeVar("T")


async def _services(request: Request) -> ApiServices:
    services: ApiServices = request.app.state.services
    return services


Services = Annotated[ApiServices, Depends(_services)]


async def _workflows(services: Services) -> WorkflowService:
    return services.workflows


async def _agents(services: Services) -> AgentService:
    return services.agents


async def _tools(services: Services) -> ToolService:
    return services.tools


async def _executions(services: Services) -> ExecutionService:
    return services.executions


async def _hitl(services: Services) -> HitlService:
    return services.hitl


Workflows = Annotated[WorkflowService, Depends(_workflows)]
Agents = Annotated[AgentService, Depends(_agents)]
Tools = Annotated[ToolService, Depends(_tools)]
Executions = Annotated[ExecutionService, Depends(_executions)]
Hitl = Annotated[HitlService, Depends(_hitl)]


async def _idempotency_key(
    request: Request,
    caller: CurrentCaller,
    idempotency_key: Annotated[
        str | None,
        Header(
            alias="Idempotency-Key",
            min_length=1,
            max_length=255,
            pattern=r"^[\x21-\x7e]+$",
            description="Makes a repetition safe: the same key and body get the first answer again, for 24 hours.",
            examples=["7f9c2ba4-order-1142"],
        ),
    ] = None,
) -> IdempotencyKey | None:
    if idempotency_key is None:
        return None
    route = request.scope["route"].path_format
    content = [request.method, request.url.path, await request.json()]
    return IdempotencyKey(
        key=idempotency_key,
        scope=f"{request.method} {route} {caller.subject}",
        fingerprint=hashlib.sha256(orjson.dumps(content, option=orjson.OPT_SORT_KEYS)).hexdigest(),
    )


Idempotency = Annotated[IdempotencyKey | None, Depends(_idempotency_key)]


def unwrap(outcome: Outcome[T], response: Response) -> T:
    """Return what an operation made, and say in the answer's headers if an earlier request made it."""
    if outcome.replayed:
        response.headers[REPLAYED_HEADER] = "true"
    return outcome.value
