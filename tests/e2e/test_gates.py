"""Gates: questions that a definition asks at a node, with conditions and deadlines."""

from tests.e2e import runs
from tests.e2e.authoring import approval_node, call_node, counted_tool, graph, set_node, trivial_graph, workflow
from tests.e2e.client import Tenant
from tests.effect_counter.process import EffectCounter


class TestGates:
    def test_gate_before_a_node_holds_it(self, acme: Tenant, counter: EffectCounter) -> None:
        tool = counted_tool(acme.dev, counter)
        stored = workflow(
            acme.dev, graph({"act": call_node(tool)}), hitl_gates={"act": {"when": "before", "timeout": "PT1H"}}
        )
        run = runs.execute(acme.dev, stored)
        asked = runs.question(acme.bob, run)
        assert counter.attempts(tool) == []
        runs.approve(acme.bob, asked)
        runs.ended(acme.dev, run)
        assert len(counter.effects(tool)) == 1

    def test_gate_after_a_node_holds_what_follows(self, acme: Tenant, counter: EffectCounter) -> None:
        tool, later = counted_tool(acme.dev, counter), counted_tool(acme.dev, counter)
        stored = workflow(
            acme.dev,
            graph({"act": call_node(tool), "then": call_node(later)}),
            hitl_gates={"act": {"when": "after", "condition": "state.result.number == 1"}},
        )
        run = runs.execute(acme.dev, stored)
        asked = runs.question(acme.bob, run)
        assert (len(counter.effects(tool)), len(counter.attempts(later))) == (1, 0)
        runs.approve(acme.bob, asked)
        runs.ended(acme.dev, run)
        assert len(counter.effects(later)) == 1

    def test_gate_whose_condition_does_not_hold_asks_nobody(self, acme: Tenant) -> None:
        stored = workflow(
            acme.dev,
            trivial_graph(),
            hitl_gates={"only": {"when": "before", "condition": "'amount' in state && state.amount > 100"}},
        )
        runs.ended(acme.dev, runs.execute(acme.dev, stored, amount=5))
        run = runs.execute(acme.dev, stored, amount=500)
        runs.reject(acme.bob, runs.question(acme.bob, run))
        runs.failed(acme.dev, run, "hitl_rejected")

    def test_question_that_nobody_answers_expires(self, acme: Tenant) -> None:
        definition = graph({"ask": approval_node(timeout="PT0.5S")})
        run = runs.execute(acme.dev, workflow(acme.dev, definition))
        runs.failed(acme.dev, run, "hitl_rejected")
        step = next(step for step in runs.history(acme.dev, run) if step["node"] == "ask")
        (request_id,) = step["hitl_request_ids"]
        expired = acme.bob.get(f"/hitl/{request_id}")
        assert (expired["status"], expired["decided_by"]) == ("expired", None)
        assert runs.questions(acme.bob, run) == []
        acme.bob.refused("POST", f"/hitl/{request_id}/approve", 409, "already_settled", json={})

    def test_expiry_is_a_value_where_the_edges_look_at_it(self, acme: Tenant) -> None:
        definition = graph(
            {"ask": approval_node(timeout="PT0.5S", output="verdict"), "late": set_node(late="true")},
            ("ask", "END", "state.verdict.status == 'approved'"),
            ("ask", "late", "otherwise"),
            ("late", "END"),
        )
        run = runs.execute(acme.dev, workflow(acme.dev, definition))
        output = runs.ended(acme.dev, run)["output_data"]
        assert (output["verdict"]["status"], output["late"]) == ("expired", True)

    def test_risky_call_that_nobody_approves_in_the_nodes_time_is_never_made(
        self, acme: Tenant, counter: EffectCounter
    ) -> None:
        tool = counted_tool(acme.pia, counter, level=3)
        definition = graph({"act": {**call_node(tool), "timeout": "PT1S"}})
        run = runs.execute(acme.alice, workflow(acme.alice, definition))
        runs.failed(acme.alice, run, "node_timeout")
        assert runs.questions(acme.bob, run) == []
        assert counter.attempts(tool) == []
