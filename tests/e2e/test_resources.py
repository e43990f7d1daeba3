"""Each resource as the contract describes it: stored, read, listed, changed, with exactly the published fields."""

import itertools
from datetime import datetime, timedelta
from typing import Any

import pytest

from tests.e2e import runs
from tests.e2e.authoring import (
    agent_draft,
    approval_node,
    call_node,
    counted_tool,
    graph,
    scripted_agent,
    set_node,
    tool_draft,
    trivial_graph,
    unique,
    workflow,
    workflow_draft,
)
from tests.e2e.client import Person, Tenant
from tests.e2e.shapes import (
    require_agent,
    require_execution,
    require_hitl_request,
    require_page,
    require_step,
    require_tool,
    require_workflow,
)
from tests.effect_counter.process import EffectCounter

NOWHERE = "http://127.0.0.1:9/nothing"
PAGE_SIZE = 3


def walk(person: Person, path: str, **params: Any) -> list[dict[str, Any]]:
    """Read a list page by page."""
    items: list[dict[str, Any]] = []
    for page in itertools.count(1):
        answer = person.get(path, page=page, page_size=PAGE_SIZE, **params)
        assert (answer["page"], answer["page_size"]) == (page, PAGE_SIZE)
        items += answer["items"]
        if len(answer["items"]) < PAGE_SIZE:
            break
    assert len(items) == answer["total"]
    return items


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


class TestAgents:
    def test_everything_that_was_sent_is_stored(self, acme: Tenant, counter: EffectCounter) -> None:
        tool = counted_tool(acme.dev, counter)
        capability = unique("writing")
        draft = agent_draft(
            level=2,
            description="Writes.",
            capabilities=[capability],
            tool_access={tool: {"enabled": True, "rate_limit": 60}},
            resource_limits={"max_steps": 10, "max_tokens": 1000, "max_calls_per_minute": 120},
            model={"name": "scripted", "temperature": 0.5, "top_p": 0.9},
        )
        agent = acme.dev.send("POST", "/agents", 201, json=draft)
        require_agent(agent)
        assert {name: agent[name] for name in draft} == draft
        assert (agent["owner"], agent["created_by"], agent["status"], agent["version"]) == ("dev", "dev", "active", 1)
        assert acme.vera.get(f"/agents/{agent['id']}") == agent
        assert acme.vera.get("/agents", capability=capability)["items"] == [agent]

    def test_patch_changes_what_it_names(self, acme: Tenant) -> None:
        agent = scripted_agent(acme.dev)
        changes = {"description": "Changed.", "instructions": "Other.", "privilege_level": 2}
        changed = acme.dev.send("PATCH", f"/agents/{agent['id']}", 200, json=changes)
        require_agent(changed)
        later = {"version": 2, "updated_at": changed["updated_at"]}
        assert changed == agent | changes | later
        assert changed["updated_at"] > agent["updated_at"]

    def test_empty_patch_is_refused(self, acme: Tenant) -> None:
        agent = scripted_agent(acme.dev)
        acme.dev.refused("PATCH", f"/agents/{agent['id']}", 422, "invalid_input", json={})

    def test_put_tools_replaces_all_access(self, acme: Tenant, counter: EffectCounter) -> None:
        first, second = (counted_tool(acme.dev, counter) for _ in range(2))
        agent = scripted_agent(acme.dev, tools=[first])
        access = {"tool_access": {second: {"enabled": False}}}
        changed = acme.dev.send("PUT", f"/agents/{agent['id']}/tools", 200, json=access)
        assert changed["tool_access"] == {second: {"enabled": False, "rate_limit": None}}

    def test_unknown_tool_is_pointed_at(self, acme: Tenant) -> None:
        agent = scripted_agent(acme.dev)
        body: dict[str, Any] = {"tool_access": {"nobodys_tool": {}}}
        problem = acme.dev.refused("PUT", f"/agents/{agent['id']}/tools", 422, "invalid_input", json=body)
        assert [place["pointer"] for place in problem["errors"]] == ["/tool_access/nobodys_tool"]
        problem = acme.dev.refused("POST", "/agents", 422, "invalid_input", json=agent_draft(**body))
        assert [place["pointer"] for place in problem["errors"]] == ["/tool_access/nobodys_tool"]

    @pytest.mark.parametrize("level", [0, 6, 2.5, "3", True, None])
    def test_level_that_is_none_is_pointed_at(self, acme: Tenant, level: object) -> None:
        draft = agent_draft() | {"privilege_level": level}
        problem = acme.pia.refused("POST", "/agents", 422, "invalid_input", json=draft)
        assert [place["pointer"] for place in problem["errors"]] == ["/privilege_level"]

    def test_nobody_registers_or_raises_an_agent_above_their_own_level(self, acme: Tenant) -> None:
        acme.dev.refused("POST", "/agents", 403, "level_too_low", json=agent_draft(level=3))
        agent = scripted_agent(acme.dev, level=2)
        path = f"/agents/{agent['id']}"
        acme.dev.refused("PATCH", path, 403, "level_too_low", json={"privilege_level": 3})
        assert acme.alice.send("PATCH", path, 200, json={"privilege_level": 3})["privilege_level"] == 3
        acme.dev.refused("PATCH", path, 403, "level_too_low", json={"description": "It is above me now."})
        acme.dev.refused("PUT", f"{path}/tools", 403, "level_too_low", json={"tool_access": {}})

    def test_only_administrators_make_somebody_else_the_owner(self, acme: Tenant) -> None:
        acme.dev.refused("POST", "/agents", 403, "level_too_low", json=agent_draft(owner="alice"))
        assert scripted_agent(acme.ada, owner="alice")["owner"] == "alice"

    def test_owner_or_administrator_suspends_and_resumes(self, acme: Tenant) -> None:
        path = f"/agents/{scripted_agent(acme.dev)['id']}"
        acme.alice.refused("POST", f"{path}/suspend", 403, "level_too_low")
        suspended = acme.ada.send("POST", f"{path}/suspend", 200)
        require_agent(suspended)
        assert suspended["status"] == "suspended"
        assert suspended in acme.vera.get("/agents", status="suspended", page_size=200)["items"]
        acme.alice.refused("POST", f"{path}/resume", 403, "level_too_low")
        resumed = acme.dev.send("POST", f"{path}/resume", 200)
        require_agent(resumed)
        assert resumed["status"] == "active"

    def test_list_is_complete_page_by_page(self, acme: Tenant) -> None:
        newest = scripted_agent(acme.dev)
        require_page(acme.vera.get("/agents"), require_agent)
        ids = [agent["id"] for agent in walk(acme.vera, "/agents")]
        assert (ids[0], len(set(ids))) == (newest["id"], len(ids))


class TestTools:
    def test_everything_that_was_sent_is_stored(self, acme: Tenant) -> None:
        draft = tool_draft(NOWHERE, level=2, output_schema={"type": "object"}, idempotency="idempotent")
        tool = acme.dev.send("POST", "/tools", 201, json=draft)
        require_tool(tool)
        assert {name: tool[name] for name in draft} == draft
        assert acme.vera.get(f"/tools/{draft['name']}") == tool

    def test_python_tool_takes_its_schema_from_its_function(self, acme: Tenant) -> None:
        draft = {
            "name": unique("collect"),
            "min_privilege_level": 1,
            "config": {"type": "python", "ref": "audit_collect_packages"},
        }
        tool = acme.dev.send("POST", "/tools", 201, json=draft)
        require_tool(tool)
        assert tool["input_schema"]["type"] == "object"
        assert tool["description"] != ""

    @pytest.mark.parametrize(
        ("config", "pointer"),
        [
            ({"type": "http", "url": "ftp://example.com/"}, "/config/url"),
            ({"type": "http", "url": "http://user:word@example.com/"}, "/config/url"),
            ({"type": "http", "url": "http://169.254.169.254/latest/meta-data"}, "/config/url"),
            ({"type": "http", "url": "http://10.0.0.1/"}, "/config/url"),
            ({"type": "http", "method": "TRACE", "url": NOWHERE}, "/config/method"),
            (
                {"type": "http", "url": NOWHERE, "headers": {"Authorization": "Bearer KEY"}},
                "/config/headers/Authorization",
            ),
            ({"type": "http", "url": NOWHERE, "headers": {"X-Key": "secret:KEY"}}, "/config/headers/X-Key"),
            (
                {"type": "http", "url": NOWHERE, "headers": {"Idempotency-Key": "mine"}},
                "/config/headers/Idempotency-Key",
            ),
            ({"type": "http", "url": NOWHERE, "timeout": 0}, "/config/timeout"),
            ({"type": "http"}, "/config/url"),
            ({"type": "python", "ref": "os:system"}, "/config/ref"),
            ({"type": "carrier-pigeon"}, "/config/type"),
            ({}, "/config/type"),
        ],
    )
    def test_configuration_that_cannot_work_is_pointed_at(
        self, acme: Tenant, config: dict[str, Any], pointer: str
    ) -> None:
        draft = tool_draft(NOWHERE) | {"config": config}
        problem = acme.pia.refused("POST", "/tools", 422, "invalid_tool", json=draft)
        assert [place["pointer"] for place in problem["errors"]] == [pointer]

    def test_schema_that_is_none_is_pointed_at(self, acme: Tenant) -> None:
        draft = tool_draft(NOWHERE, input_schema={"type": "nonsense"})
        problem = acme.dev.refused("POST", "/tools", 422, "invalid_input", json=draft)
        assert problem["errors"][0]["pointer"].startswith("/input_schema")

    def test_nobody_touches_a_tool_above_their_own_level(self, acme: Tenant) -> None:
        acme.dev.refused("POST", "/tools", 403, "level_too_low", json=tool_draft(NOWHERE, level=3))
        tool = acme.alice.send("POST", "/tools", 201, json=tool_draft(NOWHERE, level=3))
        path = f"/tools/{tool['name']}"
        acme.dev.refused("PATCH", path, 403, "level_too_low", json={"min_privilege_level": 1})
        acme.alice.refused("PATCH", path, 403, "level_too_low", json={"min_privilege_level": 4})
        changed = acme.alice.send("PATCH", path, 200, json={"min_privilege_level": 2})
        require_tool(changed)
        assert (changed["min_privilege_level"], changed["version"]) == (2, 2)

    def test_list_by_status_is_complete_page_by_page(self, acme: Tenant) -> None:
        tool = acme.dev.send("POST", "/tools", 201, json=tool_draft(NOWHERE))
        disabled = acme.dev.send("PATCH", f"/tools/{tool['name']}", 200, json={"status": "disabled"})
        require_page(acme.vera.get("/tools"), require_tool)
        assert disabled in walk(acme.vera, "/tools", status="disabled")
        active = walk(acme.vera, "/tools", status="active")
        assert {tool["status"] for tool in active} == {"active"}
        names = [tool["name"] for tool in walk(acme.vera, "/tools")]
        assert len(set(names)) == len(names) == acme.vera.get("/tools")["total"]


class TestExecutions:
    def test_run_is_shown_from_acceptance_to_end(self, acme: Tenant) -> None:
        stored = workflow(acme.dev, trivial_graph())
        accepted = runs.start(acme.dev, stored, input_data={"a": 1}, session_id="session-1")
        require_execution(accepted)
        assert accepted["status"] == "pending"
        assert (accepted["workflow_id"], accepted["workflow_version"]) == (stored["id"], 1)
        assert accepted["definition_hash"] == stored["definition_hash"]
        assert (accepted["initiated_by"], accepted["session_id"]) == ("dev", "session-1")
        done = runs.ended(acme.vera, accepted["id"])
        require_execution(done)
        assert (done["input_data"], done["output_data"]) == ({"a": 1}, {"a": 1, "answer": 42})
        assert (done["current_nodes"], done["cancel_requested"]) == ([], False)
        assert done["created_at"] <= done["started_at"] <= done["completed_at"]

    def test_waiting_run_says_where_it_waits(self, acme: Tenant) -> None:
        stored = workflow(acme.dev, graph({"ask": approval_node(), "then": set_node(a="1")}))
        run = runs.execute(acme.dev, stored)
        asked = runs.question(acme.bob, run)
        waiting = runs.execution(acme.vera, run)
        require_execution(waiting)
        assert (waiting["status"], waiting["current_nodes"]) == ("paused_hitl", ["ask"])
        (step,) = runs.history(acme.vera, run)
        require_step(step)
        assert (step["status"], step["kind"], step["hitl_request_ids"]) == ("waiting", "approval", [asked["id"]])
        runs.approve(acme.bob, asked)
        runs.ended(acme.dev, run)

    def test_status_is_of_the_newest_run_or_the_one_asked_for(self, acme: Tenant) -> None:
        stored = workflow(acme.dev, trivial_graph())
        first, second = runs.execute(acme.dev, stored), runs.execute(acme.dev, stored)
        path = f"/workflows/{stored['id']}/status"
        newest = acme.vera.get(path)
        require_execution(newest)
        assert newest["id"] == second
        assert acme.vera.get(path, execution_id=first)["id"] == first

    def test_list_is_filtered(self, acme: Tenant) -> None:
        stored = workflow(acme.dev, trivial_graph())
        session = unique("session")
        ids = [runs.start(acme.dev, stored, session_id=session)["id"] for _ in range(3)]
        for run in ids:
            runs.ended(acme.dev, run)
        require_page(acme.vera.get("/executions"), require_execution)
        newest_first = list(reversed(ids))
        for params in ({"workflow_id": stored["id"]}, {"session_id": session}):
            assert [run["id"] for run in walk(acme.vera, "/executions", **params)] == newest_first
        mine = {"session_id": session}
        assert acme.vera.get("/executions", status="completed", **mine)["total"] == 3
        assert acme.vera.get("/executions", status="failed", **mine)["total"] == 0
        middle = datetime.fromisoformat(runs.execution(acme.vera, ids[1])["created_at"])
        later = (middle + timedelta(microseconds=1)).isoformat()
        assert [run["id"] for run in acme.vera.get("/executions", created_after=later, **mine)["items"]] == ids[2:]
        assert [
            run["id"] for run in acme.vera.get("/executions", created_before=middle.isoformat(), **mine)["items"]
        ] == ids[:1]

    def test_time_without_offset_is_pointed_at(self, acme: Tenant) -> None:
        params = {"created_after": "2026-11-22T12:00:00"}
        problem = acme.vera.refused("GET", "/executions", 422, "invalid_input", params=params)
        assert [place["pointer"] for place in problem["errors"]] == ["?created_after"]

    def test_steps_have_the_published_fields_and_pages(self, acme: Tenant) -> None:
        stored = workflow(acme.dev, graph({name: set_node(**{name: "1"}) for name in "abcde"}))
        run = runs.execute(acme.dev, stored)
        runs.ended(acme.dev, run)
        path = f"/executions/{run}/history"
        require_page(acme.vera.get(path), require_step)
        assert [step["node"] for step in walk(acme.vera, path)] == list("abcde")


class TestRequests:
    def test_open_request_has_the_published_fields_and_can_be_found(self, acme: Tenant, counter: EffectCounter) -> None:
        tool = counted_tool(acme.alice, counter, level=3)
        agent = scripted_agent(
            acme.alice,
            {"call": {"tool": tool, "arguments": {"text": "exactly"}}},
            {"say": "done"},
            level=3,
            tools=[tool],
        )
        stored = workflow(
            acme.alice, graph({"work": {"type": "agent", "prompt": "go"}}), agents={"work": agent["name"]}
        )
        run = runs.execute(acme.alice, stored)
        asked = runs.question(acme.bob, run)
        require_hitl_request(asked)
        assert (asked["agent_id"], asked["workflow_id"]) == (agent["id"], stored["id"])
        assert (asked["arguments"], asked["effective_level"]) == ({"text": "exactly"}, 3)
        assert (asked["initiated_by"], asked["node"], asked["quorum"]) == ("alice", "work", 1)
        a_day = datetime.fromisoformat(asked["expires_at"]) - datetime.fromisoformat(asked["created_at"])
        assert a_day == timedelta(hours=24)
        assert acme.vera.get(f"/hitl/{asked['id']}") == asked
        for filters in (
            {"execution_id": run},
            {"workflow_id": stored["id"]},
            {"agent_id": agent["id"], "required_level": 3},
        ):
            found = acme.vera.get("/hitl/pending", **filters)
            require_page(found, require_hitl_request)
            assert found["items"] == [asked]
        assert acme.vera.get("/hitl/pending", agent_id=agent["id"], required_level=4)["items"] == []
        decided = runs.approve(acme.bob, asked, notes="seen")
        require_hitl_request(decided)
        assert (decided["status"], decided["decided_by"], decided["decision_notes"]) == ("approved", "bob", "seen")
        assert acme.vera.get(f"/hitl/{asked['id']}") == decided
        assert runs.questions(acme.vera, run) == []
        runs.ended(acme.alice, run)

    def test_mine_is_what_the_caller_may_decide(self, acme: Tenant) -> None:
        run = runs.execute(acme.alice, workflow(acme.alice, graph({"ask": approval_node(approver_level=4)})))
        asked = runs.question(acme.ada, run)
        for person, sees in ((acme.alice, False), (acme.bob, False), (acme.vera, False), (acme.ada, True)):
            assert (asked in person.get("/hitl/pending", mine=True, execution_id=run)["items"]) is sees
        require_hitl_request(runs.reject(acme.ada, asked, notes="no"))
        runs.failed(acme.alice, run, "hitl_rejected")
        assert asked["id"] not in [request["id"] for request in walk(acme.ada, "/hitl/pending")]
