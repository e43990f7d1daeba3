"""Approvals of risky calls: of exactly these arguments, by the right number of the right people, once."""

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx2
import pytest

from tests.e2e import runs
from tests.e2e.authoring import approval_node, call, call_node, counted_tool, graph, say, scripted_agent, workflow
from tests.e2e.client import Tenant
from tests.effect_counter.process import EffectCounter


@pytest.fixture(scope="module")
def risky(acme: Tenant, counter: EffectCounter) -> dict[str, Any]:
    """A workflow of one call of level 3, for alice to start."""
    tool = counted_tool(acme.pia, counter, level=3)
    return {"tool": tool, **workflow(acme.alice, graph({"act": call_node(tool, text="${{ state.text }}")}))}


class TestApprovedArguments:
    def test_edited_arguments_are_what_is_called(
        self, acme: Tenant, counter: EffectCounter, risky: dict[str, Any]
    ) -> None:
        run = runs.execute(acme.alice, risky, text="as asked")
        asked = runs.question(acme.bob, run)
        decided = runs.approve(acme.bob, asked, arguments={"text": "as edited"}, digest=asked["digest"])
        assert decided["arguments"] == {"text": "as edited"}
        assert decided["digest"] != asked["digest"]
        assert runs.ended(acme.alice, run)["output_data"]["result"]["arguments"] == {"text": "as edited"}
        sent = [attempt.arguments["text"] for attempt in counter.attempts(risky["tool"])]
        assert "as edited" in sent
        assert "as asked" not in sent

    def test_edited_arguments_must_fit_the_tool(self, acme: Tenant, risky: dict[str, Any]) -> None:
        run = runs.execute(acme.alice, risky, text="fits")
        asked = runs.question(acme.bob, run)
        path = f"/hitl/{asked['id']}/approve"
        problem = acme.bob.refused("POST", path, 422, "invalid_input", json={"arguments": {"text": 5}})
        assert [place["pointer"] for place in problem["errors"]] == ["/arguments/text"]
        assert runs.questions(acme.bob, run) == [asked]
        runs.reject(acme.bob, asked)
        runs.failed(acme.alice, run, "hitl_rejected")

    def test_approval_of_another_digest_is_refused(self, acme: Tenant, risky: dict[str, Any]) -> None:
        run = runs.execute(acme.alice, risky, text="digest")
        asked = runs.question(acme.bob, run)
        path = f"/hitl/{asked['id']}/approve"
        acme.bob.refused("POST", path, 409, "digest_mismatch", json={"digest": "0" * 64})
        assert runs.questions(acme.bob, run) == [asked]
        runs.approve(acme.bob, asked, digest=asked["digest"])
        runs.ended(acme.alice, run)

    def test_second_decision_loses(self, acme: Tenant, risky: dict[str, Any]) -> None:
        run = runs.execute(acme.alice, risky, text="twice")
        asked = runs.question(acme.bob, run)
        runs.approve(acme.bob, asked)
        acme.ada.refused("POST", f"/hitl/{asked['id']}/approve", 409, "already_settled", json={})
        acme.ada.refused("POST", f"/hitl/{asked['id']}/reject", 409, "already_settled", json={})
        runs.ended(acme.alice, run)

    def test_tool_changed_since_the_question_is_not_called(self, acme: Tenant, counter: EffectCounter) -> None:
        tool = counted_tool(acme.pia, counter, level=3)
        run = runs.execute(acme.alice, workflow(acme.alice, graph({"act": call_node(tool)})))
        asked = runs.question(acme.bob, run)
        acme.pia.send("PATCH", f"/tools/{tool}", 200, json={"description": "Does something else now."})
        acme.bob.refused("POST", f"/hitl/{asked['id']}/approve", 409, "tool_changed", json={})
        runs.reject(acme.bob, asked)
        runs.failed(acme.alice, run, "hitl_rejected")
        assert counter.attempts(tool) == []


class TestSeparationOfDuties:
    def test_initiator_does_not_approve_their_own_run(self, acme: Tenant, counter: EffectCounter) -> None:
        tool = counted_tool(acme.pia, counter, level=3)
        run = runs.execute(acme.alice, workflow(acme.alice, graph({"act": call_node(tool)})))
        asked = runs.question(acme.alice, run)
        acme.alice.refused("POST", f"/hitl/{asked['id']}/approve", 403, "own_request", json={})
        acme.alice.refused("POST", f"/hitl/{asked['id']}/reject", 403, "own_request", json={})
        mine = acme.alice.get("/hitl/pending", execution_id=run, mine=True)
        assert mine["items"] == []
        runs.approve(acme.bob, asked)
        runs.ended(acme.alice, run)

    def test_owner_does_not_approve_what_their_agent_asks(self, acme: Tenant, counter: EffectCounter) -> None:
        tool = counted_tool(acme.pia, counter, level=3)
        agent = scripted_agent(acme.bob, call(tool), say("done"), level=3, tools=[tool])
        assert agent["owner"] == "bob"
        definition = graph({"work": {"type": "agent", "prompt": "go", "output": "said"}})
        run = runs.execute(acme.alice, workflow(acme.alice, definition, agents={"work": agent["name"]}))
        asked = runs.question(acme.ada, run)
        acme.bob.refused("POST", f"/hitl/{asked['id']}/approve", 403, "own_agent", json={})
        runs.approve(acme.ada, asked)
        runs.ended(acme.alice, run)

    def test_level_2_does_not_approve_level_3(self, acme: Tenant, counter: EffectCounter) -> None:
        tool = counted_tool(acme.pia, counter, level=3)
        run = runs.execute(acme.alice, workflow(acme.alice, graph({"act": call_node(tool)})))
        asked = runs.question(acme.bob, run)
        acme.dev.refused("POST", f"/hitl/{asked['id']}/approve", 403, "level_too_low", json={})
        runs.approve(acme.bob, asked)
        runs.ended(acme.alice, run)

    def test_level_4_needs_an_administrator(self, acme: Tenant, counter: EffectCounter) -> None:
        tool = counted_tool(acme.pia, counter, level=4)
        run = runs.execute(acme.ada, workflow(acme.ada, graph({"act": call_node(tool)})))
        asked = runs.question(acme.abe, run)
        assert (asked["required_level"], asked["quorum"]) == (4, 1)
        acme.alice.refused("POST", f"/hitl/{asked['id']}/approve", 403, "level_too_low", json={})
        assert counter.attempts(tool) == []
        assert runs.approve(acme.abe, asked)["status"] == "approved"
        runs.ended(acme.ada, run)
        assert len(counter.effects(tool)) == 1

    def test_level_5_needs_two_different_approvers_of_level_5(self, acme: Tenant, counter: EffectCounter) -> None:
        tool = counted_tool(acme.pia, counter, level=5)
        run = runs.execute(acme.pia, workflow(acme.pia, graph({"act": call_node(tool)})))
        asked = runs.question(acme.pam, run)
        assert (asked["required_level"], asked["quorum"]) == (5, 2)
        acme.ada.refused("POST", f"/hitl/{asked['id']}/approve", 403, "level_too_low", json={})
        first = runs.approve(acme.pam, asked)
        assert (first["status"], len(first["decisions"])) == ("pending", 1)
        acme.pam.refused("POST", f"/hitl/{asked['id']}/approve", 409, "already_decided", json={})
        assert runs.execution(acme.pia, run)["status"] == "paused_hitl"
        assert counter.attempts(tool) == []
        second = runs.approve(acme.pete, asked)
        assert (second["status"], len(second["decisions"])) == ("approved", 2)
        runs.ended(acme.pia, run)
        assert len(counter.effects(tool)) == 1

    def test_one_rejection_settles_level_5(self, acme: Tenant, counter: EffectCounter) -> None:
        tool = counted_tool(acme.pia, counter, level=5)
        run = runs.execute(acme.pia, workflow(acme.pia, graph({"act": call_node(tool)})))
        asked = runs.question(acme.pam, run)
        runs.approve(acme.pam, asked)
        assert runs.reject(acme.pete, asked)["status"] == "rejected"
        runs.failed(acme.pia, run, "hitl_rejected")
        assert counter.attempts(tool) == []

    def test_gate_with_roles_asks_only_those(self, acme: Tenant) -> None:
        definition = graph({"ask": approval_node(approver_level=1, approver_roles=["viewer"])})
        run = runs.execute(acme.dev, workflow(acme.dev, definition))
        asked = runs.question(acme.vera, run)
        acme.ada.refused("POST", f"/hitl/{asked['id']}/approve", 403, "role_missing", json={})
        runs.approve(acme.vera, asked)
        runs.ended(acme.dev, run)


class TestRaces:
    """Many people decide one request at the same moment."""

    def test_one_decision_wins_and_the_call_is_made_accordingly(self, acme: Tenant, counter: EffectCounter) -> None:
        for _ in range(5):
            tool = counted_tool(acme.alice, counter, level=3)
            run = runs.execute(acme.alice, workflow(acme.alice, graph({"act": call_node(tool)})))
            asked = runs.question(acme.bob, run)
            votes = [("bob", "approve"), ("ada", "reject"), ("abe", "approve"), ("pia", "reject"), ("pam", "approve")]
            answers = self.at_once(acme, asked, votes)
            won = [vote for vote, answer in zip(votes, answers, strict=True) if answer.status_code == 200]
            assert len(won) == 1
            assert {answer.status_code for answer in answers} == {200, 409}
            settled = acme.vera.get(f"/hitl/{asked['id']}")
            assert [(vote["decided_by"], vote["decision"]) for vote in settled["decisions"]] == won
            approved = won[0][1] == "approve"
            runs.ended(acme.alice, run, "completed" if approved else "failed")
            assert len(counter.attempts(tool)) == (1 if approved else 0)

    def test_both_approvals_of_level_5_count(self, acme: Tenant, counter: EffectCounter) -> None:
        tool = counted_tool(acme.pia, counter, level=5)
        run = runs.execute(acme.pia, workflow(acme.pia, graph({"act": call_node(tool)})))
        asked = runs.question(acme.pam, run)
        answers = self.at_once(acme, asked, [("pam", "approve"), ("pete", "approve")])
        assert {answer.status_code for answer in answers} == {200}
        runs.ended(acme.pia, run)
        assert (len(counter.attempts(tool)), len(counter.effects(tool))) == (1, 1)

    def test_one_person_counts_once_however_often_they_ask(self, acme: Tenant, counter: EffectCounter) -> None:
        tool = counted_tool(acme.pia, counter, level=5)
        run = runs.execute(acme.pia, workflow(acme.pia, graph({"act": call_node(tool)})))
        asked = runs.question(acme.pam, run)
        answers = self.at_once(acme, asked, [("pam", "approve")] * 5)
        assert sorted(answer.status_code for answer in answers) == [200, 409, 409, 409, 409]
        assert runs.questions(acme.vera, run)[0]["status"] == "pending"
        runs.reject(acme.pete, asked)
        runs.failed(acme.pia, run, "hitl_rejected")
        assert counter.attempts(tool) == []

    def test_cancelling_and_approving_at_once_ends_in_one_of_the_two(
        self, acme: Tenant, counter: EffectCounter
    ) -> None:
        for _ in range(5):
            tool = counted_tool(acme.alice, counter, level=3)
            run = runs.execute(acme.alice, workflow(acme.alice, graph({"act": call_node(tool)})))
            asked = runs.question(acme.bob, run)
            with ThreadPoolExecutor(2) as people:
                cancelling = people.submit(acme.alice.ask, "POST", f"/executions/{run}/cancel", json={})
                approving = people.submit(acme.bob.ask, "POST", f"/hitl/{asked['id']}/approve", json={})
            assert cancelling.result().status_code in {202, 409}
            status = acme.vera.get(f"/hitl/{asked['id']}")["status"]
            assert status == ("approved" if approving.result().status_code == 200 else "cancelled")
            runs.ended(acme.vera, run, *(("cancelled",) if status == "cancelled" else ("cancelled", "completed")))
            assert status == "approved" or counter.attempts(tool) == []
            assert len(counter.effects(tool)) == len(counter.attempts(tool)) <= 1

    @staticmethod
    def at_once(tenant: Tenant, request: dict[str, Any], votes: list[tuple[str, str]]) -> list[httpx2.Response]:
        start = threading.Barrier(len(votes))

        def vote(name: str, verb: str) -> httpx2.Response:
            start.wait(10)
            return tenant.people[name].ask("POST", f"/hitl/{request['id']}/{verb}", json={})

        with ThreadPoolExecutor(len(votes)) as people:
            return list(people.map(lambda one: vote(*one), votes))
