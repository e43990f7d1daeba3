"""Creating calls may be repeated."""

from collections.abc import Awaitable, Callable
from typing import Any

import httpx2
import pytest

from aumos_agent_framework.core.types import JsonObject
from tests.unit.api.bodies import agent_body, tool_body, workflow_body
from tests.unit.api.world import World

Prepared = tuple[str, JsonObject]


async def _tool(_: httpx2.AsyncClient) -> Prepared:
    return "/api/v1/tools", tool_body()


async def _agent(_: httpx2.AsyncClient) -> Prepared:
    return "/api/v1/agents", agent_body()


async def _workflow(_: httpx2.AsyncClient) -> Prepared:
    return "/api/v1/workflows", workflow_body()


async def _execution(client: httpx2.AsyncClient) -> Prepared:
    workflow = (await client.post("/api/v1/workflows", json=workflow_body())).json()
    return f"/api/v1/workflows/{workflow['id']}/execute", {"input_data": {"n": 1}}


async def _invocation(client: httpx2.AsyncClient) -> Prepared:
    agent = (await client.post("/api/v1/agents", json=agent_body())).json()
    return f"/api/v1/agents/{agent['id']}/invoke", {"wait_seconds": 0}


CREATING = {"tool": _tool, "agent": _agent, "workflow": _workflow, "execute": _execution, "invoke": _invocation}


def keyed(key: str) -> dict[str, Any]:
    return {"headers": {"Idempotency-Key": key}}


@pytest.mark.parametrize("prepare", CREATING.values(), ids=CREATING.keys())
class TestCreating:
    async def test_a_repetition_gets_the_first_answer(
        self, dana: httpx2.AsyncClient, prepare: Callable[[httpx2.AsyncClient], Awaitable[Prepared]]
    ) -> None:
        path, body = await prepare(dana)

        first = await dana.post(path, json=body, **keyed("k-1"))
        second = await dana.post(path, json=dict(reversed(body.items())), **keyed("k-1"))

        assert first.is_success
        assert (second.status_code, second.json()) == (first.status_code, first.json())
        assert second.headers["idempotent-replayed"] == "true"
        assert "idempotent-replayed" not in first.headers

    async def test_another_body_is_refused(
        self, dana: httpx2.AsyncClient, prepare: Callable[[httpx2.AsyncClient], Awaitable[Prepared]]
    ) -> None:
        path, body = await prepare(dana)
        other = body | ({"description": "Other."} if "name" in body else {"session_id": "other"})

        await dana.post(path, json=body, **keyed("k-1"))
        answer = await dana.post(path, json=other, **keyed("k-1"))

        assert (answer.status_code, answer.json()["code"]) == (422, "idempotency_key_reused")

    @pytest.mark.parametrize("key", ["", " ", "two words", "x" * 256, "tab\there", "grüße"])
    async def test_a_key_that_is_none(
        self,
        dana: httpx2.AsyncClient,
        prepare: Callable[[httpx2.AsyncClient], Awaitable[Prepared]],
        key: str,
    ) -> None:
        path, body = await prepare(dana)

        answer = await dana.post(path, json=body, headers=[(b"Idempotency-Key", key.encode("latin-1"))])

        assert answer.status_code == 422
        assert [place["pointer"] for place in answer.json()["errors"]] == ["Idempotency-Key:"]


class TestScope:
    async def test_a_key_belongs_to_one_person(self, dana: httpx2.AsyncClient, ari: httpx2.AsyncClient) -> None:
        await dana.post("/api/v1/tools", json=tool_body(), **keyed("k-1"))

        answer = await ari.post("/api/v1/tools", json=tool_body(), **keyed("k-1"))

        assert answer.status_code == 201
        assert "idempotent-replayed" not in answer.headers

    async def test_a_key_belongs_to_one_operation(self, dana: httpx2.AsyncClient) -> None:
        await dana.post("/api/v1/tools", json=tool_body(), **keyed("k-1"))

        answer = await dana.post("/api/v1/agents", json=agent_body(), **keyed("k-1"))

        assert answer.status_code == 201

    async def test_a_key_belongs_to_one_workflow(self, dana: httpx2.AsyncClient) -> None:
        (first, body), (second, _) = await _execution(dana), await _execution(dana)
        await dana.post(first, json=body, **keyed("k-1"))

        answer = await dana.post(second, json=body, **keyed("k-1"))

        assert (answer.status_code, answer.json()["code"]) == (422, "idempotency_key_reused")

    async def test_a_refused_request_leaves_the_key_free(self, dana: httpx2.AsyncClient) -> None:
        await dana.post("/api/v1/tools", json=tool_body(min_privilege_level=5), **keyed("k-1"))

        answer = await dana.post("/api/v1/tools", json=tool_body(), **keyed("k-1"))

        assert answer.status_code == 201

    async def test_the_longest_key(self, dana: httpx2.AsyncClient) -> None:
        answer = await dana.post("/api/v1/tools", json=tool_body(), **keyed("!" + "~" * 254))

        assert answer.status_code == 201

    async def test_without_a_key_every_call_makes_something_new(self, world: World, dana: httpx2.AsyncClient) -> None:
        path, body = await _execution(dana)

        await dana.post(path, json=body)
        await dana.post(path, json=body)

        assert len(world.executor.started) == 2
