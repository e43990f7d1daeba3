"""Levels: the lowest of everyone in whose name a call is made counts, at the moment of the call."""

import pytest

from tests.e2e import runs
from tests.e2e.authoring import call, call_node, counted_tool, graph, say, scripted_agent, workflow
from tests.e2e.client import Tenant
from tests.effect_counter.process import EffectCounter


class TestLevels:
    @pytest.mark.parametrize(
        ("caller", "agent_level", "tool_level", "outcome"),
        [
            ("vera", 1, 1, "done"),
            ("vera", 2, 2, "denied"),
            ("dev", 1, 2, "denied"),
            ("dev", 2, 2, "done"),
            ("dev", 3, 3, "denied"),
            ("alice", 3, 3, "asked"),
            ("ada", 3, 4, "denied"),
            ("alice", 4, 4, "denied"),
            ("pia", 5, 5, "asked"),
        ],
    )
    def test_lowest_of_caller_and_agent_counts(
        self, acme: Tenant, counter: EffectCounter, caller: str, agent_level: int, tool_level: int, outcome: str
    ) -> None:
        tool = counted_tool(acme.pia, counter, level=tool_level)
        agent = scripted_agent(
            acme.pia,
            call(tool),
            say("${{ 'error' in results[0] ? results[0].error.code : 'done' }}"),
            level=max(agent_level, tool_level),  # below the tool's it could not be granted
            tools=[tool],
        )
        if agent_level < tool_level:
            acme.pia.send("PATCH", f"/agents/{agent['id']}", 200, json={"privilege_level": agent_level})
        started = acme.people[caller].ask("POST", f"/agents/{agent['id']}/invoke", json={}).json()
        if outcome == "asked":
            assert started["status"] == "paused_hitl"
            assert len(started["hitl_request_ids"]) == 1
        else:
            code = "done" if outcome == "done" else "level_too_low"
            assert (started["status"], started["output_data"]) == ("completed", {"output": code})
        assert len(counter.effects(tool)) == (1 if outcome == "done" else 0)

    def test_tool_that_is_not_granted_is_denied_to_the_agent(self, acme: Tenant, counter: EffectCounter) -> None:
        tool = counted_tool(acme.dev, counter)
        agent = scripted_agent(acme.dev, call(tool), say("${{ results[0].error.code }}"))
        said = acme.dev.send("POST", f"/agents/{agent['id']}/invoke", 200, json={})["output_data"]["output"]
        assert said == "tool_not_granted"
        assert counter.attempts(tool) == []

    def test_suspended_agent_is_stopped_in_the_middle_of_a_run(self, acme: Tenant, counter: EffectCounter) -> None:
        slow, after = counted_tool(acme.dev, counter), counted_tool(acme.dev, counter)
        agent = scripted_agent(
            acme.dev, call(slow), call(after), say("${{ results[1].error.code }}"), tools=[slow, after]
        )
        counter.hold(slow)
        started = acme.dev.send("POST", f"/agents/{agent['id']}/invoke", 202, json={"wait_seconds": 0})
        counter.await_attempts(slow)
        acme.ada.send("POST", f"/agents/{agent['id']}/suspend", 200)
        counter.release(slow)
        assert runs.ended(acme.dev, started["execution_id"])["output_data"] == {"output": "agent_suspended"}
        assert counter.attempts(after) == []

    def test_workflow_that_runs_as_itself_reaches_its_cap_and_no_further(
        self, acme: Tenant, counter: EffectCounter
    ) -> None:
        risky, administrative = counted_tool(acme.pia, counter, level=3), counted_tool(acme.pia, counter, level=4)
        definition = graph({"risky": call_node(risky), "administrative": call_node(administrative)})
        service_account = workflow(acme.alice, definition, run_as="workflow", privilege_cap=3)
        run = runs.execute(acme.dev, service_account)
        asked = runs.question(acme.bob, run)
        acme.dev.refused("POST", f"/hitl/{asked['id']}/approve", 403, "own_request", json={})
        runs.approve(acme.bob, asked)
        assert runs.failed(acme.dev, run, "level_too_low")["node"] == "administrative"
        assert (len(counter.effects(risky)), len(counter.attempts(administrative))) == (1, 0)

    def test_same_workflow_without_run_as_stops_at_the_callers_level(
        self, acme: Tenant, counter: EffectCounter
    ) -> None:
        tool = counted_tool(acme.pia, counter, level=3)
        run = runs.execute(acme.dev, workflow(acme.alice, graph({"act": call_node(tool)})))
        runs.failed(acme.dev, run, "level_too_low")
        assert counter.attempts(tool) == []

    def test_initiator_of_a_service_account_does_not_approve_even_with_the_level(
        self, acme: Tenant, counter: EffectCounter
    ) -> None:
        tool = counted_tool(acme.pia, counter, level=3)
        stored = workflow(acme.ada, graph({"act": call_node(tool)}), run_as="workflow", privilege_cap=4)
        run = runs.execute(acme.alice, stored)
        asked = runs.question(acme.bob, run)
        acme.alice.refused("POST", f"/hitl/{asked['id']}/approve", 403, "own_request", json={})
        runs.approve(acme.bob, asked)
        runs.ended(acme.alice, run)
