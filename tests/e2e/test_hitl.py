"""HITL requests as the contract describes them, and how an approver finds them."""

from datetime import datetime, timedelta

from tests.e2e import runs
from tests.e2e.authoring import approval_node, counted_tool, graph, scripted_agent, workflow
from tests.e2e.client import Tenant
from tests.e2e.paging import walk
from tests.e2e.shapes import require_hitl_request, require_page
from tests.effect_counter.process import EffectCounter


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
