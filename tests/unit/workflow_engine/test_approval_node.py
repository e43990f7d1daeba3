"""A gate as a node: what people are shown, and where their answer leads."""

from datetime import timedelta
from typing import Any

import pytest

from aumos_agent_framework.core.domain.executions import StepStatus
from aumos_agent_framework.core.domain.hitl import HitlStatus
from aumos_agent_framework.core.types import JsonObject
from tests.fakes.step_runner import ScriptedStepRunner
from tests.unit.graph.definitions import chain, graph, otherwise, transform, when
from tests.unit.workflow_engine.bench import Ran, run

NO = [HitlStatus.REJECTED, HitlStatus.EXPIRED, HitlStatus.CANCELLED]
NODE: JsonObject = {"type": "approval", "action": "Publish ${{ state.title }}?", "output": "decision"}


def decided(status: HitlStatus, **decision: Any) -> ScriptedStepRunner:
    runner = ScriptedStepRunner()
    runner.decide("check", status, **decision)
    return runner


async def check(runner: ScriptedStepRunner, node: JsonObject = NODE, *edges: Any, **nodes: JsonObject) -> Ran:
    """Run an approval node called ``check``; without edges it is the last."""
    definition = graph({"check": node, **nodes}, *(edges or ["check > END"]))
    return await run(definition, runner, input_data={"title": "Tides"})


class TestQuestion:
    async def test_people_are_asked_with_the_nodes_words(self) -> None:
        runner = decided(HitlStatus.APPROVED)
        node = {**NODE, "approver_level": 4, "approver_roles": ["lead"], "quorum": 2, "timeout": "PT2H"}
        ran = await check(runner, node)
        (command,) = runner.gates
        assert (command.node, command.call_id, command.gate.name) == ("check", "check:1", "check")
        assert command.gate.description == "Publish Tides?"
        assert (command.gate.approver_level, command.gate.approver_roles, command.gate.quorum) == (4, ("lead",), 2)
        assert command.gate.timeout == timedelta(hours=2)
        assert command.initiated_by == ran.context.plan.governance.initiated_by
        assert command.current_nodes == ("check",)

    async def test_a_question_stays_open_for_a_day_unless_said(self) -> None:
        for node in (NODE, {**NODE, "timeout": None}):
            runner = decided(HitlStatus.APPROVED)
            await check(runner, node)
            assert runner.gates[0].gate.timeout == timedelta(hours=24)

    async def test_the_state_is_shown_unless_a_context_is_given(self) -> None:
        runner = decided(HitlStatus.APPROVED)
        await check(runner)
        assert runner.gates[0].context_data == {"state": {"title": "Tides"}}

    @pytest.mark.parametrize(
        ("context", "shown"),
        [
            ({"t": "${{ state.title }}"}, {"t": "Tides"}),
            ("${{ state.title }}", {"value": "Tides"}),
            (["${{ 1 + 1 }}"], {"value": [2]}),
        ],
    )
    async def test_a_context_is_rendered(self, context: Any, shown: JsonObject) -> None:
        runner = decided(HitlStatus.APPROVED)
        await check(runner, {**NODE, "context": context})
        assert runner.gates[0].context_data == shown

    async def test_what_is_shown_has_a_bound(self) -> None:
        runner = decided(HitlStatus.APPROVED)
        ran = await run(chain({"check": NODE}), runner, input_data={"title": "x" * 200_000})
        assert len(str(runner.gates[0].context_data)) < 70_000
        assert len(str(runner.gates[0].gate.description)) <= 2_000
        assert ran.state["decision"]["status"] == "approved"

    async def test_an_action_that_is_no_text_is_shown_as_json(self) -> None:
        runner = decided(HitlStatus.APPROVED)
        await check(runner, {**NODE, "action": "${{ {'ok': true} }}"})
        assert runner.gates[0].gate.description == '{"ok":true}'

    async def test_while_people_think_the_step_waits_and_is_stored(self) -> None:
        runner = decided(HitlStatus.APPROVED)
        ran = await check(runner)
        ((stored,),) = runner.saved
        assert (stored.kind, stored.status) == ("approval", StepStatus.WAITING)
        (step,) = ran.steps
        assert (step.status, step.hitl_request_ids) == (StepStatus.COMPLETED, (runner.waits[0],))

    async def test_every_visit_asks_anew(self) -> None:
        runner = decided(HitlStatus.APPROVED)
        state = {"properties": {"n": {"x-reducer": "add", "default": 0}}}
        definition = graph(
            {"check": {"type": "approval"}, "count": transform(n="1")},
            "check > count",
            when("count", "state.n < 3", "check", otherwise="END"),
            state=state,
        )
        await run(definition, runner)
        assert [command.call_id for command in runner.gates] == ["check:1", "check:2", "check:3"]
        assert len(set(runner.waits)) == 3


class TestYes:
    async def test_the_decision_goes_to_the_output(self) -> None:
        ran = await check(decided(HitlStatus.APPROVED, by="ann", notes="fine"))
        assert ran.state["decision"] == {"status": "approved", "decided_by": "ann", "notes": "fine"}

    async def test_without_output_the_run_goes_on(self) -> None:
        ran = await check(
            decided(HitlStatus.APPROVED), {"type": "approval"}, "check > next > END", next=transform(n="1")
        )
        assert ran.state == {"title": "Tides", "n": 1}


class TestNo:
    @pytest.mark.parametrize("status", NO)
    async def test_conditional_edges_decide_where_there_is_an_output(self, status: HitlStatus) -> None:
        edges = [when("check", "state.decision.status == 'approved'", "yes"), otherwise("check", "no"), "yes > END"]
        ran = await check(
            decided(status, by="eve", notes="no"),
            NODE,
            *edges,
            "no > END",
            yes=transform(r="'y'"),
            no=transform(r="'n'"),
        )
        assert ran.state["r"] == "n"
        assert ran.state["decision"] == {"status": str(status), "decided_by": "eve", "notes": "no"}
        (step,) = ran.of("approval")
        assert step.status is StepStatus.COMPLETED

    @pytest.mark.parametrize("status", NO)
    @pytest.mark.parametrize(
        ("node", "edges"),
        [
            ({"type": "approval"}, ["check > END"]),
            (NODE, ["check > END"]),
            (NODE, [otherwise("check", "END")]),
            (NODE, [when("check", "true", "END"), "check > END"]),
            ({"type": "approval"}, [when("check", "true", "END"), otherwise("check", "END")]),
        ],
    )
    async def test_no_graph_goes_on_past_a_no_by_accident(
        self, status: HitlStatus, node: JsonObject, edges: list[Any]
    ) -> None:
        ran = await check(decided(status), node, *edges)
        assert (ran.fault.code, ran.fault.node) == ("hitl_rejected", "check")
        (step,) = ran.steps
        assert (step.status, step.error) == (StepStatus.FAILED, ran.fault)

    async def test_the_error_names_gate_person_and_notes(self) -> None:
        ran = await check(decided(HitlStatus.REJECTED, by="eve", notes="too early"))
        assert ran.fault.message == "The gate check was rejected by eve: too early"

    async def test_a_deadline_is_told_as_one(self) -> None:
        ran = await check(decided(HitlStatus.EXPIRED, by=None))
        assert ran.fault.message == "The gate check was not decided in time."

    async def test_on_error_takes_a_no(self) -> None:
        node = {"type": "approval", "on_error": "no"}
        ran = await check(
            decided(HitlStatus.REJECTED), node, "check > END", "no > END", no=transform(why="execution.error.code")
        )
        assert ran.state["why"] == "hitl_rejected"
        assert "decision" not in ran.state

    async def test_conditional_edges_come_before_on_error(self) -> None:
        ran = await check(
            decided(HitlStatus.REJECTED),
            {**NODE, "on_error": "failed"},
            when("check", "state.decision.status == 'approved'", "END", otherwise="no"),
            "no > END",
            "failed > END",
            no=transform(r="'edge'"),
            failed=transform(r="'error'"),
        )
        assert ran.state["r"] == "edge"
