"""Idempotency keys: a repetition gets the first answer, another request under the same key is refused."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import uuid4

import httpx2
import pytest

from tests.e2e import runs
from tests.e2e.authoring import (
    agent_draft,
    call_node,
    counted_tool,
    graph,
    scripted_agent,
    tool_draft,
    trivial_graph,
    workflow,
    workflow_draft,
)
from tests.e2e.client import Person, Tenant
from tests.effect_counter.process import EffectCounter

Order = tuple[str, dict[str, Any], dict[str, Any]]
"""Where to post, what, and something else that could be posted there."""
CLIENTS = 8


def create_workflow(person: Person) -> Order:
    draft = workflow_draft(trivial_graph())
    return "/workflows", draft, draft | {"description": "other"}


def register_agent(person: Person) -> Order:
    draft = agent_draft()
    return "/agents", draft, draft | {"description": "other"}


def register_tool(person: Person) -> Order:
    draft = tool_draft("http://127.0.0.1:9/nothing")
    return "/tools", draft, draft | {"description": "other"}


def execute(person: Person) -> Order:
    stored = workflow(person, trivial_graph())
    return f"/workflows/{stored['id']}/execute", {"input_data": {"a": 1}}, {"input_data": {"a": 2}}


def invoke(person: Person) -> Order:
    agent = scripted_agent(person)
    return f"/agents/{agent['id']}/invoke", {"input_data": {"a": 1}}, {"input_data": {"a": 2}}


ORDERS = (create_workflow, register_agent, register_tool, execute, invoke)


@pytest.fixture
def key() -> dict[str, str]:
    """A header with a key that nobody has used."""
    return {"Idempotency-Key": str(uuid4())}


@pytest.mark.parametrize("order", ORDERS)
class TestEveryCreatingRequest:
    def test_repetition_gets_the_first_answer(
        self, acme: Tenant, key: dict[str, str], order: Callable[[Person], Order]
    ) -> None:
        path, body, _ = order(acme.dev)
        first, second = (acme.dev.ask("POST", path, json=body, headers=key) for _ in range(2))
        assert first.status_code == second.status_code < 300
        assert first.json() == second.json()
        assert "Idempotent-Replayed" not in first.headers
        assert second.headers["Idempotent-Replayed"] == "true"

    def test_same_key_with_another_body_is_refused(
        self, acme: Tenant, key: dict[str, str], order: Callable[[Person], Order]
    ) -> None:
        path, body, other = order(acme.dev)
        assert acme.dev.ask("POST", path, json=body, headers=key).status_code < 300
        acme.dev.refused("POST", path, 422, "idempotency_key_reused", json=other, headers=key)

    def test_order_of_members_makes_no_other_body(
        self, acme: Tenant, key: dict[str, str], order: Callable[[Person], Order]
    ) -> None:
        path, body, _ = order(acme.dev)
        acme.dev.ask("POST", path, json=body, headers=key)
        reordered = dict(reversed(body.items()))
        assert acme.dev.ask("POST", path, json=reordered, headers=key).headers["Idempotent-Replayed"] == "true"

    def test_key_of_one_person_is_not_anothers(
        self, acme: Tenant, key: dict[str, str], order: Callable[[Person], Order]
    ) -> None:
        path, body, _ = order(acme.dev)
        acme.dev.ask("POST", path, json=body, headers=key)
        body = body | ({"name": f"{body['name']}-2"} if "name" in body else {})
        answer = acme.alice.ask("POST", path, json=body, headers=key)
        assert answer.status_code < 300
        assert "Idempotent-Replayed" not in answer.headers


class TestRefusedRequest:
    def test_key_of_a_refused_request_is_free_again(self, acme: Tenant, key: dict[str, str]) -> None:
        draft = workflow_draft(trivial_graph())
        acme.dev.refused("POST", "/workflows", 422, "invalid_input", json=draft | {"name": ""}, headers=key)
        acme.dev.send("POST", "/workflows", 201, json=draft, headers=key)


class TestManyClientsAtOnce:
    def test_one_key_makes_one_run_and_one_effect(
        self, acme: Tenant, counter: EffectCounter, key: dict[str, str]
    ) -> None:
        tool = counted_tool(acme.dev, counter)
        stored = workflow(acme.dev, graph({"act": call_node(tool)}))
        answers = self.at_once(acme.dev, f"/workflows/{stored['id']}/execute", {}, key)
        accepted = [answer for answer in answers if answer.status_code == 202]
        assert {answer.status_code for answer in answers} <= {202, 409}
        assert len({answer.json()["id"] for answer in accepted}) == 1
        assert sum("Idempotent-Replayed" not in answer.headers for answer in accepted) == 1
        runs.ended(acme.dev, accepted[0].json()["id"])
        assert acme.dev.get("/executions", workflow_id=stored["id"])["total"] == 1
        assert (len(counter.attempts(tool)), len(counter.effects(tool))) == (1, 1)

    def test_one_key_makes_one_agent(self, acme: Tenant, key: dict[str, str]) -> None:
        draft = agent_draft()
        answers = self.at_once(acme.dev, "/agents", draft, key)
        assert {answer.status_code for answer in answers} <= {201, 409}
        made = {answer.json()["id"] for answer in answers if answer.status_code == 201}
        assert len(made) == 1

    def test_without_a_key_each_request_makes_a_run(self, acme: Tenant) -> None:
        stored = workflow(acme.dev, trivial_graph())
        answers = self.at_once(acme.dev, f"/workflows/{stored['id']}/execute", {}, {})
        assert {answer.status_code for answer in answers} == {202}
        assert acme.dev.get("/executions", workflow_id=stored["id"])["total"] == CLIENTS

    @staticmethod
    def at_once(person: Person, path: str, body: dict[str, Any], headers: dict[str, str]) -> list[httpx2.Response]:
        """Send one request from several clients at the same moment."""
        start = threading.Barrier(CLIENTS)

        def send(_: int) -> httpx2.Response:
            start.wait(10)
            return person.ask("POST", path, json=body, headers=headers)

        with ThreadPoolExecutor(CLIENTS) as clients:
            return list(clients.map(send, range(CLIENTS)))
