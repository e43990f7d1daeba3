"""Whatever a client sends, the answer is a documented one and never a fault of ours."""

import copy
from collections.abc import Iterator, MutableMapping, MutableSequence
from typing import Any

import httpx2
import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from aumos_agent_framework.core.types import JsonObject
from tests.unit.api.bodies import MISSING, agent_body, tool_body, workflow_body
from tests.unit.api.test_openapi import operations
from tests.unit.api.world import World

EVERY = [pytest.param(path, method, operation, id=operation["operationId"]) for path, method, operation in operations()]
ODD_TEXTS = ["", " ", "\x1b[31m", "a\nb", "😀", "../..", "${{ state.n }}", "${{", "__proto__", "START", "END", MISSING]
ODD_NUMBERS = [0, -1, 2**31, 2**53, 2**63 - 1, -(2**63), 1e-320, 1e308, 0.1]
SCALARS = st.none() | st.booleans() | st.sampled_from(ODD_NUMBERS) | st.sampled_from(ODD_TEXTS) | st.text(max_size=20)
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
)
Container = MutableMapping[Any, Any] | MutableSequence[Any]


def places(value: Any) -> Iterator[tuple[Container, Any]]:
    """Yield every place of a document at which something could stand instead."""
    if isinstance(value, dict | list):
        for key in list(value) if isinstance(value, dict) else range(len(value)):
            yield value, key
            yield from places(value[key])


@st.composite
def distorted(draw: st.DrawFn, example: JsonObject) -> JsonObject:
    """Return the example with up to three of its places changed, dropped or added."""
    document = {"body": copy.deepcopy(example)}
    for _ in range(draw(st.integers(1, 3))):
        container, key = draw(st.sampled_from(list(places(document))))
        if isinstance(container, dict) and draw(st.booleans()):
            container[draw(st.sampled_from([*ODD_TEXTS, "extra"]))] = draw(VALUES)
        else:
            container[key] = draw(VALUES)
    body: JsonObject = document["body"]
    return body


@st.composite
def requests(draw: st.DrawFn, operation: JsonObject) -> dict[str, Any]:
    """Return a query and a body for an operation."""
    request: dict[str, Any] = {}
    names = [one["name"] for one in operation.get("parameters", []) if one["in"] == "query"]
    request["params"] = draw(st.dictionaries(st.sampled_from([*names, "odd"]), st.sampled_from(ODD_TEXTS) | st.text()))
    if "requestBody" in operation:
        request["json"] = draw(distorted(operation["requestBody"]["content"]["application/json"]["example"]))
    return request


async def one_of_each(world: World, client: httpx2.AsyncClient) -> dict[str, str]:
    workflow = (await client.post("/api/v1/workflows", json=workflow_body())).json()
    execution = (await client.post(f"/api/v1/workflows/{workflow['id']}/execute", json={})).json()
    return {
        "workflow_id": workflow["id"],
        "execution_id": execution["id"],
        "agent_id": (await client.post("/api/v1/agents", json=agent_body())).json()["id"],
        "name": (await client.post("/api/v1/tools", json=tool_body())).json()["name"],
        "request_id": await world.open_gate(execution),
    }


@pytest.mark.parametrize(("path", "method", "operation"), EVERY)
@given(data=st.data())
@settings(
    max_examples=15,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],  # the captured log is shared, and that is fine
)
async def test_every_answer_is_documented(path: str, method: str, operation: JsonObject, data: st.DataObject) -> None:
    request = data.draw(requests(operation))
    async with World() as world:
        client = await world.client("pat")
        ids = await one_of_each(world, client)

        answer = await client.request(method, path.format(**ids), **request)

        assert str(answer.status_code) in operation["responses"], answer.text
        assert answer.status_code < 500, answer.text
