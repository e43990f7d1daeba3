"""Two tenants: nothing of one can be read, changed, counted or guessed by the other, whatever id they hold."""

import json
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import pytest

from tests.e2e import authoring, runs
from tests.e2e.authoring import (
    agent_draft,
    approval_node,
    call_node,
    counted_tool,
    graph,
    scripted_agent,
    tool_draft,
    trivial_graph,
    unique,
    workflow,
    workflow_draft,
)
from tests.e2e.bodies import body_of
from tests.e2e.client import Person, Service, Tenant
from tests.e2e.contract import Operation
from tests.effect_counter.process import EffectCounter

VOLATILE = ("request_id", "instance")


@dataclass(frozen=True)
class Belongings:
    """What a tenant has, by the names that paths, queries and bodies have for it."""

    ids: dict[str, str]
    names: dict[str, str]
    tenant_id: str

    def all_ids(self) -> set[str]:
        return {*self.ids.values(), *self.names.values()}


def belongings(tenant: Tenant, counter: EffectCounter) -> Belongings:
    """Let a tenant have one of everything, its run waiting for people."""
    tool = counted_tool(tenant.dev, counter)
    agent = scripted_agent(tenant.dev)
    definition = graph({"ask": approval_node(), "act": call_node(tool), "work": {"type": "agent", "prompt": "go"}})
    stored = workflow(tenant.dev, definition, agents={"work": agent["name"]})
    run = runs.execute(tenant.dev, stored)
    request = runs.question(tenant.vera, run)
    ids = {
        "workflow_id": stored["id"],
        "execution_id": run,
        "agent_id": agent["id"],
        "request_id": request["id"],
        "name": tool,
    }
    return Belongings(ids, {"workflow": stored["name"], "agent": agent["name"], "tool": tool}, stored["tenant_id"])


@pytest.fixture(scope="module")
def theirs(acme: Tenant, counter: EffectCounter) -> Belongings:
    """What acme has."""
    return belongings(acme, counter)


@pytest.fixture(scope="module")
def ours(globex: Tenant, counter: EffectCounter) -> Belongings:
    """What globex has."""
    return belongings(globex, counter)


def snapshot(person: Person, its: Belongings) -> list[Any]:
    """Read everything that a tenant has."""
    ids = its.ids
    paths = [
        f"/workflows/{ids['workflow_id']}/versions",
        f"/executions/{ids['execution_id']}",
        f"/executions/{ids['execution_id']}/history",
        f"/agents/{ids['agent_id']}",
        f"/hitl/{ids['request_id']}",
        f"/tools/{ids['name']}",
    ]
    return [person.get(path) for path in paths]


def answer_without_id(person: Person, method: str, path: str, known: str, **options: Any) -> tuple[int, dict[str, Any]]:
    """Return status and body, with the id that the client sent replaced: it knows that already."""
    answer = person.ask(method, path, **options)
    body = json.loads(answer.text.replace(known, "<id>"))
    return answer.status_code, {name: value for name, value in body.items() if name not in VOLATILE}


class TestIdsInPaths:
    def test_foreign_id_answers_like_one_that_does_not_exist(
        self, acme: Tenant, globex: Tenant, service: Service, theirs: Belongings
    ) -> None:
        before = snapshot(acme.vera, theirs)
        tried = 0
        for operation in service.contract.operations:
            for name in operation.path_names:
                answers = [
                    answer_without_id(
                        globex.pia, operation.method, operation.at(**{name: known}), known, **body_of(operation)
                    )
                    for known in (theirs.ids[name], str(uuid4()))
                ]
                assert answers[0] == answers[1], operation.id
                assert answers[0][0] == 404, operation.id
                tried += 1
        assert tried >= 17
        assert snapshot(acme.vera, theirs) == before


class TestIdsInQueries:
    def test_filter_by_a_foreign_id_finds_nothing(
        self, globex: Tenant, service: Service, theirs: Belongings, ours: Belongings
    ) -> None:
        tried = set()
        for operation in service.contract.operations:
            for parameter in operation.document.get("parameters", []):
                if parameter["in"] != "query" or "uuid" not in json.dumps(parameter["schema"]):
                    continue
                name = parameter["name"]
                path = operation.at(**{place: ours.ids[place] for place in operation.path_names})
                answers = [
                    answer_without_id(globex.pia, operation.method, path, known, params={name: known})
                    for known in (theirs.ids[name], str(uuid4()))
                ]
                assert answers[0] == answers[1], (operation.id, name)
                assert answers[0][0] == 404 or answers[0][1]["total"] == 0, (operation.id, name)
                tried.add((operation.id, name))
        assert tried == {
            ("workflows_status", "execution_id"),
            ("executions_list", "workflow_id"),
            ("executions_list", "agent_id"),
            ("hitl_pending", "execution_id"),
            ("hitl_pending", "workflow_id"),
            ("hitl_pending", "agent_id"),
        }

    def test_filter_by_a_foreign_name_finds_nothing(self, globex: Tenant, theirs: Belongings) -> None:
        assert globex.pia.get("/workflows", name=theirs.names["workflow"])["total"] == 0


class TestIdsInBodies:
    def test_these_are_all_ids_that_bodies_take(self, service: Service) -> None:
        schemas = service.contract.document["components"]["schemas"]
        found = {
            (operation.id, name)
            for operation in service.contract.operations
            if operation.takes_body
            for name, field in schemas[self.schema_name(operation)]["properties"].items()
            if "uuid" in json.dumps(field)
        }
        assert found == {("workflows_cancel", "execution_id")}

    @staticmethod
    def schema_name(operation: Operation) -> str:
        content = operation.document["requestBody"]["content"]["application/json"]
        return str(content["schema"]["$ref"]).rpartition("/")[2]

    def test_foreign_run_of_the_own_workflow_is_not_cancelled(
        self, acme: Tenant, globex: Tenant, theirs: Belongings, ours: Belongings
    ) -> None:
        path = f"/workflows/{ours.ids['workflow_id']}/cancel"
        answers = [
            answer_without_id(globex.pia, "POST", path, known, json={"execution_id": known})
            for known in (theirs.ids["execution_id"], str(uuid4()))
        ]
        assert answers[0] == answers[1]
        assert answers[0][0] == 404
        assert runs.execution(acme.vera, theirs.ids["execution_id"])["status"] == "paused_hitl"

    @pytest.mark.parametrize("reference", ["agent id", "agent name"])
    def test_workflow_cannot_name_a_foreign_agent(self, globex: Tenant, theirs: Belongings, reference: str) -> None:
        foreign = theirs.ids["agent_id"] if reference == "agent id" else theirs.names["agent"]
        unknown = str(uuid4()) if reference == "agent id" else unique("nobody")
        definition = graph({"work": {"type": "agent", "prompt": "go"}})
        name = unique("workflow")
        for path in ("/workflows", "/workflows/validate"):
            answers = [
                answer_without_id(
                    globex.pia, "POST", path, known, json=workflow_draft(definition, name=name, agents={"work": known})
                )
                for known in (foreign, unknown)
            ]
            assert answers[0] == answers[1]
            assert [error["code"] for error in answers[0][1]["errors"]] == ["unknown_agent"]

    def test_workflow_cannot_name_a_foreign_tool(self, globex: Tenant, theirs: Belongings) -> None:
        name = unique("workflow")
        answers = [
            answer_without_id(
                globex.pia,
                "POST",
                "/workflows",
                known,
                json=workflow_draft(graph({"act": call_node(known)}), name=name),
            )
            for known in (theirs.names["tool"], unique("nothing"))
        ]
        assert answers[0] == answers[1]
        assert [error["code"] for error in answers[0][1]["errors"]] == ["unknown_tool"]

    def test_agent_cannot_be_granted_a_foreign_tool(self, globex: Tenant, theirs: Belongings, ours: Belongings) -> None:
        name = unique("agent")
        for method, path, rest in (
            ("POST", "/agents", agent_draft(name=name)),
            ("PUT", f"/agents/{ours.ids['agent_id']}/tools", {}),
        ):
            answers = [
                answer_without_id(globex.pia, method, path, known, json={**rest, "tool_access": {known: {}}})
                for known in (theirs.names["tool"], unique("nothing"))
            ]
            assert answers[0] == answers[1]
            assert answers[0][0] == 422


class TestLists:
    def test_lists_hold_the_own_tenants_things_only(
        self, acme: Tenant, globex: Tenant, service: Service, theirs: Belongings, ours: Belongings
    ) -> None:
        lists = [op for op in service.contract.operations if "page_size" in op.query_names and not op.path_names]
        assert {operation.id for operation in lists} == {
            "workflows_list",
            "executions_list",
            "agents_list",
            "tools_list",
            "hitl_pending",
        }
        for operation in lists:
            for person, its, foreign in ((globex.pia, ours, theirs), (acme.pia, theirs, ours)):
                first = person.get(operation.path, page_size=200)
                assert first["total"] >= 1
                assert {item["tenant_id"] for item in first["items"]} == {its.tenant_id}
                assert foreign.all_ids().isdisjoint(json.dumps(first).split('"'))

    def test_counts_do_not_move_with_the_other_tenants_work(
        self, acme: Tenant, globex: Tenant, counter: EffectCounter
    ) -> None:
        paths = ("/workflows", "/executions", "/agents", "/tools", "/hitl/pending")
        before = [globex.vera.get(path)["total"] for path in paths]
        belongings(acme, counter)
        assert [globex.vera.get(path)["total"] for path in paths] == before


class TestNames:
    def test_names_that_are_taken_elsewhere_are_free_here(self, globex: Tenant, theirs: Belongings) -> None:
        names = theirs.names
        tool = tool_draft("http://127.0.0.1:9/nothing", name=names["tool"])
        globex.dev.send("POST", "/tools", 201, json=tool)
        globex.dev.send("POST", "/agents", 201, json=agent_draft(name=names["agent"]))
        draft = workflow_draft(trivial_graph(), name=names["workflow"])
        globex.dev.send("POST", "/workflows", 201, json=draft)

    def test_same_name_means_the_own_agent_and_tool(self, acme: Tenant, globex: Tenant, counter: EffectCounter) -> None:
        name, tool = unique("agent"), unique("shared")
        said = {}
        for tenant in (acme, globex):
            config = {"type": "http", "method": "POST", "url": counter.url(f"{tool}-{tenant.name}")}
            tenant.dev.send("POST", "/tools", 201, json=tool_draft("", name=tool, config=config))
            scripted_agent(
                tenant.dev,
                authoring.call(tool),
                authoring.say(f"{tenant.name}: ${{{{ results[0].label }}}}"),
                name=name,
                tools=[tool],
            )
            stored = workflow(
                tenant.dev,
                graph({"work": {"type": "agent", "prompt": "go", "output": "said"}}),
                agents={"work": name},
            )
            run = runs.execute(tenant.dev, stored)
            said[tenant.name] = runs.ended(tenant.dev, run)["output_data"]["said"]
        assert said == {name: f"{name}: {tool}-{name}" for name in (acme.name, globex.name)}


class TestPeople:
    def test_equal_subject_of_another_tenant_decides_nothing(
        self, acme: Tenant, globex: Tenant, theirs: Belongings
    ) -> None:
        request = acme.vera.get(f"/hitl/{theirs.ids['request_id']}")
        assert request["status"] == "pending"
        for verb in ("approve", "reject"):
            globex.bob.refused("POST", f"/hitl/{request['id']}/{verb}", 404, "not_found", json={})
        assert acme.vera.get(f"/hitl/{request['id']}") == request

    def test_same_idempotency_key_of_two_tenants_makes_two_things(self, acme: Tenant, globex: Tenant) -> None:
        headers = {"Idempotency-Key": unique("key")}
        draft = workflow_draft(trivial_graph())
        made = [tenant.dev.ask("POST", "/workflows", json=draft, headers=headers) for tenant in (acme, globex)]
        assert [answer.status_code for answer in made] == [201, 201]
        assert "Idempotent-Replayed" not in made[1].headers
        assert made[0].json()["id"] != made[1].json()["id"]
