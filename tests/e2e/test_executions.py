"""Executions as the contract describes them, from acceptance to end, and their history."""

from datetime import datetime, timedelta

from tests.e2e import runs
from tests.e2e.authoring import approval_node, graph, set_node, trivial_graph, unique, workflow
from tests.e2e.client import Tenant
from tests.e2e.paging import walk
from tests.e2e.shapes import require_execution, require_page, require_step


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
