"""What belongs to another tenant answers exactly like what does not exist."""

from typing import Any

import httpx2
import pytest

from aumos_agent_framework.core.types import JsonObject
from tests.unit.api.bodies import MISSING, agent_body, tool_body, workflow_body
from tests.unit.api.test_openapi import operations
from tests.unit.api.world import World

BODIES: dict[str, JsonObject] = {
    "workflows_update": workflow_body(),
    "agents_update": {"description": "Taken over."},
    "agents_set_tools": {"tool_access": {}},
    "tools_update": {"description": "Taken over."},
    "workflows_execute": {},
    "agents_invoke": {"wait_seconds": 0},
}
LISTS = [
    "/api/v1/workflows",
    "/api/v1/executions",
    "/api/v1/agents",
    "/api/v1/tools",
    "/api/v1/hitl/pending",
]
WITH_IDS = [
    pytest.param(path, method, operation["operationId"], id=operation["operationId"])
    for path, method, operation in operations()
    if "{" in path
]


@pytest.fixture
async def ids(world: World, dana: httpx2.AsyncClient) -> dict[str, str]:
    """One of everything in Dana's tenant, by the name that paths use."""
    workflow = (await dana.post("/api/v1/workflows", json=workflow_body())).json()
    execution = (await dana.post(f"/api/v1/workflows/{workflow['id']}/execute", json={})).json()
    return {
        "workflow_id": workflow["id"],
        "execution_id": execution["id"],
        "agent_id": (await dana.post("/api/v1/agents", json=agent_body())).json()["id"],
        "name": (await dana.post("/api/v1/tools", json=tool_body())).json()["name"],
        "request_id": await world.open_gate(execution),
    }


def body_of(operation_id: str, ids: dict[str, str]) -> dict[str, Any]:
    if operation_id == "workflows_cancel":
        return {"json": {"execution_id": ids["execution_id"]}}
    return {"json": BODIES[operation_id]} if operation_id in BODIES else {}


def without_traces(answer: httpx2.Response, ids: dict[str, str]) -> tuple[int, dict[str, str], str]:
    """Leave out what differs between any two requests: their ids, and the id that was asked for."""
    text = answer.text.replace(answer.headers["x-request-id"], "R")
    for asked in ids.values():
        text = text.replace(asked, "ID")
    headers = {name: value for name, value in answer.headers.items() if name not in {"x-request-id", "content-length"}}
    return answer.status_code, headers, text


@pytest.mark.parametrize(("path", "method", "operation_id"), WITH_IDS)
async def test_a_foreign_id_answers_like_a_missing_one(
    world: World,
    olga: httpx2.AsyncClient,
    ids: dict[str, str],
    path: str,
    method: str,
    operation_id: str,
) -> None:
    missing = dict.fromkeys(ids, MISSING) | {"name": "no-such-tool"}
    before = dict(world.uow.database.committed)

    foreign = await olga.request(method, path.format(**ids), **body_of(operation_id, ids))
    absent = await olga.request(method, path.format(**missing), **body_of(operation_id, missing))

    assert foreign.status_code == 404, foreign.text
    assert without_traces(foreign, ids) == without_traces(absent, missing)
    assert world.uow.database.committed == before


@pytest.mark.parametrize("path", LISTS)
async def test_a_list_shows_nothing_of_another_tenant(
    olga: httpx2.AsyncClient, dana: httpx2.AsyncClient, ids: dict[str, str], path: str
) -> None:
    foreign = await olga.get(path)
    own = await dana.get(path)

    assert foreign.json() == {"items": [], "total": 0, "page": 1, "page_size": 50}
    assert own.json()["total"] == 1


@pytest.mark.parametrize(
    ("path", "query"),
    [
        ("/api/v1/executions", "workflow_id"),
        ("/api/v1/hitl/pending", "workflow_id"),
        ("/api/v1/hitl/pending", "execution_id"),
    ],
)
async def test_a_filter_by_a_foreign_id_finds_nothing(
    olga: httpx2.AsyncClient, ids: dict[str, str], path: str, query: str
) -> None:
    answer = await olga.get(path, params={query: ids[query]})

    assert (answer.status_code, answer.json()["total"]) == (200, 0)


async def test_a_definition_cannot_name_another_tenants_agent_or_tool(
    dana: httpx2.AsyncClient, olga: httpx2.AsyncClient, ids: dict[str, str]
) -> None:
    graph = {
        "entry_point": "ask",
        "nodes": {
            "ask": {"type": "agent", "prompt": "Hello.", "output": "said"},
            "look": {"type": "tool", "tool": ids["name"], "output": "seen"},
        },
        "edges": [{"from": "ask", "to": "look"}, {"from": "look", "to": "END"}],
    }
    body = workflow_body(graph_definition=graph, agents={"ask": ids["agent_id"]})

    own = await dana.post("/api/v1/workflows/validate", json=body)
    foreign = await olga.post("/api/v1/workflows/validate", json=body)

    assert own.json()["valid"] is True
    assert {place["pointer"] for place in foreign.json()["errors"]} == {
        "/agents/ask",
        "/graph_definition/nodes/look/tool",
    }


async def test_names_are_free_in_every_tenant(
    dana: httpx2.AsyncClient, olga: httpx2.AsyncClient, ids: dict[str, str]
) -> None:
    for path, body in {
        "/api/v1/tools": tool_body(name=ids["name"]),
        "/api/v1/workflows": workflow_body(name="same"),
        "/api/v1/agents": agent_body(name="same"),
    }.items():
        answer = await olga.post(path, json=body)
        assert answer.status_code == 201, answer.text


async def test_an_idempotency_key_is_the_tenants_own(
    world: World, dana: httpx2.AsyncClient, olga: httpx2.AsyncClient
) -> None:
    body = tool_body()
    await dana.post("/api/v1/tools", json=body, headers={"Idempotency-Key": "k"})

    answer = await olga.post("/api/v1/tools", json=body, headers={"Idempotency-Key": "k"})

    assert answer.status_code == 201
    assert "idempotent-replayed" not in answer.headers


def test_every_list_of_the_api_is_looked_at() -> None:
    lists = {
        path
        for path, method, operation in operations()
        if method == "get"
        and "{" not in path
        and "page" in {parameter["name"] for parameter in operation.get("parameters", [])}
    }

    assert lists == set(LISTS)
