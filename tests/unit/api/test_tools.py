"""Tools over HTTP."""

import httpx2
import pytest

from aumos_agent_framework.core.domain.tools import ToolDraft
from aumos_agent_framework.core.errors import InvalidInputError, Problem
from aumos_agent_framework.core.types import JsonObject
from tests.unit.api.bodies import tool_body
from tests.unit.api.world import World

TOOLS = "/api/v1/tools"


async def registered(client: httpx2.AsyncClient, **fields: object) -> JsonObject:
    answer = await client.post(TOOLS, json=tool_body(**fields))
    assert answer.status_code == 201, answer.text
    tool: JsonObject = answer.json()
    return tool


class TestRegister:
    async def test_answers_the_whole_tool(self, dana: httpx2.AsyncClient) -> None:
        body = tool_body(idempotency="key", output_schema={"type": "object"})

        answer = await dana.post(TOOLS, json=body)

        assert answer.status_code == 201
        assert answer.json() == {
            **body,
            "tenant_id": "11111111-1111-7111-8111-111111111111",
            "status": "active",
            "version": 1,
            "created_by": "dana",
            "created_at": "2026-11-22T12:00:00Z",
            "updated_at": "2026-11-22T12:00:00Z",
        }

    async def test_a_taken_name_conflicts(self, dana: httpx2.AsyncClient) -> None:
        tool = await registered(dana)

        answer = await dana.post(TOOLS, json=tool_body(name=tool["name"]))

        assert (answer.status_code, answer.json()["code"]) == (409, "tool_name_taken")

    async def test_a_level_above_ones_own_is_forbidden(self, dana: httpx2.AsyncClient) -> None:
        answer = await dana.post(TOOLS, json=tool_body(min_privilege_level=3))

        assert (answer.status_code, answer.json()["code"]) == (403, "level_too_low")

    async def test_a_reader_may_not(self, vera: httpx2.AsyncClient) -> None:
        answer = await vera.post(TOOLS, json=tool_body(min_privilege_level=1))

        assert answer.status_code == 403

    async def test_what_the_runner_refuses_points_into_the_body(self, world: World, dana: httpx2.AsyncClient) -> None:
        def refuse(_: ToolDraft) -> ToolDraft:
            raise InvalidInputError(
                "The tool is not valid.", [Problem("/config/url", "No host.", "invalid", "Add one.")]
            )

        world.runner.complete = refuse

        answer = await dana.post(TOOLS, json=tool_body())

        assert answer.status_code == 422
        assert answer.json()["errors"] == [
            {"pointer": "/config/url", "message": "No host.", "code": "invalid", "hint": "Add one."}
        ]

    @pytest.mark.parametrize(
        ("fields", "pointer"),
        [
            ({"name": "two words"}, "/name"),
            ({"name": "x" * 65}, "/name"),
            ({"name": ""}, "/name"),
            ({"description": "x" * 2_001}, "/description"),
            ({"min_privilege_level": 0}, "/min_privilege_level"),
            ({"min_privilege_level": 6}, "/min_privilege_level"),
            ({"min_privilege_level": "2"}, "/min_privilege_level"),
            ({"min_privilege_level": 2.0}, "/min_privilege_level"),
            ({"min_privilege_level": True}, "/min_privilege_level"),
            ({"input_schema": []}, "/input_schema"),
            ({"config": "http"}, "/config"),
            ({"idempotency": "maybe"}, "/idempotency"),
            ({"colour": "red"}, "/colour"),
        ],
        ids=str,
    )
    async def test_each_fault_has_its_place(self, dana: httpx2.AsyncClient, fields: JsonObject, pointer: str) -> None:
        answer = await dana.post(TOOLS, json=tool_body(**fields))

        assert answer.status_code == 422
        assert [place["pointer"] for place in answer.json()["errors"]] == [pointer]


class TestRead:
    async def test_get(self, dana: httpx2.AsyncClient, vera: httpx2.AsyncClient) -> None:
        tool = await registered(dana)

        answer = await vera.get(f"{TOOLS}/{tool['name']}")

        assert (answer.status_code, answer.json()) == (200, tool)

    async def test_list_filters_by_status(self, dana: httpx2.AsyncClient) -> None:
        kept, disabled = await registered(dana), await registered(dana)
        await dana.patch(f"{TOOLS}/{disabled['name']}", json={"status": "disabled"})

        answer = await dana.get(TOOLS, params={"status": "active"})

        assert answer.json() == {"items": [kept], "total": 1, "page": 1, "page_size": 50}

    @pytest.mark.parametrize("name", ["no-such-tool"])
    async def test_a_missing_one(self, dana: httpx2.AsyncClient, name: str) -> None:
        answer = await dana.get(f"{TOOLS}/{name}")

        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")

    @pytest.mark.parametrize("name", ["a%00b", "two%20words", "x" * 65])
    async def test_a_name_that_no_tool_can_have(self, dana: httpx2.AsyncClient, name: str) -> None:
        answer = await dana.get(f"{TOOLS}/{name}")

        assert answer.status_code == 422
        assert answer.json()["errors"][0]["pointer"] == "{name}"


class TestUpdate:
    async def test_only_what_is_sent_changes(self, dana: httpx2.AsyncClient) -> None:
        tool = await registered(dana, output_schema={"type": "object"})

        answer = await dana.patch(f"{TOOLS}/{tool['name']}", json={"description": "New.", "output_schema": None})

        assert answer.status_code == 200
        assert answer.json() == {**tool, "description": "New.", "output_schema": None, "version": 2}

    async def test_the_level_is_a_level(self, ari: httpx2.AsyncClient) -> None:
        tool = await registered(ari)

        answer = await ari.patch(f"{TOOLS}/{tool['name']}", json={"min_privilege_level": 3})

        assert answer.json()["min_privilege_level"] == 3

    async def test_raising_it_above_ones_own_level_is_forbidden(self, dana: httpx2.AsyncClient) -> None:
        tool = await registered(dana)

        answer = await dana.patch(f"{TOOLS}/{tool['name']}", json={"min_privilege_level": 3})

        assert answer.status_code == 403

    async def test_a_missing_one(self, dana: httpx2.AsyncClient) -> None:
        answer = await dana.patch(f"{TOOLS}/no-such-tool", json={"description": "New."})

        assert answer.status_code == 404

    @pytest.mark.parametrize(
        ("body", "pointer"),
        [
            ({}, ""),
            ({"description": None}, "/description"),
            ({"name": "other"}, "/name"),
            ({"status": "gone"}, "/status"),
            ({"min_privilege_level": "3"}, "/min_privilege_level"),
        ],
        ids=str,
    )
    async def test_each_fault_has_its_place(self, dana: httpx2.AsyncClient, body: JsonObject, pointer: str) -> None:
        tool = await registered(dana)

        answer = await dana.patch(f"{TOOLS}/{tool['name']}", json=body)

        assert answer.status_code == 422
        assert [place["pointer"] for place in answer.json()["errors"]] == [pointer]
