"""The main job: agents and tools work together in a governed, durable workflow, and people decide what is risky."""

from typing import Any

import pytest

from tests.e2e import runs
from tests.e2e.authoring import approval_node, call, counted_tool, graph, say, scripted_agent, set_node, workflow
from tests.e2e.client import Tenant
from tests.effect_counter.process import EffectCounter


@pytest.fixture(scope="module")
def editorial(acme: Tenant, counter: EffectCounter) -> dict[str, Any]:
    """A workflow with everything: parallel branches, an agent's loop, tools, conditions, a gate, a risky call.

    ``scout`` asks two tools beside each other and then a third with what they said; ``price`` calls a tool at the same
    time; ``sum_up`` joins them; cheap topics end, others need a yes; ``publisher`` makes a call of level 3.
    """
    search, rate, publish = (counted_tool(acme.pia, counter, level=level) for level in (1, 1, 3))
    scout = scripted_agent(
        acme.dev,
        {
            "calls": [
                {"tool": search, "arguments": {"text": "${{ input }}"}},
                {"tool": rate, "arguments": {"number": 7}},
            ]
        },
        call(search, number="${{ results[1].arguments.number + 1 }}"),
        say("found ${{ results[2].arguments.number }}"),
        tools=[search, rate],
    )
    publisher = scripted_agent(
        acme.alice,
        call(publish, text="${{ input.text }}"),
        say("${{ 'error' in results[0] ? results[0].error.code : 'published ' + results[0].arguments.text }}"),
        level=3,
        tools=[publish],
    )
    definition = graph(
        {
            "begin": set_node(log="['begun']"),
            "scout": {"type": "agent", "prompt": "${{ state.topic }}", "output": "findings"},
            "price": {
                "type": "tool",
                "tool": rate,
                "arguments": {"number": "${{ state.budget }}"},
                "output": "price",
            },
            "sum_up": set_node(log="['found ' + state.findings]", total="state.price.arguments.number * 2"),
            "review": approval_node(
                action="Publish ${{ state.topic }} for ${{ state.total }}?",
                context={"found": "${{ state.findings }}"},
                output="verdict",
            ),
            "publish": {
                "type": "agent",
                "input": {"text": "${{ state.topic + ': ' + state.findings }}"},
                "output": "published",
            },
            "drop": set_node(log="['dropped: ' + state.verdict.notes]"),
            "skip": set_node(log="['too cheap']"),
        },
        ("begin", "scout"),
        ("begin", "price"),
        ("scout", "sum_up"),
        ("price", "sum_up"),
        ("sum_up", "review", "state.total > 10"),
        ("sum_up", "skip", "otherwise"),
        ("review", "publish", "state.verdict.status == 'approved'"),
        ("review", "drop", "otherwise"),
        ("publish", "END"),
        ("drop", "END"),
        ("skip", "END"),
        state={
            "type": "object",
            "properties": {
                "topic": {"type": "string"},
                "budget": {"type": "integer"},
                "log": {"type": "array", "items": {"type": "string"}, "x-reducer": "extend"},
                "findings": {"type": "string"},
                "price": {"type": "object"},
                "total": {"type": "integer"},
                "verdict": {"type": "object"},
                "published": {"type": "string"},
            },
            "required": ["topic", "budget"],
        },
    )
    stored = workflow(acme.alice, definition, agents={"scout": scout["name"], "publish": publisher["id"]})
    return {"workflow": stored, "search": search, "rate": rate, "publish": publish}


class TestEditorialWorkflow:
    def test_approved_topic_is_published_after_the_risky_call_is_approved_too(
        self, acme: Tenant, counter: EffectCounter, editorial: dict[str, Any]
    ) -> None:
        run = runs.execute(acme.alice, editorial["workflow"], topic="tides", budget=6)
        review = runs.question(acme.bob, run)
        assert review["kind"] == "gate"
        assert review["action_description"] == "Publish tides for 12?"
        assert review["context_data"] == {"found": "found 8"}
        runs.approve(acme.bob, review, notes="go on")

        risky = runs.question(acme.bob, run)
        assert (risky["kind"], risky["tool"], risky["required_level"]) == ("tool_call", editorial["publish"], 3)
        assert risky["arguments"] == {"text": "tides: found 8"}
        assert counter.attempts(editorial["publish"]) == []
        runs.approve(acme.bob, risky, digest=risky["digest"])

        output = runs.ended(acme.alice, run)["output_data"]
        assert output["published"] == "published tides: found 8"
        assert output["log"] == ["begun", "found found 8"]
        assert output["verdict"] == {"status": "approved", "decided_by": "bob", "notes": "go on"}
        assert [attempt.arguments for attempt in counter.attempts(editorial["publish"])] == [{"text": "tides: found 8"}]
        assert len(counter.effects(editorial["publish"])) == 1

    def test_rejected_topic_takes_the_other_branch(
        self, acme: Tenant, counter: EffectCounter, editorial: dict[str, Any]
    ) -> None:
        before = len(counter.attempts(editorial["publish"]))
        run = runs.execute(acme.alice, editorial["workflow"], topic="gossip", budget=6)
        runs.reject(acme.bob, runs.question(acme.bob, run), notes="not us")
        output = runs.ended(acme.alice, run)["output_data"]
        assert output["log"][-1] == "dropped: not us"
        assert "published" not in output
        assert len(counter.attempts(editorial["publish"])) == before

    def test_cheap_topic_asks_nobody(self, acme: Tenant, editorial: dict[str, Any]) -> None:
        run = runs.execute(acme.alice, editorial["workflow"], topic="weather", budget=1)
        assert runs.ended(acme.alice, run)["output_data"]["log"][-1] == "too cheap"
        kinds = {step["kind"] for step in runs.history(acme.alice, run)}
        assert "approval" not in kinds

    def test_agent_is_told_of_a_rejected_call_and_answers(self, acme: Tenant, editorial: dict[str, Any]) -> None:
        run = runs.execute(acme.alice, editorial["workflow"], topic="rumour", budget=9)
        runs.approve(acme.bob, runs.question(acme.bob, run))
        runs.reject(acme.bob, runs.question(acme.bob, run), notes="no")
        assert runs.ended(acme.alice, run)["output_data"]["published"] == "hitl_rejected"

    def test_every_call_carries_its_own_key_and_the_tenant(
        self, acme: Tenant, counter: EffectCounter, editorial: dict[str, Any]
    ) -> None:
        run = runs.execute(acme.alice, editorial["workflow"], topic="keys", budget=1)
        tenant_id = runs.ended(acme.alice, run)["tenant_id"]
        attempts = [*counter.attempts(editorial["search"]), *counter.attempts(editorial["rate"])]
        assert {attempt.tenant for attempt in attempts} == {tenant_id}
        assert len({attempt.key for attempt in attempts}) == len(attempts)

    def test_history_tells_what_happened_in_order(self, acme: Tenant, editorial: dict[str, Any]) -> None:
        run = runs.execute(acme.alice, editorial["workflow"], topic="history", budget=6)
        runs.approve(acme.bob, runs.question(acme.bob, run), notes="first")
        runs.approve(acme.bob, runs.question(acme.bob, run), notes="second")
        usage = runs.ended(acme.alice, run)["usage"]
        steps = runs.history(acme.alice, run)
        assert [step["seq"] for step in steps] == list(range(1, len(steps) + 1))
        assert {step["status"] for step in steps} == {"completed"}
        nodes = [step["node"] for step in steps if step["parent_seq"] is None]
        assert nodes[0] == "begin"
        assert sorted(nodes[1:3]) == ["price", "scout"]
        assert nodes[3:] == ["sum_up", "review", "publish"]
        by_kind = [step["kind"] for step in steps if step["node"] == "scout"]
        assert by_kind == ["agent", "think", "act", "act", "think", "act", "think"]
        decisions = [(step["node"], vote["decided_by"], vote["notes"]) for step in steps for vote in step["decisions"]]
        assert decisions == [("review", "bob", "first"), ("publish", "bob", "second")]
        assert (usage["model_calls"], usage["tool_calls"]) == (5, 5)
