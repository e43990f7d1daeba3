"""The description: complete, and true to what the service does."""

import re
from collections.abc import Iterator
from typing import Any

import httpx2
import jsonschema_rs
import pytest

from aumos_agent_framework.core.types import JsonObject
from tests.unit.api.world import APP

PUBLIC = {"health_live", "health_ready"}
OPERATIONS = {
    "workflows_create",
    "workflows_list",
    "workflows_get",
    "workflows_versions",
    "workflows_update",
    "workflows_validate",
    "workflows_execute",
    "workflows_status",
    "workflows_cancel",
    "executions_list",
    "executions_get",
    "executions_history",
    "executions_cancel",
    "agents_register",
    "agents_list",
    "agents_get",
    "agents_update",
    "agents_set_tools",
    "agents_invoke",
    "agents_suspend",
    "agents_resume",
    "tools_register",
    "tools_list",
    "tools_get",
    "tools_update",
    "hitl_pending",
    "hitl_get",
    "hitl_approve",
    "hitl_reject",
    "schemas_workflow",
    "health_live",
    "health_ready",
}


DOCUMENT: JsonObject = APP.openapi()


def operations() -> Iterator[tuple[str, str, JsonObject]]:
    for path, item in DOCUMENT["paths"].items():
        for method, operation in item.items():
            yield path, method, operation


EVERY = [pytest.param(path, method, operation, id=operation["operationId"]) for path, method, operation in operations()]
SECURED = [each for each in EVERY if each.id not in PUBLIC]


def contents(operation: JsonObject) -> Iterator[tuple[str, JsonObject]]:
    """Yield all bodies of an operation, with a name."""
    for content in operation.get("requestBody", {}).get("content", {}).values():
        yield "request", content
    for status, answer in operation["responses"].items():
        for content in answer.get("content", {}).values():
            yield status, content


def check(schema: JsonObject, instance: Any) -> None:
    root = {**schema, "components": DOCUMENT["components"]}
    jsonschema_rs.validator_for(root, validate_formats=True).validate(instance)


class TestDocument:
    def test_is_openapi_3_1(self) -> None:
        assert DOCUMENT["openapi"].startswith("3.1.")

    def test_holds_exactly_these_operations(self) -> None:
        assert {operation["operationId"] for _, _, operation in operations()} == OPERATIONS

    def test_every_schema_is_one(self) -> None:
        for schema in DOCUMENT["components"]["schemas"].values():
            jsonschema_rs.meta.validate({**schema, "$schema": "https://json-schema.org/draft/2020-12/schema"})

    def test_every_tag_is_described(self) -> None:
        used = {tag for _, _, operation in operations() for tag in operation["tags"]}

        assert used == {tag["name"] for tag in DOCUMENT["tags"]}

    @pytest.mark.parametrize("path", ["/openapi.json", "/docs"])
    async def test_needs_no_token(self, nobody: httpx2.AsyncClient, path: str) -> None:
        assert (await nobody.get(path)).status_code == 200

    async def test_the_page_loads_nothing_from_elsewhere(self, nobody: httpx2.AsyncClient) -> None:
        page = (await nobody.get("/docs")).text
        loaded = re.findall(r'(?:src|href)="([^"]+)"', page)
        assert [path for path in loaded if not path.startswith("/docs/assets/")] == []
        for path in loaded:
            answer = await nobody.get(path)
            assert (answer.status_code, bool(answer.content)) == (200, True), path

    async def test_is_what_is_served(self, nobody: httpx2.AsyncClient) -> None:
        assert (await nobody.get("/openapi.json")).json() == DOCUMENT


@pytest.mark.parametrize(("path", "method", "operation"), EVERY)
class TestEveryOperation:
    def test_says_what_it_is_for(self, path: str, method: str, operation: JsonObject) -> None:
        assert operation["summary"]
        assert operation["description"]
        assert len(operation["tags"]) == 1

    def test_has_an_example_that_fits_for_every_body(self, path: str, method: str, operation: JsonObject) -> None:
        bodies = list(contents(operation))

        assert bodies
        for _, content in bodies:
            check(content["schema"], content["example"])

    def test_describes_every_answer(self, path: str, method: str, operation: JsonObject) -> None:
        for status, answer in operation["responses"].items():
            assert answer["description"] != "Successful Response"
            assert "X-Request-ID" in answer["headers"]
            if int(status) >= 400:
                assert list(answer["content"]) == ["application/problem+json"]
                assert answer["content"]["application/problem+json"]["example"]["status"] == int(status)

    def test_describes_its_parameters(self, path: str, method: str, operation: JsonObject) -> None:
        parameters = {(one["in"], one["name"]) for one in operation.get("parameters", [])}

        assert {name for place, name in parameters if place == "path"} == {
            part.strip("{}") for part in path.split("/") if part.startswith("{")
        }


@pytest.mark.parametrize(("path", "method", "operation"), SECURED)
class TestEverySecuredOperation:
    def test_declares_its_refusals(self, path: str, method: str, operation: JsonObject) -> None:
        expected = {"401", "403", "500", "503"}
        if "requestBody" in operation:
            expected |= {"400", "413", "415", "422"}
        if "{" in path:
            expected |= {"404", "422"}

        assert expected <= set(operation["responses"])
        assert operation["security"] == [{"bearer": []}]

    async def test_refuses_strangers(
        self, nobody: httpx2.AsyncClient, path: str, method: str, operation: JsonObject
    ) -> None:
        answer = await nobody.request(method, path)

        assert (answer.status_code, answer.json()["code"]) == (401, "token_missing")


class TestPublicOperations:
    async def test_are_these_and_no_others(self, nobody: httpx2.AsyncClient) -> None:
        for path, method, operation in operations():
            answer = await nobody.request(method, path)
            assert (answer.status_code != 401) == (operation["operationId"] in PUBLIC), path
