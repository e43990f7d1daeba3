"""Workflows over HTTP: storing, changing, checking and running them."""

from typing import Any

import httpx2
import pytest

from aumos_agent_framework.core.types import JsonObject
from tests.unit.api.bodies import MISSING, agent_body, workflow_body
from tests.unit.api.world import World

WORKFLOWS = "/api/v1/workflows"


async def created(client: httpx2.AsyncClient, **fields: Any) -> JsonObject:
    answer = await client.post(WORKFLOWS, json=workflow_body(**fields))
    assert answer.status_code == 201, answer.text
    workflow: JsonObject = answer.json()
    return workflow


async def running(client: httpx2.AsyncClient, workflow: JsonObject, **fields: Any) -> JsonObject:
    answer = await client.post(f"{WORKFLOWS}/{workflow['id']}/execute", json=fields)
    assert answer.status_code == 202, answer.text
    execution: JsonObject = answer.json()
    return execution


class TestCreate:
    async def test_answers_the_whole_workflow(self, dana: httpx2.AsyncClient) -> None:
        body = workflow_body(
            description="Counts.",
            hitl_gates={"count": {"when": "before", "approver_level": 3}},
            circuit_breaker_config={"failure_threshold": 3, "failure_rate": 0.5, "reset_timeout_seconds": 60},
            limits={"max_steps": 20},
            run_as="caller",
        )

        answer = await dana.post(WORKFLOWS, json=body)

        assert answer.status_code == 201
        workflow = answer.json()
        assert len(workflow["definition_hash"]) == 64
        assert workflow == {
            **body,
            "agents": {},
            "privilege_cap": None,
            "id": workflow["id"],
            "tenant_id": "11111111-1111-7111-8111-111111111111",
            "version": 1,
            "definition_hash": workflow["definition_hash"],
            "created_by": "dana",
            "created_at": "2026-11-22T12:00:00Z",
            "updated_at": "2026-11-22T12:00:00Z",
        }

    async def test_agents_are_bound_by_name_or_id(self, dana: httpx2.AsyncClient) -> None:
        agent = (await dana.post("/api/v1/agents", json=agent_body())).json()
        node = {"type": "agent", "prompt": "Say hello.", "output": "n"}
        graph = {
            "entry_point": ["a", "b"],
            "nodes": {"a": node, "b": {**node, "output": "m"}},
            "edges": [{"from": "a", "to": "END"}, {"from": "b", "to": "END"}],
        }

        workflow = await created(dana, graph_definition=graph, agents={"a": agent["name"], "b": agent["id"]})

        assert workflow["agents"] == {"a": agent["name"], "b": agent["id"]}

    async def test_a_wrong_definition_points_to_every_place(self, dana: httpx2.AsyncClient) -> None:
        graph = {
            "entry_point": "count",
            "nodes": {"count": {"type": "transform", "set": {"n": "1 +"}}},
            "edges": [{"from": "count", "to": "END"}, {"from": "count", "to": "nowhere"}],
        }

        answer = await dana.post(WORKFLOWS, json=workflow_body(graph_definition=graph))

        assert (answer.status_code, answer.json()["code"]) == (422, "invalid_workflow")
        pointers = {place["pointer"] for place in answer.json()["errors"]}
        assert {"/graph_definition/nodes/count/set/n", "/graph_definition/edges/1/to"} <= pointers

    async def test_a_wrong_type_points_to_it(self, dana: httpx2.AsyncClient) -> None:
        graph = {"entry_point": "x", "nodes": {"x": {"type": "magic"}}, "edges": [{"from": "x", "to": "END"}]}

        answer = await dana.post(WORKFLOWS, json=workflow_body(graph_definition=graph))

        assert answer.status_code == 422
        assert any(place["pointer"].startswith("/graph_definition/nodes/x") for place in answer.json()["errors"])

    async def test_a_taken_name_conflicts(self, dana: httpx2.AsyncClient) -> None:
        workflow = await created(dana)

        answer = await dana.post(WORKFLOWS, json=workflow_body(name=workflow["name"]))

        assert (answer.status_code, answer.json()["code"]) == (409, "workflow_name_taken")

    async def test_a_reader_may_not(self, vera: httpx2.AsyncClient) -> None:
        answer = await vera.post(WORKFLOWS, json=workflow_body())

        assert (answer.status_code, answer.json()["code"]) == (403, "level_too_low")

    async def test_lending_a_level_above_ones_own_is_forbidden(self, dana: httpx2.AsyncClient) -> None:
        answer = await dana.post(WORKFLOWS, json=workflow_body(run_as="workflow", privilege_cap=3))

        assert answer.status_code == 403

    async def test_running_as_itself_keeps_its_cap(self, ari: httpx2.AsyncClient) -> None:
        workflow = await created(ari, run_as="workflow", privilege_cap=3)

        assert (workflow["run_as"], workflow["privilege_cap"]) == ("workflow", 3)

    @pytest.mark.parametrize(
        ("fields", "pointer"),
        [
            ({"name": "\t"}, "/name"),
            ({"description": "x" * 2_001}, "/description"),
            ({"graph_definition": []}, "/graph_definition"),
            ({"agents": {"": "writer"}}, "/agents/"),
            ({"agents": {"count": 7}}, "/agents/count"),
            ({"hitl_gates": {"count": True}}, "/hitl_gates/count"),
            ({"circuit_breaker_config": {"failure_threshold": 0}}, "/circuit_breaker_config/failure_threshold"),
            ({"circuit_breaker_config": {"failure_rate": 1.1}}, "/circuit_breaker_config/failure_rate"),
            ({"circuit_breaker_config": {"slow_call_seconds": 0}}, "/circuit_breaker_config/slow_call_seconds"),
            ({"circuit_breaker_config": {"window": 5}}, "/circuit_breaker_config/window"),
            ({"limits": {"max_steps": 10_001}}, "/limits/max_steps"),
            ({"limits": {"max_tokens": 5}}, "/limits/max_tokens"),
            ({"run_as": "root"}, "/run_as"),
            ({"privilege_cap": 6}, "/privilege_cap"),
            ({"version": 2}, "/version"),
        ],
        ids=lambda value: str(value)[:80],
    )
    async def test_each_fault_has_its_place(self, dana: httpx2.AsyncClient, fields: JsonObject, pointer: str) -> None:
        answer = await dana.post(WORKFLOWS, json=workflow_body(**fields))

        assert answer.status_code == 422
        assert [place["pointer"] for place in answer.json()["errors"]] == [pointer]


class TestRead:
    async def test_get_the_current_version_or_another(self, dana: httpx2.AsyncClient, vera: httpx2.AsyncClient) -> None:
        first = await created(dana)
        second = (await dana.put(f"{WORKFLOWS}/{first['id']}", json=workflow_body(name=first["name"]))).json()

        current = await vera.get(f"{WORKFLOWS}/{first['id']}")
        earlier = await vera.get(f"{WORKFLOWS}/{first['id']}", params={"version": 1})

        assert (current.json(), earlier.json()) == (second, first)

    async def test_a_missing_version(self, dana: httpx2.AsyncClient) -> None:
        workflow = await created(dana)

        answer = await dana.get(f"{WORKFLOWS}/{workflow['id']}", params={"version": 2})

        assert answer.status_code == 404

    @pytest.mark.parametrize("path", ["", "/versions", "/status"])
    async def test_a_missing_one(self, dana: httpx2.AsyncClient, path: str) -> None:
        answer = await dana.get(f"{WORKFLOWS}/{MISSING}{path}")

        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")

    async def test_list_by_name(self, dana: httpx2.AsyncClient) -> None:
        wanted = await created(dana)
        await created(dana)

        answer = await dana.get(WORKFLOWS, params={"name": wanted["name"]})

        assert answer.json() == {"items": [wanted], "total": 1, "page": 1, "page_size": 50}

    async def test_versions_newest_first(self, dana: httpx2.AsyncClient) -> None:
        workflow = await created(dana)
        await dana.put(f"{WORKFLOWS}/{workflow['id']}", json=workflow_body(name=workflow["name"]))

        answer = await dana.get(f"{WORKFLOWS}/{workflow['id']}/versions")

        assert [item["version"] for item in answer.json()["items"]] == [2, 1]

    @pytest.mark.parametrize(
        ("query", "pointer"),
        [
            ({"page": "0"}, "?page"),
            ({"page": str(10**30)}, "?page"),
            ({"page_size": "0"}, "?page_size"),
            ({"page_size": "201"}, "?page_size"),
            ({"page_size": "many"}, "?page_size"),
            ({"name": "a\x00b"}, "?name"),
            ({"nmae": "x"}, "?nmae"),
        ],
        ids=str,
    )
    async def test_a_wrong_query_has_its_place(
        self, dana: httpx2.AsyncClient, query: dict[str, str], pointer: str
    ) -> None:
        answer = await dana.get(WORKFLOWS, params=query)

        assert answer.status_code == 422
        assert [place["pointer"] for place in answer.json()["errors"]] == [pointer]

    async def test_the_last_page_that_can_be_asked_for_is_empty(self, dana: httpx2.AsyncClient) -> None:
        await created(dana)

        answer = await dana.get(WORKFLOWS, params={"page": 1_000_000_000, "page_size": 200})

        assert (answer.status_code, answer.json()["items"], answer.json()["total"]) == (200, [], 1)


class TestUpdate:
    async def test_makes_the_next_version(self, dana: httpx2.AsyncClient) -> None:
        workflow = await created(dana)
        body = workflow_body(name=workflow["name"], limits={"max_steps": 7})

        answer = await dana.put(f"{WORKFLOWS}/{workflow['id']}", json=body)

        assert answer.status_code == 200
        changed = answer.json()
        assert (changed["id"], changed["version"], changed["limits"]) == (workflow["id"], 2, {"max_steps": 7})
        assert changed["definition_hash"] != workflow["definition_hash"]

    async def test_a_missing_one(self, dana: httpx2.AsyncClient) -> None:
        answer = await dana.put(f"{WORKFLOWS}/{MISSING}", json=workflow_body())

        assert answer.status_code == 404

    async def test_a_wrong_definition_is_refused(self, dana: httpx2.AsyncClient) -> None:
        workflow = await created(dana)

        answer = await dana.put(f"{WORKFLOWS}/{workflow['id']}", json=workflow_body(graph_definition={"nodes": {}}))

        assert answer.status_code == 422


class TestValidate:
    async def test_a_right_one(self, vera: httpx2.AsyncClient) -> None:
        answer = await vera.post(f"{WORKFLOWS}/validate", json=workflow_body())

        assert answer.status_code == 200
        report = answer.json()
        assert (report["valid"], report["errors"], report["warnings"]) == (True, [], [])
        assert "count" in report["mermaid"]

    async def test_a_wrong_one_is_an_answer(self, dana: httpx2.AsyncClient) -> None:
        graph = {
            "entry_point": "count",
            "nodes": {"count": {"type": "transform", "set": {"n": "1"}}},
            "edges": [{"from": "count", "to": "cuont"}],
        }

        answer = await dana.post(f"{WORKFLOWS}/validate", json=workflow_body(graph_definition=graph))

        assert answer.status_code == 200
        report = answer.json()
        assert report["valid"] is False
        assert "/graph_definition/edges/0/to" in {place["pointer"] for place in report["errors"]}

    async def test_nothing_is_stored(self, dana: httpx2.AsyncClient) -> None:
        await dana.post(f"{WORKFLOWS}/validate", json=workflow_body())

        assert (await dana.get(WORKFLOWS)).json()["total"] == 0


class TestExecute:
    async def test_answers_the_execution(self, world: World, dana: httpx2.AsyncClient) -> None:
        workflow = await created(dana)

        answer = await dana.post(
            f"{WORKFLOWS}/{workflow['id']}/execute", json={"input_data": {"n": 3}, "session_id": "s-1"}
        )

        assert answer.status_code == 202
        execution = answer.json()
        (plan,) = world.executor.started.values()
        assert execution == {
            "id": str(plan.execution_id),
            "tenant_id": workflow["tenant_id"],
            "workflow_id": workflow["id"],
            "workflow_version": 1,
            "definition_hash": workflow["definition_hash"],
            "agent_id": None,
            "status": "pending",
            "current_nodes": [],
            "input_data": {"n": 3},
            "output_data": None,
            "error": None,
            "session_id": "s-1",
            "initiated_by": "dana",
            "temporal_workflow_id": f"{workflow['tenant_id']}/{plan.execution_id}",
            "cancel_requested": False,
            "usage": {"prompt_tokens": 0, "completion_tokens": 0, "model_calls": 0, "tool_calls": 0},
            "started_at": None,
            "completed_at": None,
            "created_at": "2026-11-22T12:00:00Z",
            "updated_at": "2026-11-22T12:00:00Z",
        }

    async def test_of_an_earlier_version_with_a_lower_limit(self, world: World, vera: httpx2.AsyncClient) -> None:
        dana = await world.client("dana")
        workflow = await created(dana)
        await dana.put(f"{WORKFLOWS}/{workflow['id']}", json=workflow_body(name=workflow["name"]))

        execution = await running(vera, workflow, version=1, limits={"max_steps": 5})

        (plan,) = world.executor.started.values()
        assert (execution["workflow_version"], plan.governance.max_steps) == (1, 5)

    async def test_with_the_engine_away_is_accepted_all_the_same(self, world: World, dana: httpx2.AsyncClient) -> None:
        workflow = await created(dana)
        world.executor.available = False

        answer = await dana.post(f"{WORKFLOWS}/{workflow['id']}/execute", json={})

        assert answer.status_code == 202

    async def test_with_the_database_away_is_not(self, world: World, dana: httpx2.AsyncClient) -> None:
        workflow = await created(dana)
        world.uow.database.available = False

        answer = await dana.post(f"{WORKFLOWS}/{workflow['id']}/execute", json={})

        assert (answer.status_code, answer.json()["code"]) == (503, "database_unavailable")
        assert int(answer.headers["retry-after"]) > 0

    async def test_input_that_does_not_fit_the_state(self, dana: httpx2.AsyncClient) -> None:
        workflow = await created(dana)

        answer = await dana.post(f"{WORKFLOWS}/{workflow['id']}/execute", json={"input_data": {"n": "three"}})

        assert answer.status_code == 422
        assert [place["pointer"] for place in answer.json()["errors"]] == ["/input_data/n"]

    async def test_input_that_is_too_large(self, dana: httpx2.AsyncClient) -> None:
        workflow = await created(dana)

        answer = await dana.post(f"{WORKFLOWS}/{workflow['id']}/execute", json={"input_data": {"x": "x" * 1_100_000}})

        assert (answer.status_code, answer.json()["code"]) == (413, "input_too_large")

    async def test_a_missing_workflow(self, dana: httpx2.AsyncClient) -> None:
        answer = await dana.post(f"{WORKFLOWS}/{MISSING}/execute", json={})

        assert answer.status_code == 404

    @pytest.mark.parametrize(
        ("body", "pointer"),
        [
            ({"input_data": []}, "/input_data"),
            ({"session_id": "a b"}, "/session_id"),
            ({"session_id": ""}, "/session_id"),
            ({"version": 0}, "/version"),
            ({"version": "1"}, "/version"),
            ({"version": 2**31}, "/version"),
            ({"limits": {"max_steps": 0}}, "/limits/max_steps"),
            ({"priority": 1}, "/priority"),
        ],
        ids=str,
    )
    async def test_each_fault_has_its_place(self, dana: httpx2.AsyncClient, body: JsonObject, pointer: str) -> None:
        workflow = await created(dana)

        answer = await dana.post(f"{WORKFLOWS}/{workflow['id']}/execute", json=body)

        assert answer.status_code == 422
        assert [place["pointer"] for place in answer.json()["errors"]] == [pointer]


class TestStatus:
    async def test_of_the_newest_or_of_the_one_named(self, dana: httpx2.AsyncClient) -> None:
        workflow = await created(dana)
        older, newer = await running(dana, workflow), await running(dana, workflow)

        newest = await dana.get(f"{WORKFLOWS}/{workflow['id']}/status")
        named = await dana.get(f"{WORKFLOWS}/{workflow['id']}/status", params={"execution_id": older["id"]})

        assert (newest.json(), named.json()) == (newer, older)

    async def test_before_any_run(self, dana: httpx2.AsyncClient) -> None:
        workflow = await created(dana)

        assert (await dana.get(f"{WORKFLOWS}/{workflow['id']}/status")).status_code == 404

    async def test_of_another_workflows_run(self, dana: httpx2.AsyncClient) -> None:
        workflow, other = await created(dana), await created(dana)
        execution = await running(dana, other)

        answer = await dana.get(f"{WORKFLOWS}/{workflow['id']}/status", params={"execution_id": execution["id"]})

        assert answer.status_code == 404


class TestCancel:
    async def test_asks_the_run_to_stop(self, world: World, dana: httpx2.AsyncClient) -> None:
        workflow = await created(dana)
        execution = await running(dana, workflow)

        answer = await dana.post(
            f"{WORKFLOWS}/{workflow['id']}/cancel", json={"execution_id": execution["id"], "reason": "wrong input"}
        )

        assert answer.status_code == 202
        assert answer.json() == {**execution, "cancel_requested": True}
        assert list(world.executor.cancelled.values()) == ["wrong input"]

    async def test_one_that_has_ended_conflicts(self, world: World, dana: httpx2.AsyncClient) -> None:
        workflow = await created(dana)
        execution = await running(dana, workflow)
        await world.finish(execution)

        answer = await dana.post(f"{WORKFLOWS}/{workflow['id']}/cancel", json={"execution_id": execution["id"]})

        assert (answer.status_code, answer.json()["code"]) == (409, "already_ended")

    async def test_another_workflows_run_is_missing(self, dana: httpx2.AsyncClient) -> None:
        workflow, other = await created(dana), await created(dana)
        execution = await running(dana, other)

        answer = await dana.post(f"{WORKFLOWS}/{workflow['id']}/cancel", json={"execution_id": execution["id"]})

        assert answer.status_code == 404

    @pytest.mark.parametrize(
        ("body", "pointer"),
        [
            ({}, "/execution_id"),
            ({"execution_id": "newest"}, "/execution_id"),
            ({"execution_id": MISSING, "reason": "x" * 501}, "/reason"),
        ],
        ids=lambda value: str(value)[:80],
    )
    async def test_each_fault_has_its_place(self, dana: httpx2.AsyncClient, body: JsonObject, pointer: str) -> None:
        answer = await dana.post(f"{WORKFLOWS}/{MISSING}/cancel", json=body)

        assert answer.status_code == 422
        assert [place["pointer"] for place in answer.json()["errors"]] == [pointer]
