"""Direct runs of agents, waited for or not, and stopping runs wherever they are."""

from tests.e2e import runs
from tests.e2e.authoring import (
    agent_draft,
    approval_node,
    call,
    call_node,
    counted_tool,
    graph,
    say,
    scripted_agent,
    set_node,
    workflow,
)
from tests.e2e.client import Tenant
from tests.e2e.shapes import require_execution, require_invocation
from tests.effect_counter.process import EffectCounter
from tests.waiting import eventually

STOP_SECONDS = 20


class TestInvoke:
    def test_finished_in_time_answers_200_with_the_output(self, acme: Tenant, counter: EffectCounter) -> None:
        tool = counted_tool(acme.dev, counter)
        agent = scripted_agent(
            acme.dev, call(tool, text="${{ input.topic }}"), say("noted ${{ results[0].arguments.text }}"), tools=[tool]
        )
        body = {"input_data": {"topic": "tides"}, "session_id": "s-1"}
        answer = acme.vera.send("POST", f"/agents/{agent['id']}/invoke", 200, json=body)
        require_invocation(answer)
        assert (answer["status"], answer["output_data"]) == ("completed", {"topic": "tides", "output": "noted tides"})
        assert (answer["usage"]["model_calls"], answer["usage"]["tool_calls"]) == (2, 1)
        run = runs.execution(acme.vera, answer["execution_id"])
        require_execution(run)
        assert (run["agent_id"], run["workflow_id"], run["session_id"]) == (agent["id"], None, "s-1")
        assert run["initiated_by"] == "vera"
        assert acme.vera.get("/executions", agent_id=agent["id"])["items"] == [run]

    def test_waiting_for_people_answers_202_at_once(self, acme: Tenant, counter: EffectCounter) -> None:
        tool = counted_tool(acme.alice, counter, level=3)
        agent = scripted_agent(acme.alice, call(tool), say("done"), level=3, tools=[tool])
        body = {"wait_seconds": 60}
        answer = acme.ada.send("POST", f"/agents/{agent['id']}/invoke", 202, json=body)
        require_invocation(answer)
        assert (answer["status"], answer["output_data"]) == ("paused_hitl", None)
        request = acme.bob.get(f"/hitl/{answer['hitl_request_ids'][0]}")
        runs.approve(acme.bob, request)
        assert runs.ended(acme.ada, answer["execution_id"])["output_data"] == {"output": "done"}

    def test_not_waited_for_answers_202(self, acme: Tenant, counter: EffectCounter) -> None:
        tool = counted_tool(acme.dev, counter)
        agent = scripted_agent(acme.dev, call(tool), say("done"), tools=[tool])
        counter.hold(tool)
        answer = acme.dev.send("POST", f"/agents/{agent['id']}/invoke", 202, json={"wait_seconds": 0.2})
        require_invocation(answer)
        assert answer["status"] in {"pending", "running"}
        assert answer["hitl_request_ids"] == []
        counter.release(tool)
        assert runs.ended(acme.dev, answer["execution_id"])["output_data"] == {"output": "done"}

    def test_failed_run_is_an_answer_and_no_failed_request(self, acme: Tenant) -> None:
        agent = scripted_agent(acme.dev, {"fail": 400})
        answer = acme.dev.send("POST", f"/agents/{agent['id']}/invoke", 200, json={})
        require_invocation(answer)
        assert answer["status"] == "failed"
        assert answer["error"]["node"] == "agent"

    def test_agent_without_an_answer_ends_at_its_limit(self, acme: Tenant, counter: EffectCounter) -> None:
        tool = counted_tool(acme.dev, counter)
        draft = agent_draft(*[call(tool)] * 9, tools=[tool], resource_limits={"max_steps": 3})
        agent = acme.dev.send("POST", "/agents", 201, json=draft)
        answer = acme.dev.send("POST", f"/agents/{agent['id']}/invoke", 200, json={})
        assert answer["error"]["code"] == "agent_step_limit"
        assert len(counter.effects(tool)) == 3

    def test_waiting_time_out_of_range_is_pointed_at(self, acme: Tenant) -> None:
        agent = scripted_agent(acme.dev)
        path = f"/agents/{agent['id']}/invoke"
        for seconds in (-1, 301, "5"):
            problem = acme.dev.refused("POST", path, 422, "invalid_input", json={"wait_seconds": seconds})
            assert [place["pointer"] for place in problem["errors"]] == ["/wait_seconds"]


class TestCancel:
    def test_waiting_run_is_stopped_and_its_question_closed(self, acme: Tenant, counter: EffectCounter) -> None:
        tool = counted_tool(acme.dev, counter)
        stored = workflow(acme.dev, graph({"ask": approval_node(), "act": call_node(tool)}))
        run = runs.execute(acme.dev, stored)
        asked = runs.question(acme.bob, run)
        body = {"execution_id": run, "reason": "wrong topic"}
        answer = acme.dev.send("POST", f"/workflows/{stored['id']}/cancel", 202, json=body)
        require_execution(answer)
        assert (answer["id"], answer["cancel_requested"]) == (run, True)
        ended = runs.ended(acme.dev, run, "cancelled")
        require_execution(ended)
        closed = acme.bob.get(f"/hitl/{asked['id']}")
        assert (closed["status"], closed["decided_by"]) == ("cancelled", None)
        acme.bob.refused("POST", f"/hitl/{asked['id']}/approve", 409, "already_settled", json={})
        assert counter.attempts(tool) == []

    def test_run_in_the_middle_of_a_tool_call_is_stopped(self, acme: Tenant, counter: EffectCounter) -> None:
        tool, later = counted_tool(acme.dev, counter), counted_tool(acme.dev, counter)
        stored = workflow(acme.dev, graph({"act": call_node(tool), "then": call_node(later)}))
        counter.hold(tool)
        run = runs.execute(acme.dev, stored)
        counter.await_attempts(tool)
        require_execution(acme.dev.send("POST", f"/executions/{run}/cancel", 202, json={}))
        try:
            eventually(
                lambda: runs.execution(acme.dev, run)["status"] == "cancelled", STOP_SECONDS, "the run stops meanwhile"
            )
        finally:
            counter.release(tool)
        assert {step["status"] for step in runs.history(acme.dev, run)} == {"cancelled"}
        assert (len(counter.attempts(tool)), counter.attempts(later)) == (1, [])

    def test_cancelling_twice_does_no_harm(self, acme: Tenant) -> None:
        run = runs.execute(acme.dev, workflow(acme.dev, graph({"ask": approval_node()})))
        runs.question(acme.bob, run)
        acme.dev.send("POST", f"/executions/{run}/cancel", 202)
        second = acme.dev.ask("POST", f"/executions/{run}/cancel")
        assert second.status_code in {202, 409}
        runs.ended(acme.dev, run, "cancelled")

    def test_viewer_stops_their_own_run_and_nobody_elses(self, acme: Tenant) -> None:
        stored = workflow(acme.dev, graph({"ask": approval_node(), "then": set_node(a="1")}))
        own, others = runs.execute(acme.vera, stored), runs.execute(acme.dev, stored)
        acme.vera.refused("POST", f"/executions/{others}/cancel", 403, "level_too_low", json={})
        body = {"execution_id": others}
        acme.vera.refused("POST", f"/workflows/{stored['id']}/cancel", 403, "level_too_low", json=body)
        acme.vera.send("POST", f"/executions/{own}/cancel", 202, json={})
        runs.ended(acme.vera, own, "cancelled")
        runs.approve(acme.bob, runs.question(acme.bob, others))
        runs.ended(acme.dev, others)
