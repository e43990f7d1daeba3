"""Whether the process lives and whether it can work; both public, for orchestrators."""

import asyncio
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Literal

import structlog
from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict
from starlette.responses import Response

from aumos_agent_framework.api.deps import Services
from aumos_agent_framework.api.problems import MEDIA_TYPE, PROBLEM_SCHEMA, problem_response, problem_type
from aumos_agent_framework.api.services import Probe

PROBE_SECONDS = 2.0
"""How long a dependency may take to answer; all are asked at once."""

NOT_READY = {
    MEDIA_TYPE: {
        "schema": {"$ref": PROBLEM_SCHEMA},
        "example": {
            "type": problem_type("not_ready"),
            "title": "Not ready",
            "status": 503,
            "detail": "Not answering: temporal.",
            "instance": "/ready",
            "code": "not_ready",
            "request_id": "3f2a9c0d6b7e4f1a8c5d2e9b0a7f6c4d",
            "checks": {"database": {"state": "up"}, "redis": {"state": "up"}, "temporal": {"state": "down"}},
        },
    }
}

_log = structlog.stdlib.get_logger(__name__)
router = APIRouter(tags=["health"])


class LiveAnswer(BaseModel):
    """The process answers."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"status": "live"}]})

    status: Literal["live"] = "live"


class Check(BaseModel):
    """One dependency."""

    state: Literal["up", "down"]


class ReadyAnswer(BaseModel):
    """Every dependency answers."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "status": "ready",
                    "checks": {"database": {"state": "up"}, "redis": {"state": "up"}, "temporal": {"state": "up"}},
                }
            ]
        }
    )

    status: Literal["ready"] = "ready"
    checks: dict[str, Check]


@router.get("/live", operation_id="health_live", summary="Is the process up?", response_description="It is.")
async def live() -> LiveAnswer:
    """Answer as long as the process can answer at all; nothing else is asked."""
    return LiveAnswer()


@router.get(
    "/ready",
    operation_id="health_ready",
    summary="Can it work?",
    response_description="Everything that it depends on answers.",
    response_model=ReadyAnswer,
    responses={503: {"description": "A dependency does not answer; `checks` says which.", "content": NOT_READY}},
)
async def ready(request: Request, services: Services) -> ReadyAnswer | Response:
    """Ask the database, Temporal and Redis, and answer within a few seconds either way."""
    checks = await _ask_all(services.health)
    down = sorted(name for name, check in checks.items() if check.state == "down")
    if not down:
        return ReadyAnswer(checks=checks)
    return problem_response(
        request.scope,
        status=HTTPStatus.SERVICE_UNAVAILABLE,
        code="not_ready",
        detail=f"Not answering: {', '.join(down)}.",
        extensions={"checks": {name: check.model_dump() for name, check in checks.items()}},
        headers={"Retry-After": "5"},
    )


async def _ask_all(probes: Mapping[str, Probe]) -> dict[str, Check]:
    states: list[Any] = await asyncio.gather(*(_ask(name, probe) for name, probe in probes.items()))
    return {name: Check(state=state) for name, state in zip(probes, states, strict=True)}


async def _ask(name: str, probe: Probe) -> Literal["up", "down"]:
    try:
        async with asyncio.timeout(PROBE_SECONDS):
            await probe()
    except Exception as error:  # noqa: BLE001 — whatever a probe raises means the same: it is down
        _log.warning("dependency_down", dependency=name, reason=f"{type(error).__name__}: {error}")
        return "down"
    return "up"
