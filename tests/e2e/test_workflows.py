"""Workflows as the contract describes them: stored, versioned, listed, checked."""

from tests.e2e.authoring import (
    approval_node,
    call_node,
    graph,
    scripted_agent,
    set_node,
    trivial_graph,
    unique,
    workflow,
    workflow_draft,
)
from tests.e2e.client import Tenant
from tests.e2e.paging import walk
from tests.e2e.shapes import require_page, require_workflow


class TestWorkflows:
    def test_everything_that_was_sent_is_stored(self, acme: Tenant) -> None:
        agent = scripted_agent(acme.dev)
        draft = workflow_draft(
            graph({"work": {"type": "agent", "prompt": "go", "output": "said"}, "ask": approval_node()}),
            description="All of it.",
            agents={"work": agent["name"]},
            hitl_gates={"work": {"when": "after", "approver_level": 3, "timeout": "PT4H"}},
            circuit_breaker_config={"failure_threshold": 5, "reset_timeout_seconds": 60.0},
            limits={"max_steps": 7},
            run_as="workflow",
            privilege_cap=2,
        )
        stored = acme.dev.send("POST", "/workflows", 201, json=draft)
        require_workflow(stored)
        assert {name: stored[name] for name in draft} == draft
        assert (stored["version"], stored["created_by"]) == (1, "dev")
        assert acme.vera.get(f"/workflows/{stored['id']}") == stored

    def test_defaults_are_told(self, acme: Tenant) -> None:
        stored = workflow(acme.dev, trivial_graph())
        assert (stored["run_as"], stored["privilege_cap"], stored["hitl_gates"]) == ("caller", None, {})

    def test_equal_definitions_have_equal_hashes_and_names_do_not_count(self, acme: Tenant) -> None:
        first, second = (workflow(acme.dev, trivial_graph()) for _ in range(2))
        other = workflow(acme.dev, graph({"only": set_node(answer="43")}))
        assert first["definition_hash"] == second["definition_hash"] != other["definition_hash"]

    def test_put_makes_a_new_version_and_keeps_the_old(self, acme: Tenant) -> None:
        first = workflow(acme.dev, trivial_graph())
        draft = workflow_draft(graph({"only": set_node(answer="43")}), name=unique("renamed"))
        second = acme.alice.send("PUT", f"/workflows/{first['id']}", 200, json=draft)
        require_workflow(second)
        assert (second["id"], second["version"], second["name"]) == (first["id"], 2, draft["name"])
        assert second["created_at"] == first["created_at"] < second["updated_at"]
        path = f"/workflows/{first['id']}"
        assert acme.vera.get(path) == second
        assert acme.vera.get(path, version=1) == first
        versions = acme.vera.get(f"{path}/versions")
        require_page(versions, require_workflow)
        assert versions["items"] == [second, first]

    def test_list_holds_current_versions_newest_first(self, acme: Tenant) -> None:
        first, second = (workflow(acme.dev, trivial_graph()) for _ in range(2))
        require_page(acme.vera.get("/workflows"), require_workflow)
        ids = [stored["id"] for stored in walk(acme.vera, "/workflows")]
        assert ids[:2] == [second["id"], first["id"]]
        assert len(set(ids)) == len(ids)
        assert acme.vera.get("/workflows", name=first["name"])["items"] == [first]

    def test_validate_draws_what_is_right_and_stores_nothing(self, acme: Tenant) -> None:
        draft = workflow_draft(graph({"first": set_node(a="1"), "second": set_node(b="2")}))
        report = acme.vera.send("POST", "/workflows/validate", 200, json=draft)
        assert (report["valid"], report["errors"], report["warnings"]) == (True, [], [])
        assert report["mermaid"].startswith(("flowchart", "graph"))
        assert "first" in report["mermaid"]
        assert acme.vera.get("/workflows", name=draft["name"])["total"] == 0

    def test_validate_tells_everything_that_is_wrong_at_once(self, acme: Tenant) -> None:
        definition = graph({"only": call_node("nobodys_tool")}, ("only", "elsewhere"))
        report = acme.vera.send("POST", "/workflows/validate", 200, json=workflow_draft(definition))
        assert report["valid"] is False
        found = {(error["pointer"], error["code"]) for error in report["errors"]}
        assert ("/graph_definition/edges/0/to", "unknown_node") in found
        assert ("/graph_definition/nodes/only/tool", "unknown_tool") in found

    def test_breakers_that_are_not_enforced_yet_give_a_warning(self, acme: Tenant) -> None:
        draft = workflow_draft(trivial_graph(), circuit_breaker_config={"failure_threshold": 5})
        report = acme.vera.send("POST", "/workflows/validate", 200, json=draft)
        assert [(warning["pointer"], warning["code"]) for warning in report["warnings"]] == [
            ("/circuit_breaker_config", "not_enforced")
        ]

    def test_publishing_above_the_own_level_is_refused(self, acme: Tenant) -> None:
        draft = workflow_draft(trivial_graph(), run_as="workflow", privilege_cap=4)
        acme.alice.refused("POST", "/workflows", 403, "level_too_low", json=draft)
        stored = acme.ada.send("POST", "/workflows", 201, json=draft)
        acme.alice.refused("PUT", f"/workflows/{stored['id']}", 403, "level_too_low", json=draft)
