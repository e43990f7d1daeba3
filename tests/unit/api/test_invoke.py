"""Running one agent over HTTP and waiting for it."""

from typing import Any

import httpx2
import pytest

from aumos_agent_framework.core.domain.executions import ExecutionError, ExecutionStatus, Usage
from aumos_agent_framework.core.types import JsonObject
from tests.unit.api.bodies import MISSING, agent_body
from tests.unit.api.world import World

USAGE = {"prompt_tokens": 4, "completion_tokens": 3, "model_calls": 2, "tool_calls": 1}


@pytest.fixture
async def invoke(dana: httpx2.AsyncClient) -> str:
    agent = (await dana.post("/api/v1/agents", json=agent_body())).json()
    return f"/api/v1/agents/{agent['id']}/invoke"


def meanwhile(world: World, **end: Any) -> None:
    """Let the run end while the request waits."""

    async def finish() -> None:
        (execution_id,) = world.executor.started
        await world.finish({"id": str(execution_id)}, usage=Usage(4, 3, 2, 1), **end)

    world.signals.while_waiting = finish


class TestInvoke:
    async def test_a_run_that_ends_in_time(self, world: World, dana: httpx2.AsyncClient, invoke: str) -> None:
        meanwhile(world, output_data={"output": "Hello."})

        answer = await dana.post(invoke, json={"input_data": {"to": "world"}, "session_id": "s-1"})

        assert answer.status_code == 200
        (plan,) = world.executor.started.values()
        assert (plan.input_data, plan.session_id) == ({"to": "world"}, "s-1")
        assert answer.json() == {
            "execution_id": str(plan.execution_id),
            "status": "completed",
            "output_data": {"output": "Hello."},
            "error": None,
            "hitl_request_ids": [],
            "usage": USAGE,
        }

    async def test_a_run_that_fails_is_an_answer(self, world: World, dana: httpx2.AsyncClient, invoke: str) -> None:
        meanwhile(
            world,
            status=ExecutionStatus.FAILED,
            output_data=None,
            error=ExecutionError("model_failed", "The model said no.", "agent"),
        )

        answer = await dana.post(invoke, json={})

        assert (answer.status_code, answer.json()["status"]) == (200, "failed")
        assert answer.json()["error"] == {"code": "model_failed", "message": "The model said no.", "node": "agent"}
        assert answer.json()["usage"] == USAGE

    async def test_a_run_that_waits_for_people(self, world: World, dana: httpx2.AsyncClient, invoke: str) -> None:
        opened: list[str] = []

        async def ask() -> None:
            (execution_id,) = world.executor.started
            opened.append(await world.open_gate({"id": str(execution_id)}))

        world.signals.while_waiting = ask

        answer = await dana.post(invoke, json={})

        assert (answer.status_code, answer.json()["status"]) == (202, "paused_hitl")
        assert answer.json()["hitl_request_ids"] == opened

    async def test_a_run_that_takes_longer(self, dana: httpx2.AsyncClient, invoke: str) -> None:
        answer = await dana.post(invoke, json={"wait_seconds": 1.5})

        assert (answer.status_code, answer.json()["status"]) == (202, "pending")

    async def test_without_waiting(self, world: World, dana: httpx2.AsyncClient, invoke: str) -> None:
        before = world.clock.now()

        answer = await dana.post(invoke, json={"wait_seconds": 0})

        assert (answer.status_code, world.clock.now()) == (202, before)

    async def test_a_repetition_waits_for_the_same_run(
        self, world: World, dana: httpx2.AsyncClient, invoke: str
    ) -> None:
        body: JsonObject = {"input_data": {"to": "world"}}
        first = await dana.post(invoke, json=body, headers={"Idempotency-Key": "k"})
        meanwhile(world)

        second = await dana.post(invoke, json=body, headers={"Idempotency-Key": "k"})

        assert (first.status_code, second.status_code) == (202, 200)
        assert first.json()["execution_id"] == second.json()["execution_id"]
        assert second.headers["idempotent-replayed"] == "true"
        assert "idempotent-replayed" not in first.headers

    async def test_a_suspended_agent_conflicts(self, dana: httpx2.AsyncClient, invoke: str) -> None:
        await dana.post(invoke.replace("invoke", "suspend"))

        answer = await dana.post(invoke, json={})

        assert (answer.status_code, answer.json()["code"]) == (409, "agent_suspended")

    async def test_a_missing_agent(self, dana: httpx2.AsyncClient) -> None:
        answer = await dana.post(f"/api/v1/agents/{MISSING}/invoke", json={})

        assert answer.status_code == 404

    @pytest.mark.parametrize(
        ("body", "pointer"),
        [
            ({"input_data": "hello"}, "/input_data"),
            ({"wait_seconds": -1}, "/wait_seconds"),
            ({"wait_seconds": 301}, "/wait_seconds"),
            ({"wait_seconds": "30"}, "/wait_seconds"),
            ({"wait_seconds": None}, "/wait_seconds"),
            ({"session_id": "a/b"}, "/session_id"),
            ({"version": 1}, "/version"),
        ],
        ids=str,
    )
    async def test_each_fault_has_its_place(
        self, dana: httpx2.AsyncClient, invoke: str, body: JsonObject, pointer: str
    ) -> None:
        answer = await dana.post(invoke, json=body)

        assert answer.status_code == 422
        assert [place["pointer"] for place in answer.json()["errors"]] == [pointer]
