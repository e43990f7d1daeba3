"""Runs that go wrong: tools that fail, answers that are lost, cycles without an end, definitions that change."""

from tests.e2e import runs
from tests.e2e.authoring import approval_node, call_node, counted_tool, graph, set_node, workflow, workflow_draft
from tests.e2e.client import Tenant
from tests.effect_counter.process import EffectCounter


class TestRunsThatGoWrong:
    def test_failed_node_goes_where_on_error_says(self, acme: Tenant, counter: EffectCounter) -> None:
        tool = counted_tool(acme.dev, counter)
        counter.fail(tool, 1000)
        definition = graph(
            {
                "act": {
                    **call_node(tool),
                    "on_error": "mend",
                    "retry": {"max_attempts": 2, "initial_interval": "PT0.1S"},
                },
                "mend": set_node(mended="true"),
            },
            ("act", "END"),
            ("mend", "END"),
        )
        run = runs.ended(acme.dev, runs.execute(acme.dev, workflow(acme.dev, definition)))
        assert run["output_data"]["mended"] is True
        assert len(counter.attempts(tool)) == 2
        assert counter.effects(tool) == []

    def test_failures_are_tried_again_with_the_same_key(self, acme: Tenant, counter: EffectCounter) -> None:
        tool = counted_tool(acme.dev, counter)
        counter.fail(tool, 2)
        node = {**call_node(tool), "retry": {"max_attempts": 3, "initial_interval": "PT0.1S"}}
        run = runs.execute(acme.dev, workflow(acme.dev, graph({"act": node})))
        runs.ended(acme.dev, run)
        assert len({attempt.key for attempt in counter.attempts(tool)}) == 1
        assert (len(counter.attempts(tool)), len(counter.effects(tool))) == (3, 1)

    def test_lost_answer_of_a_tool_with_keys_is_asked_again(self, acme: Tenant, counter: EffectCounter) -> None:
        tool = counted_tool(acme.dev, counter)
        counter.cut(tool, 1)
        node = {**call_node(tool), "retry": {"max_attempts": 3, "initial_interval": "PT0.1S"}}
        runs.ended(acme.dev, runs.execute(acme.dev, workflow(acme.dev, graph({"act": node}))))
        assert (len(counter.attempts(tool)), len(counter.effects(tool))) == (2, 1)

    def test_lost_answer_of_a_tool_without_keys_is_never_repeated(self, acme: Tenant, counter: EffectCounter) -> None:
        tool = counted_tool(acme.dev, counter, idempotency="none")
        counter.cut(tool, 1)
        run = runs.execute(acme.dev, workflow(acme.dev, graph({"act": call_node(tool)})))
        runs.failed(acme.dev, run, "effect_unknown")
        assert (len(counter.attempts(tool)), len(counter.effects(tool))) == (1, 1)

    def test_call_that_takes_long_is_made_once(self, acme: Tenant, counter: EffectCounter) -> None:
        """Longer than a worker may be silent before its work is given to another."""
        tool = counted_tool(acme.dev, counter, idempotency="none")
        counter.delay(tool, 12)
        run = runs.execute(acme.dev, workflow(acme.dev, graph({"act": call_node(tool)})))
        assert runs.ended(acme.dev, run)["output_data"]["result"]["number"] == 1
        assert len(counter.attempts(tool)) == 1

    def test_call_of_a_tool_without_keys_that_takes_too_long_is_never_repeated(
        self, acme: Tenant, counter: EffectCounter
    ) -> None:
        tool = counted_tool(acme.dev, counter, idempotency="none", timeout=0.5)
        counter.delay(tool, 3)
        run = runs.execute(acme.dev, workflow(acme.dev, graph({"act": call_node(tool)})))
        runs.failed(acme.dev, run, "effect_unknown")
        assert (len(counter.attempts(tool)), len(counter.effects(tool))) == (1, 1)

    def test_cycle_ends_at_the_step_limit(self, acme: Tenant) -> None:
        definition = graph(
            {"count": set_node(n="has(state.n) ? state.n + 1 : 1")},
            ("count", "END", "state.n > 1000000"),
            ("count", "count", "otherwise"),
        )
        run = runs.execute(acme.dev, workflow(acme.dev, definition, limits={"max_steps": 20}))
        runs.failed(acme.dev, run, "step_limit_exceeded")

    def test_published_version_does_not_touch_a_run_of_the_earlier_one(self, acme: Tenant) -> None:
        first = workflow(acme.dev, graph({"ask": approval_node(), "say": set_node(version="1")}))
        run = runs.execute(acme.dev, first)
        asked = runs.question(acme.bob, run)
        draft = workflow_draft(graph({"say": set_node(version="2")}), name=first["name"])
        second = acme.dev.send("PUT", f"/workflows/{first['id']}", 200, json=draft)
        assert (second["version"], second["id"]) == (2, first["id"])
        runs.approve(acme.bob, asked)
        assert runs.ended(acme.dev, run)["output_data"]["version"] == 1
        newer = runs.execute(acme.dev, first)
        assert runs.ended(acme.dev, newer)["output_data"]["version"] == 2
        older = runs.start(acme.dev, first, version=1)
        assert older["definition_hash"] == first["definition_hash"]
        runs.reject(acme.bob, runs.question(acme.bob, older["id"]))
