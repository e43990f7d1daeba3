"""The documented requests work as they stand, one after the other, and so do the documented answers' shapes."""

import httpx2
import jsonschema_rs
import pytest

from aumos_agent_framework.core.types import JsonObject
from tests.factories import make_step
from tests.unit.api.test_openapi import DOCUMENT, operations
from tests.unit.api.world import World

Operation = tuple[str, str, JsonObject]
BY_ID: dict[str, Operation] = {
    operation["operationId"]: (path, method, operation) for path, method, operation in operations()
}


class Reader:
    """Sends the documented requests and checks each answer against its documented schema."""

    def __init__(self, client: httpx2.AsyncClient) -> None:
        self.client = client
        self.tried: set[str] = set()

    async def send(
        self, operation_id: str, *, status: int, body: JsonObject | None = None, **places: str
    ) -> JsonObject:
        path, method, operation = BY_ID[operation_id]
        content = operation.get("requestBody", {}).get("content", {}).get("application/json")
        example = None if content is None else {**content["example"], **(body or {})}
        answer = await self.client.request(method, path.format(**places), json=example)
        assert answer.status_code == status, answer.text
        documented = operation["responses"][str(status)]["content"]["application/json"]["schema"]
        root = {**documented, "components": DOCUMENT["components"]}
        jsonschema_rs.validator_for(root, validate_formats=True).validate(answer.json())
        self.tried.add(operation_id)
        value: JsonObject = answer.json()
        return value


@pytest.fixture
def reader(pat: httpx2.AsyncClient) -> Reader:
    return Reader(pat)


async def test_every_documented_request_works(world: World, adam: httpx2.AsyncClient, reader: Reader) -> None:
    tool = await reader.send("tools_register", status=201)
    agent = await reader.send("agents_register", status=201)
    workflow = await reader.send("workflows_create", status=201)
    for operation_id in ("tools_list", "agents_list", "workflows_list", "executions_list", "schemas_workflow"):
        await reader.send(operation_id, status=200)
    await reader.send("health_live", status=200)
    await reader.send("health_ready", status=200)

    await reader.send("tools_get", status=200, name=tool["name"])
    await reader.send("tools_update", status=200, name=tool["name"])
    for operation_id in ("agents_get", "agents_update", "agents_set_tools", "agents_suspend", "agents_resume"):
        await reader.send(operation_id, status=200, agent_id=agent["id"])
    invoked = await reader.send("agents_invoke", status=202, agent_id=agent["id"])
    await world.finish({"id": invoked["execution_id"]})

    report = await reader.send("workflows_validate", status=200)
    assert report["valid"] is True
    await reader.send("workflows_get", status=200, workflow_id=workflow["id"])
    await reader.send("workflows_update", status=200, workflow_id=workflow["id"])
    await reader.send("workflows_versions", status=200, workflow_id=workflow["id"])
    execution = await reader.send("workflows_execute", status=202, workflow_id=workflow["id"])
    await reader.send("workflows_status", status=200, workflow_id=workflow["id"])
    await reader.send("executions_get", status=200, execution_id=execution["id"])

    approver = Reader(adam)
    request_id, other_id = [await world.open_gate(execution, call_id=call_id) for call_id in ("write:1", "write:2")]
    await approver.send("hitl_pending", status=200)
    await approver.send("hitl_get", status=200, request_id=request_id)
    await approver.send("hitl_approve", status=200, request_id=request_id)
    await approver.send("hitl_reject", status=200, request_id=other_id)

    cancelled = {"execution_id": execution["id"]}
    await reader.send("workflows_cancel", status=202, body=cancelled, workflow_id=workflow["id"])
    await reader.send("executions_cancel", status=202, execution_id=execution["id"])
    await world.finish(execution, steps=(make_step(),))
    await reader.send("executions_history", status=200, execution_id=execution["id"])

    assert reader.tried | approver.tried == set(BY_ID)


async def test_an_invocation_that_ends_answers_as_documented(world: World, reader: Reader) -> None:
    await reader.send("tools_register", status=201)
    agent = await reader.send("agents_register", status=201)

    async def finish() -> None:
        (execution_id,) = world.executor.started
        await world.finish({"id": str(execution_id)})

    world.signals.while_waiting = finish

    await reader.send("agents_invoke", status=200, agent_id=agent["id"])


async def test_a_problem_answers_as_documented(pat: httpx2.AsyncClient) -> None:
    answer = await pat.post("/api/v1/tools", json={"name": 1})

    root = {**DOCUMENT["components"]["schemas"]["Problem"], "components": DOCUMENT["components"]}
    jsonschema_rs.validator_for(root).validate(answer.json())
