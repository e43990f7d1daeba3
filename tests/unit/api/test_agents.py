"""Agents over HTTP."""

from typing import Any

import httpx2
import pytest

from aumos_agent_framework.adapters.llm.openai_format import MODEL_PARAMETERS
from aumos_agent_framework.api.v1.schemas.agents import ModelBody
from aumos_agent_framework.core.types import JsonObject
from tests.unit.api.bodies import MISSING, agent_body, tool_body

AGENTS = "/api/v1/agents"


async def registered(client: httpx2.AsyncClient, **fields: Any) -> JsonObject:
    answer = await client.post(AGENTS, json=agent_body(**fields))
    assert answer.status_code == 201, answer.text
    agent: JsonObject = answer.json()
    return agent


class TestRegister:
    async def test_answers_the_whole_agent(self, dana: httpx2.AsyncClient) -> None:
        tool = (await dana.post("/api/v1/tools", json=tool_body())).json()["name"]
        body = agent_body(
            description="Writes.",
            capabilities=["writing", "research"],
            tool_access={tool: {"enabled": True, "rate_limit": 5}},
            resource_limits={"max_steps": 3, "max_tokens": 1_000, "max_calls_per_minute": 10},
            model={"name": "scripted", "temperature": 0.5, "max_tokens": 50, "top_p": 0.9},
            instructions="Be brief.",
        )

        answer = await dana.post(AGENTS, json=body)

        assert answer.status_code == 201
        agent = answer.json()
        assert agent == {
            **body,
            "id": agent["id"],
            "tenant_id": "11111111-1111-7111-8111-111111111111",
            "owner": "dana",
            "status": "active",
            "version": 1,
            "created_by": "dana",
            "created_at": "2026-11-22T12:00:00Z",
            "updated_at": "2026-11-22T12:00:00Z",
        }

    async def test_defaults(self, dana: httpx2.AsyncClient) -> None:
        agent = await registered(dana)

        assert agent["model"] == {"name": "scripted"}
        assert agent["resource_limits"] == {"max_steps": 25, "max_tokens": None, "max_calls_per_minute": None}
        assert (agent["tool_access"], agent["capabilities"], agent["instructions"]) == ({}, [], "")

    def test_a_model_takes_every_parameter_that_the_gateway_passes_on(self) -> None:
        assert set(ModelBody.model_fields) == MODEL_PARAMETERS | {"name"}

    async def test_a_taken_name_conflicts(self, dana: httpx2.AsyncClient) -> None:
        agent = await registered(dana)

        answer = await dana.post(AGENTS, json=agent_body(name=agent["name"]))

        assert (answer.status_code, answer.json()["code"]) == (409, "agent_name_taken")

    async def test_a_level_above_ones_own_is_forbidden(self, dana: httpx2.AsyncClient) -> None:
        answer = await dana.post(AGENTS, json=agent_body(privilege_level=3))

        assert (answer.status_code, answer.json()["code"]) == (403, "level_too_low")

    async def test_an_unknown_tool_points_to_its_name(self, dana: httpx2.AsyncClient) -> None:
        answer = await dana.post(AGENTS, json=agent_body(tool_access={"nothing": {}}))

        assert answer.status_code == 422
        assert [place["pointer"] for place in answer.json()["errors"]] == ["/tool_access/nothing"]

    @pytest.mark.parametrize(
        ("fields", "pointer"),
        [
            ({"name": ""}, "/name"),
            ({"name": " padded "}, "/name"),
            ({"name": "x" * 101}, "/name"),
            ({"name": "two\nlines"}, "/name"),
            ({"capabilities": ["fine", "not fine"]}, "/capabilities/1"),
            ({"capabilities": "writing"}, "/capabilities"),
            ({"privilege_level": 6}, "/privilege_level"),
            ({"privilege_level": "2"}, "/privilege_level"),
            ({"tool_access": {"a/b": {}}}, "/tool_access/a~1b"),
            ({"tool_access": {"look": {"enabled": "yes"}}}, "/tool_access/look/enabled"),
            ({"tool_access": {"look": {"rate_limit": 0}}}, "/tool_access/look/rate_limit"),
            ({"tool_access": {"look": {"rate_limit": 1.5}}}, "/tool_access/look/rate_limit"),
            ({"tool_access": {"look": {"speed": 1}}}, "/tool_access/look/speed"),
            ({"resource_limits": {"max_steps": 0}}, "/resource_limits/max_steps"),
            ({"resource_limits": {"max_cost": 5}}, "/resource_limits/max_cost"),
            ({"model": {}}, "/model/name"),
            ({"model": {"name": "m", "temperature": 3}}, "/model/temperature"),
            ({"model": {"name": "m", "tempurature": 1}}, "/model/tempurature"),
            ({"model": {"name": "m", "messages": []}}, "/model/messages"),
            ({"model": "m"}, "/model"),
            ({"instructions": "x" * 100_001}, "/instructions"),
            ({"owner": ""}, "/owner"),
            ({"id": MISSING}, "/id"),
        ],
        ids=lambda value: str(value)[:80],
    )
    async def test_each_fault_has_its_place(self, dana: httpx2.AsyncClient, fields: JsonObject, pointer: str) -> None:
        answer = await dana.post(AGENTS, json=agent_body(**fields))

        assert answer.status_code == 422
        assert [place["pointer"] for place in answer.json()["errors"]] == [pointer]

    async def test_all_faults_are_told_at_once(self, dana: httpx2.AsyncClient) -> None:
        answer = await dana.post(AGENTS, json={"name": 1, "extra": True})

        assert {place["pointer"] for place in answer.json()["errors"]} == {
            "/name",
            "/privilege_level",
            "/model",
            "/extra",
        }


class TestRead:
    async def test_get(self, dana: httpx2.AsyncClient, vera: httpx2.AsyncClient) -> None:
        agent = await registered(dana)

        answer = await vera.get(f"{AGENTS}/{agent['id']}")

        assert (answer.status_code, answer.json()) == (200, agent)

    async def test_a_missing_one(self, dana: httpx2.AsyncClient) -> None:
        answer = await dana.get(f"{AGENTS}/{MISSING}")

        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")

    async def test_an_id_that_is_none(self, dana: httpx2.AsyncClient) -> None:
        answer = await dana.get(f"{AGENTS}/writer")

        assert answer.status_code == 422
        assert answer.json()["errors"][0]["pointer"] == "{agent_id}"

    async def test_list_filters(self, dana: httpx2.AsyncClient) -> None:
        writer = await registered(dana, capabilities=["writing"])
        await registered(dana, capabilities=["research"])
        suspended = await registered(dana, capabilities=["writing"])
        await dana.post(f"{AGENTS}/{suspended['id']}/suspend")

        answer = await dana.get(AGENTS, params={"status": "active", "capability": "writing"})

        assert answer.json() == {"items": [writer], "total": 1, "page": 1, "page_size": 50}

    async def test_pages(self, dana: httpx2.AsyncClient) -> None:
        ids = [(await registered(dana))["id"] for _ in range(3)]

        answer = await dana.get(AGENTS, params={"page": 2, "page_size": 2})

        page = answer.json()
        assert ([agent["id"] for agent in page["items"]], page["total"]) == ([ids[0]], 3)
        assert (page["page"], page["page_size"]) == (2, 2)


class TestUpdate:
    async def test_only_what_is_sent_changes(self, dana: httpx2.AsyncClient) -> None:
        agent = await registered(dana, description="Old.", capabilities=["writing"])
        changes = {
            "name": f"{agent['name']}-2",
            "capabilities": ["research"],
            "privilege_level": 1,
            "resource_limits": {"max_steps": 5, "max_tokens": None, "max_calls_per_minute": None},
            "model": {"name": "other", "seed": 7},
            "instructions": "New.",
        }

        answer = await dana.patch(f"{AGENTS}/{agent['id']}", json=changes)

        assert answer.status_code == 200
        assert answer.json() == {**agent, **changes, "version": 2}

    async def test_raising_it_above_ones_own_level_is_forbidden(self, dana: httpx2.AsyncClient) -> None:
        agent = await registered(dana)

        answer = await dana.patch(f"{AGENTS}/{agent['id']}", json={"privilege_level": 3})

        assert answer.status_code == 403

    async def test_a_missing_one(self, dana: httpx2.AsyncClient) -> None:
        answer = await dana.patch(f"{AGENTS}/{MISSING}", json={"description": "New."})

        assert answer.status_code == 404

    @pytest.mark.parametrize(
        ("body", "pointer"),
        [
            ({}, ""),
            ({"name": None}, "/name"),
            ({"owner": None}, "/owner"),
            ({"model": {"temperature": 1}}, "/model/name"),
            ({"status": "suspended"}, "/status"),
            ({"tool_access": {}}, "/tool_access"),
        ],
        ids=str,
    )
    async def test_each_fault_has_its_place(self, dana: httpx2.AsyncClient, body: JsonObject, pointer: str) -> None:
        agent = await registered(dana)

        answer = await dana.patch(f"{AGENTS}/{agent['id']}", json=body)

        assert answer.status_code == 422
        assert [place["pointer"] for place in answer.json()["errors"]] == [pointer]


class TestSetTools:
    async def test_replaces_what_there_was(self, dana: httpx2.AsyncClient) -> None:
        first, second = [(await dana.post("/api/v1/tools", json=tool_body())).json()["name"] for _ in range(2)]
        agent = await registered(dana, tool_access={first: {}})

        answer = await dana.put(f"{AGENTS}/{agent['id']}/tools", json={"tool_access": {second: {"enabled": False}}})

        assert answer.status_code == 200
        assert answer.json()["tool_access"] == {second: {"enabled": False, "rate_limit": None}}

    async def test_an_unknown_tool_points_to_its_name(self, dana: httpx2.AsyncClient) -> None:
        agent = await registered(dana)

        answer = await dana.put(f"{AGENTS}/{agent['id']}/tools", json={"tool_access": {"nothing": {}}})

        assert answer.status_code == 422
        assert answer.json()["errors"][0]["pointer"] == "/tool_access/nothing"

    async def test_a_missing_agent(self, dana: httpx2.AsyncClient) -> None:
        answer = await dana.put(f"{AGENTS}/{MISSING}/tools", json={"tool_access": {}})

        assert answer.status_code == 404

    async def test_a_reader_may_not(self, dana: httpx2.AsyncClient, vera: httpx2.AsyncClient) -> None:
        agent = await registered(dana)

        answer = await vera.put(f"{AGENTS}/{agent['id']}/tools", json={"tool_access": {}})

        assert answer.status_code == 403


class TestSuspend:
    async def test_and_resume(self, dana: httpx2.AsyncClient) -> None:
        agent = await registered(dana)

        suspended = await dana.post(f"{AGENTS}/{agent['id']}/suspend")
        resumed = await dana.post(f"{AGENTS}/{agent['id']}/resume")

        assert (suspended.status_code, suspended.json()["status"]) == (200, "suspended")
        assert (resumed.status_code, resumed.json()["status"]) == (200, "active")

    async def test_someone_elses_needs_an_administrator(
        self, dana: httpx2.AsyncClient, ari: httpx2.AsyncClient, adam: httpx2.AsyncClient
    ) -> None:
        agent = await registered(dana)

        assert (await ari.post(f"{AGENTS}/{agent['id']}/suspend")).status_code == 403
        assert (await adam.post(f"{AGENTS}/{agent['id']}/suspend")).status_code == 200
        assert (await ari.post(f"{AGENTS}/{agent['id']}/resume")).status_code == 403

    @pytest.mark.parametrize("action", ["suspend", "resume"])
    async def test_a_missing_one(self, adam: httpx2.AsyncClient, action: str) -> None:
        answer = await adam.post(f"{AGENTS}/{MISSING}/{action}")

        assert answer.status_code == 404
