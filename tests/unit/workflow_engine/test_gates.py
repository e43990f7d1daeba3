"""Gates before and after nodes."""

from typing import Any

import pytest

from aumos_agent_framework.core.domain.executions import StepStatus
from aumos_agent_framework.core.domain.hitl import HitlStatus
from aumos_agent_framework.core.types import JsonObject
from tests.fakes.step_runner import ScriptedStepRunner, says
from tests.unit.graph.definitions import chain, graph, transform
from tests.unit.workflow_engine.bench import Ran, run

TOOL: JsonObject = {"type": "tool", "tool": "publish", "output": "page"}
INPUT = {"amount": 5}


def runner_with(*decisions: tuple[str, HitlStatus]) -> ScriptedStepRunner:
    runner = ScriptedStepRunner()
    runner.tools["publish"] = lambda _: {"pages": 3}
    for subject, status in decisions:
        runner.decide(subject, status, by="eve")
    return runner


async def guarded(gate: JsonObject, runner: ScriptedStepRunner, node: JsonObject = TOOL) -> Ran:
    """Run one node called ``go`` behind a gate."""
    return await run(chain({"go": node}), runner, input_data=INPUT, gates={"go": gate})


class TestBefore:
    async def test_the_node_works_after_a_yes(self) -> None:
        runner = runner_with()
        ran = await guarded({"approver_level": 4, "description": "Look."}, runner)
        assert ran.state["page"] == {"pages": 3}
        (command,) = runner.gates
        assert (command.gate.name, command.call_id, command.node) == ("go.before", "go:1:before", "go")
        assert (command.gate.approver_level, command.gate.description) == (4, "Look.")
        assert command.context_data == {"state": INPUT}
        assert [(step.kind, step.status) for step in ran.steps] == [
            ("gate", StepStatus.COMPLETED),
            ("tool", StepStatus.COMPLETED),
        ]
        assert ran.steps[0].output == {"status": "approved", "decided_by": "approver", "notes": None}

    @pytest.mark.parametrize("status", [HitlStatus.REJECTED, HitlStatus.EXPIRED, HitlStatus.CANCELLED])
    async def test_after_a_no_the_node_does_nothing_and_the_run_fails(self, status: HitlStatus) -> None:
        runner = runner_with(("go.before", status))
        ran = await guarded({}, runner)
        assert (ran.fault.code, ran.fault.node) == ("hitl_rejected", "go")
        assert "go.before" in ran.fault.message
        assert runner.acts == []
        (step,) = ran.steps
        assert (step.kind, step.status, step.error) == ("gate", StepStatus.FAILED, ran.fault)

    async def test_a_no_goes_to_the_nodes_on_error(self) -> None:
        nodes = {"go": {**TOOL, "on_error": "note"}, "note": transform(why="execution.error.code")}
        runner = runner_with(("go.before", HitlStatus.REJECTED))
        ran = await run(graph(nodes, "go > END", "note > END"), runner, gates={"go": {}})
        assert ran.state == {"why": "hitl_rejected"}

    async def test_an_agents_gate_names_the_agent(self) -> None:
        runner = runner_with()
        runner.turns["scripted"].append(says("x"))
        ran = await guarded({}, runner, {"type": "agent", "prompt": "Hi"})
        assert runner.gates[0].agent_id == ran.context.plan.bindings["go"].agent_id

    async def test_a_waiting_gate_is_stored(self) -> None:
        runner = runner_with()
        await guarded({}, runner)
        ((stored,),) = runner.saved
        assert (stored.kind, stored.status, stored.node) == ("gate", StepStatus.WAITING, "go")

    async def test_a_gate_found_decided_is_not_waited_for(self) -> None:
        runner = runner_with(("go.before", HitlStatus.REJECTED))
        runner.found_decided.add("go.before")
        ran = await guarded({}, runner)
        assert ran.fault.code == "hitl_rejected"
        assert runner.saved == []


class TestAfter:
    async def test_people_see_what_the_node_would_write(self) -> None:
        runner = runner_with()
        ran = await guarded({"when": "after"}, runner)
        (command,) = runner.gates
        assert (command.gate.name, command.call_id) == ("go.after", "go:1:after")
        assert command.context_data == {"state": {**INPUT, "page": {"pages": 3}}}
        assert [step.kind for step in ran.steps] == ["tool", "gate"]

    async def test_after_a_no_nothing_is_written(self) -> None:
        nodes = {"go": {**TOOL, "on_error": "note"}, "note": transform(kept="has(state.page)")}
        runner = runner_with(("go.after", HitlStatus.REJECTED))
        ran = await run(graph(nodes, "go > END", "note > END"), runner, gates={"go": {"when": "after"}})
        assert ran.state == {"kept": False}
        assert len(runner.acts) == 1
        assert [(step.kind, step.status) for step in ran.steps[:2]] == [
            ("tool", StepStatus.COMPLETED),
            ("gate", StepStatus.FAILED),
        ]


class TestConditions:
    @pytest.mark.parametrize(("condition", "asked"), [("state.amount > 3", 1), ("state.amount > 5", 0)])
    async def test_a_gate_asks_only_where_its_condition_holds(self, condition: str, asked: int) -> None:
        runner = runner_with()
        ran = await guarded({"condition": condition}, runner)
        assert len(runner.gates) == asked
        assert ran.state["page"] == {"pages": 3}

    async def test_a_condition_after_the_node_sees_its_writes(self) -> None:
        runner = runner_with()
        await guarded({"when": "after", "condition": "state.page.pages == 3"}, runner)
        assert len(runner.gates) == 1

    @pytest.mark.parametrize("condition", ["state.missing > 1", "state.amount", "1 / 0 > 1"])
    async def test_a_condition_that_cannot_be_evaluated_lets_nothing_pass(self, condition: str) -> None:
        runner = runner_with()
        ran = await guarded({"condition": condition}, runner)
        assert (ran.fault.code, ran.fault.node) == ("expression_failed", "go")
        assert runner.acts == []

    @pytest.mark.parametrize("node", ["a", "b"])
    async def test_only_the_gates_own_node_is_guarded(self, node: Any) -> None:
        runner = runner_with()
        await run(chain({"a": TOOL, "b": TOOL}), runner, gates={node: {}})
        assert [command.node for command in runner.gates] == [node]


async def test_no_two_places_of_a_run_ask_the_same_question() -> None:
    nodes: dict[str, JsonObject] = {
        "go": {"type": "approval"},
        "go.before": {"type": "approval"},
        "go.after": {**TOOL, "tool": "publish"},
    }
    runner = runner_with()
    runner.risky.add("publish")
    gates: dict[str, JsonObject] = {"go": {}, "go.before": {"when": "after"}, "go.after": {}}
    ran = await run(chain(nodes), runner, gates=gates)
    assert ran.error is None
    asked = [command.call_id for command in runner.gates] + [runner.acts[0].command.call_id]
    assert len(set(asked)) == len(asked) == 6
