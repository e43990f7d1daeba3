"""Executions over HTTP: where they stand and what happened in them."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import httpx2
import pytest

from aumos_agent_framework.core.domain.executions import ExecutionError, ExecutionStatus, StepStatus, Usage
from aumos_agent_framework.core.domain.hitl import HitlFilter, HitlRequest
from aumos_agent_framework.core.domain.identity import Caller
from aumos_agent_framework.core.domain.paging import Page, PageRequest
from aumos_agent_framework.core.services.hitl import HitlService
from aumos_agent_framework.core.types import ExecutionId, JsonObject
from tests.factories import NOW, make_decision, make_gate, make_request, make_step
from tests.unit.api.bodies import MISSING, agent_body
from tests.unit.api.test_workflows import created, running
from tests.unit.api.world import World

EXECUTIONS = "/api/v1/executions"


@pytest.fixture
async def execution(dana: httpx2.AsyncClient) -> JsonObject:
    return await running(dana, await created(dana))


class TestGet:
    async def test_one_that_failed_says_why(
        self, world: World, dana: httpx2.AsyncClient, execution: JsonObject
    ) -> None:
        await world.begin(execution)
        world.clock.advance(2.5)
        error = ExecutionError("tool_failed", "The site said no.", "publish")
        await world.finish(
            execution, status=ExecutionStatus.FAILED, output_data=None, error=error, usage=Usage(4, 3, 2, 1)
        )

        answer = await dana.get(f"{EXECUTIONS}/{execution['id']}")

        assert answer.status_code == 200
        assert answer.json() == {
            **execution,
            "status": "failed",
            "error": {"code": "tool_failed", "message": "The site said no.", "node": "publish"},
            "usage": {"prompt_tokens": 4, "completion_tokens": 3, "model_calls": 2, "tool_calls": 1},
            "started_at": "2026-11-22T12:00:00Z",
            "completed_at": "2026-11-22T12:00:02.500000Z",
            "updated_at": "2026-11-22T12:00:02.500000Z",
        }

    @pytest.mark.parametrize("path", ["", "/history"])
    async def test_a_missing_one(self, dana: httpx2.AsyncClient, path: str) -> None:
        answer = await dana.get(f"{EXECUTIONS}/{MISSING}{path}")

        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


class TestList:
    async def test_filters_are_joined(self, world: World, dana: httpx2.AsyncClient) -> None:
        workflow, other = await created(dana), await created(dana)
        wanted = await running(dana, workflow, session_id="s-1")
        await running(dana, workflow, session_id="s-2")
        await running(dana, other, session_id="s-1")
        ended = await running(dana, workflow, session_id="s-1")
        await world.finish(ended)

        answer = await dana.get(
            EXECUTIONS, params={"workflow_id": workflow["id"], "session_id": "s-1", "status": "pending"}
        )

        assert answer.json() == {"items": [wanted], "total": 1, "page": 1, "page_size": 50}

    async def test_by_time(self, world: World, dana: httpx2.AsyncClient) -> None:
        workflow = await created(dana)
        await running(dana, workflow)
        world.clock.advance(timedelta(hours=1))
        second = await running(dana, workflow)
        world.clock.advance(timedelta(hours=1))
        await running(dana, workflow)

        answer = await dana.get(
            EXECUTIONS, params={"created_after": "2026-11-22T12:30:00Z", "created_before": "2026-11-22T14:30:00+01:00"}
        )

        assert [item["id"] for item in answer.json()["items"]] == [second["id"]]

    async def test_by_agent(self, dana: httpx2.AsyncClient, execution: JsonObject) -> None:
        agent = (await dana.post("/api/v1/agents", json=agent_body())).json()
        invoked = (await dana.post(f"/api/v1/agents/{agent['id']}/invoke", json={"wait_seconds": 0})).json()

        answer = await dana.get(EXECUTIONS, params={"agent_id": agent["id"]})

        assert [item["id"] for item in answer.json()["items"]] == [invoked["execution_id"]]

    @pytest.mark.parametrize(
        ("query", "pointer"),
        [
            ({"status": "waiting for godot"}, "?status"),
            ({"workflow_id": "count"}, "?workflow_id"),
            ({"created_after": "2026-11-22T12:00:00"}, "?created_after"),
            ({"created_before": "yesterday"}, "?created_before"),
            ({"created_before": "2026"}, "?created_before"),
            ({"created_before": "2026-11-22"}, "?created_before"),
            ({"created_before": "0001-01-01T00:00:00+14:00"}, "?created_before"),
            ({"session_id": "a b"}, "?session_id"),
        ],
        ids=str,
    )
    async def test_a_wrong_query_has_its_place(
        self, dana: httpx2.AsyncClient, query: dict[str, str], pointer: str
    ) -> None:
        answer = await dana.get(EXECUTIONS, params=query)

        assert answer.status_code == 422
        assert [place["pointer"] for place in answer.json()["errors"]] == [pointer]


class TestHistory:
    async def test_a_step_says_everything(self, world: World, dana: httpx2.AsyncClient, execution: JsonObject) -> None:
        step = make_step(
            seq=2,
            parent_seq=1,
            node="write",
            kind="act",
            status=StepStatus.FAILED,
            attempts=3,
            input={"query": "x"},
            output=None,
            error=ExecutionError("tool_failed", "No.", "write"),
            usage=Usage(tool_calls=3),
        )
        await world.finish(execution, steps=(make_step(node="write", kind="agent"), step))

        answer = await dana.get(f"{EXECUTIONS}/{execution['id']}/history")

        assert answer.status_code == 200
        history = answer.json()
        assert (history["total"], [item["seq"] for item in history["items"]]) == (2, [1, 2])
        assert history["items"][1] == {
            "seq": 2,
            "parent_seq": 1,
            "node": "write",
            "kind": "act",
            "status": "failed",
            "started_at": "2026-11-22T12:00:00Z",
            "ended_at": "2026-11-22T12:00:00.005000Z",
            "attempts": 3,
            "input": {"query": "x"},
            "output": None,
            "error": {"code": "tool_failed", "message": "No.", "node": "write"},
            "hitl_request_ids": [],
            "decisions": [],
            "usage": {"prompt_tokens": 0, "completion_tokens": 0, "model_calls": 0, "tool_calls": 3},
        }

    async def test_a_run_in_progress_tells_its_own(
        self, world: World, dana: httpx2.AsyncClient, execution: JsonObject
    ) -> None:
        live = make_step(status=StepStatus.RUNNING, ended_at=None, output=None)
        world.executor.live_steps[ExecutionId(UUID(execution["id"]))] = (live,)

        history = (await dana.get(f"{EXECUTIONS}/{execution['id']}/history")).json()

        assert [(item["status"], item["ended_at"]) for item in history["items"]] == [("running", None)]

    async def test_decisions_stand_at_the_step_that_asked(
        self, world: World, dana: httpx2.AsyncClient, ari: httpx2.AsyncClient, pat: httpx2.AsyncClient
    ) -> None:
        execution = await running(dana, await created(dana))
        first = await world.open_gate(execution, call_id="a:1", gate=make_gate(quorum=2))
        second = await world.open_gate(execution, call_id="b:1")
        await ari.post(f"/api/v1/hitl/{first}/approve", json={"notes": "fine"})
        await pat.post(f"/api/v1/hitl/{first}/approve")
        await ari.post(f"/api/v1/hitl/{second}/reject")
        steps = (
            make_step(seq=1, kind="gate", hitl_request_ids=(UUID(first),)),
            make_step(seq=2),
            make_step(seq=3, kind="gate", hitl_request_ids=(UUID(second),)),
        )
        await world.finish(execution, steps=steps)

        history = (await dana.get(f"{EXECUTIONS}/{execution['id']}/history")).json()

        assert [item["hitl_request_ids"] for item in history["items"]] == [[first], [], [second]]
        assert history["items"][0]["decisions"] == [
            {"decided_by": "ari", "decision": "approve", "notes": "fine", "decided_at": "2026-11-22T12:00:00Z"},
            {"decided_by": "pat", "decision": "approve", "notes": None, "decided_at": "2026-11-22T12:00:00Z"},
        ]
        assert [vote["decision"] for vote in history["items"][2]["decisions"]] == ["reject"]

    async def test_decisions_beyond_one_page_of_requests(
        self, world: World, dana: httpx2.AsyncClient, execution: JsonObject
    ) -> None:
        world.services.hitl = ManyRequests(450)  # to make so many takes seconds
        last = UUID(int=449)
        await world.finish(execution, steps=(make_step(kind="gate", hitl_request_ids=(last,)),))

        history = (await dana.get(f"{EXECUTIONS}/{execution['id']}/history")).json()

        assert [vote["decided_by"] for vote in history["items"][0]["decisions"]] == ["voter-449"]

    async def test_pages(self, world: World, dana: httpx2.AsyncClient, execution: JsonObject) -> None:
        steps = tuple(make_step(seq=seq, started_at=NOW + timedelta(seconds=seq)) for seq in range(1, 6))
        await world.finish(execution, steps=steps)

        page = (await dana.get(f"{EXECUTIONS}/{execution['id']}/history", params={"page": 2, "page_size": 2})).json()

        assert ([item["seq"] for item in page["items"]], page["total"]) == ([3, 4], 5)


class TestCancel:
    @pytest.mark.parametrize("body", [{"json": {"reason": "wrong input"}}, {"json": {}}, {}])
    async def test_the_reason_is_optional_and_so_is_the_body(
        self, dana: httpx2.AsyncClient, execution: JsonObject, body: dict[str, Any]
    ) -> None:
        answer = await dana.post(f"{EXECUTIONS}/{execution['id']}/cancel", **body)

        assert (answer.status_code, answer.json()["cancel_requested"]) == (202, True)

    async def test_one_that_has_ended_conflicts(
        self, world: World, dana: httpx2.AsyncClient, execution: JsonObject
    ) -> None:
        await world.finish(execution)

        answer = await dana.post(f"{EXECUTIONS}/{execution['id']}/cancel")

        assert (answer.status_code, answer.json()["code"]) == (409, "already_ended")

    async def test_someone_elses_needs_level_2(self, vera: httpx2.AsyncClient, execution: JsonObject) -> None:
        answer = await vera.post(f"{EXECUTIONS}/{execution['id']}/cancel")

        assert answer.status_code == 403

    async def test_a_missing_one(self, dana: httpx2.AsyncClient) -> None:
        assert (await dana.post(f"{EXECUTIONS}/{MISSING}/cancel")).status_code == 404


class ManyRequests(HitlService):
    """Lists requests with one decision each."""

    def __init__(self, total: int) -> None:
        self._total = total

    async def list(self, caller: Caller, page: PageRequest, where: HitlFilter, *, mine: bool) -> Page[HitlRequest]:
        assert (where.status, mine) == (None, False)
        numbers = range(page.offset, min(page.offset + page.size, self._total))
        items = tuple(
            make_request(id=UUID(int=number), decisions=(make_decision(decided_by=f"voter-{number}"),))
            for number in numbers
        )
        return Page(items, self._total, page)
