"""A run as a whole: bounds of steps and time, cancellation, failures beside each other, large graphs."""

import asyncio
import time
from datetime import timedelta
from typing import Any

import pytest

from aumos_agent_framework.adapters.workflow_engine.langgraph_engine import run_graph
from aumos_agent_framework.core.domain.executions import ExecutionError, StepStatus
from aumos_agent_framework.core.domain.hitl import HitlStatus
from aumos_agent_framework.core.graph.runtime.context import RunContext
from aumos_agent_framework.core.graph.runtime.visit import RunFailedError
from aumos_agent_framework.core.types import JsonObject
from tests.fakes.step_runner import ScriptedStepRunner, wants
from tests.unit.graph.definitions import LOG, chain, graph, logging, transform, when
from tests.unit.workflow_engine.bench import DEADLINE_SECONDS, plan, run

COUNTING: JsonObject = {"properties": {"n": {"type": "integer", "x-reducer": "add", "default": 0}}}


def counting_to(limit: int) -> JsonObject:
    """Return a definition whose one node visits itself until it has counted so far."""
    return graph({"a": transform(n="1")}, when("a", f"state.n < {limit}", "a", otherwise="END"), state=COUNTING)


async def forever(_: JsonObject) -> Any:
    await asyncio.Event().wait()


HANGING: JsonObject = {"type": "tool", "tool": "hang", "timeout": "PT0.05S"}


class TestSteps:
    async def test_a_run_may_take_exactly_its_steps(self) -> None:
        assert (await run(counting_to(7), max_steps=7)).state == {"n": 7}

    async def test_one_step_more_fails_it(self) -> None:
        ran = await run(counting_to(8), max_steps=7)
        assert (ran.fault.code, ran.fault.node) == ("step_limit_exceeded", "a")
        assert "7 steps" in ran.fault.message
        assert len([step for step in ran.steps if step.status is StepStatus.COMPLETED]) == 7

    async def test_no_on_error_takes_over_from_the_limit(self) -> None:
        definition = counting_to(8)
        definition["nodes"]["a"]["on_error"] = "b"
        definition["nodes"]["b"] = transform(m="1")
        definition["edges"].append({"from": "b", "to": "END"})
        ran = await run(definition, max_steps=7)
        assert (ran.fault.code, ran.fault.node) == ("step_limit_exceeded", "a")

    async def test_branches_share_the_steps(self) -> None:
        definition = graph(logging("a", "b", "c", "d"), "a > b > d > END", "a > c > d", state=LOG)
        assert (await run(definition, max_steps=4)).state["log"] == ["a", "b", "c", "d"]
        assert (await run(definition, max_steps=3)).fault == ExecutionError(
            "step_limit_exceeded", "The run took its 3 steps without an end; see limits.max_steps.", "d"
        )

    async def test_a_long_run_without_any_wait_pauses_for_its_engine(self) -> None:
        runner = ScriptedStepRunner()
        await run(counting_to(2_000), runner, max_steps=2_000)
        assert len(runner.slept) >= 3
        assert sum(runner.slept) < 1

    async def test_a_short_run_does_not(self) -> None:
        runner = ScriptedStepRunner()
        await run(counting_to(100), runner)
        assert runner.slept == []


class TestTime:
    async def test_a_node_that_takes_too_long_fails(self) -> None:
        runner = ScriptedStepRunner()
        runner.tools["hang"] = forever
        ran = await run(chain({"go": HANGING}), runner)
        assert ran.fault == ExecutionError("node_timeout", "The node go took longer than its 0.05 s.", "go")
        (step,) = ran.steps
        assert (step.status, step.error) == (StepStatus.FAILED, ran.fault)

    async def test_on_error_takes_over(self) -> None:
        runner = ScriptedStepRunner()
        runner.tools["hang"] = forever
        nodes = {"go": {**HANGING, "on_error": "note"}, "note": transform(why="execution.error.code")}
        ran = await run(graph(nodes, "go > END", "note > END"), runner)
        assert ran.state == {"why": "node_timeout"}

    async def test_an_agents_open_steps_end_with_it(self) -> None:
        runner = ScriptedStepRunner()
        runner.tools["hang"] = forever
        runner.turns["scripted"].append(wants(("hang", {}), ("hang", {})))
        ran = await run(chain({"go": {"type": "agent", "prompt": "Hi", "timeout": "PT0.05S"}}), runner)
        assert ran.fault.code == "node_timeout"
        assert [(step.kind, step.status) for step in ran.steps] == [
            ("agent", StepStatus.FAILED),
            ("think", StepStatus.COMPLETED),
            ("act", StepStatus.FAILED),
            ("act", StepStatus.FAILED),
        ]

    async def test_the_time_that_people_take_counts(self) -> None:
        runner = ScriptedStepRunner()
        runner.leave_open("go.before")
        ran = await run(chain({"go": {**transform(x="1"), "timeout": "PT0.05S"}}), runner, gates={"go": {}})
        assert ran.fault.code == "node_timeout"
        (step,) = ran.steps
        assert (step.kind, step.status) == ("gate", StepStatus.FAILED)

    async def test_an_approvals_timeout_is_its_questions_deadline_and_not_the_nodes(self) -> None:
        runner = ScriptedStepRunner()
        runner.leave_open("go")
        running = asyncio.create_task(run(chain({"go": {"type": "approval", "timeout": "PT0.001S"}}), runner))
        await waited_for(runner)
        past_it = asyncio.get_running_loop().create_future()
        asyncio.get_running_loop().call_later(0.01, past_it.set_result, None)
        await past_it
        await runner.settle("go")
        assert (await running).error is None
        assert runner.gates[0].gate.timeout == timedelta(milliseconds=1)

    async def test_a_node_in_time_leaves_no_trace_of_its_limit(self) -> None:
        assert (await run(chain({"go": {**transform(x="1"), "timeout": "PT5S"}}))).state == {"x": 1}


async def waited_for(runner: ScriptedStepRunner, requests: int = 1) -> None:
    async with asyncio.timeout(DEADLINE_SECONDS):
        await runner.waited_for(requests)


class TestCancellation:
    @pytest.mark.parametrize(
        "node",
        [
            {"type": "tool", "tool": "hang"},
            {"type": "agent", "prompt": "Hi"},
            {"type": "approval"},
            {"type": "tool", "tool": "hang", "timeout": "PT1H", "on_error": "other"},
        ],
    )
    async def test_it_passes_through_and_no_step_stays_open(self, node: JsonObject) -> None:
        under_way = asyncio.Event()
        ended = []

        async def hang(_: JsonObject) -> Any:
            under_way.set()
            try:
                await forever(_)
            finally:
                ended.append(1)

        runner = ScriptedStepRunner()
        runner.tools["hang"] = hang
        runner.turns["scripted"].append(wants(("hang", {}), ("hang", {})))
        runner.leave_open("go")
        nodes = {"go": node, "beside": {"type": "tool", "tool": "hang"}, "other": transform(x="1")}
        definition = graph(nodes, "go > END", "START > beside > END", "START > other > END")
        context = RunContext(plan(definition), runner)
        running = asyncio.create_task(run_graph(context))
        async with asyncio.timeout(DEADLINE_SECONDS):
            await under_way.wait()
            if node["type"] == "approval":
                await runner.waited_for()
            running.cancel()
            with pytest.raises(asyncio.CancelledError):
                await running
        calls = len(runner.acts)
        assert len(ended) == calls
        context.journal.cancel_open()
        assert all(step.ended_at is not None for step in context.journal.steps)
        assert {step.status for step in context.journal.steps} <= {StepStatus.CANCELLED, StepStatus.COMPLETED}
        assert context.journal.record(1).status is StepStatus.CANCELLED
        await asyncio.sleep(0)
        assert len(runner.acts) == calls, "nothing goes on behind the run's back"

    async def test_a_decision_after_it_changes_nothing(self) -> None:
        runner = ScriptedStepRunner()
        runner.leave_open("go")
        context = RunContext(plan(chain({"go": {"type": "approval"}, "next": transform(x="1")})), runner)
        running = asyncio.create_task(run_graph(context))
        await waited_for(runner)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
        await runner.settle("go")
        context.journal.cancel_open()
        assert [(step.node, step.status) for step in context.journal.steps] == [("go", StepStatus.CANCELLED)]


class TestFailureBesideOthers:
    async def test_what_runs_beside_a_failure_is_stopped(self) -> None:
        stopped = asyncio.Event()

        async def hang(_: JsonObject) -> Any:
            try:
                await forever(_)
            finally:
                stopped.set()

        runner = ScriptedStepRunner()
        runner.tools["hang"] = hang
        nodes = {"bad": {"type": "tool", "tool": "missing"}, "slow": {"type": "tool", "tool": "hang"}}
        ran = await run(graph(nodes, "bad > END", "START > slow > END"), runner)
        assert ran.fault.node == "bad"
        assert stopped.is_set()
        ran.context.journal.cancel_open()
        assert {step.node: step.status for step in ran.steps} == {
            "bad": StepStatus.FAILED,
            "slow": StepStatus.CANCELLED,
        }

    async def test_a_waiting_branch_does_not_hold_up_one_that_fails(self) -> None:
        runner = ScriptedStepRunner()
        runner.leave_open("ask")
        nodes = {"ask": {"type": "approval"}, "bad": {"type": "tool", "tool": "missing"}}
        ran = await run(graph(nodes, "ask > END", "START > bad > END"), runner)
        assert ran.fault.node == "bad"

    async def test_two_that_wait_are_both_asked(self) -> None:
        runner = ScriptedStepRunner()
        runner.leave_open("one")
        runner.leave_open("two")
        nodes = {"one": {"type": "approval"}, "two": {"type": "approval"}}
        running = asyncio.create_task(run(graph(nodes, "one > END", "START > two > END"), runner))
        await waited_for(runner, 2)
        await runner.settle("two")
        await runner.settle("one")
        assert (await running).error is None
        assert [command.node for command in runner.gates] == ["one", "two"]
        assert runner.gates[1].current_nodes == ("one", "two")

    async def test_a_fault_of_the_service_is_not_taken_for_a_nodes(self) -> None:
        runner = ScriptedStepRunner()

        def broken(_: JsonObject) -> Any:
            raise ZeroDivisionError("a bug")

        runner.tools["broken"] = broken
        node = {"type": "tool", "tool": "broken", "on_error": "other"}
        with pytest.raises(ZeroDivisionError):
            await run(graph({"go": node, "other": transform(x="1")}, "go > END", "other > END"), runner)


class TestScope:
    async def test_expressions_know_the_execution(self) -> None:
        names = ("id", "workflow_id", "workflow_name", "workflow_version", "session_id", "initiated_by")
        node = transform(**{name: f"execution.{name}" for name in names}, failed="has(execution.error)")
        ran = await run(chain({"go": node}), session_id="s-1")
        of = ran.context.plan
        assert ran.state == {
            "id": str(of.execution_id),
            "workflow_id": None,
            "workflow_name": of.workflow_name,
            "workflow_version": None,
            "session_id": "s-1",
            "initiated_by": "dev",
            "failed": False,
        }

    async def test_the_input_stays_what_it_was(self) -> None:
        ran = await run(chain({"a": transform(n="input.n + 1"), "b": transform(m="input.n")}), input_data={"n": 1})
        assert ran.state == {"n": 2, "m": 1}


class TestLargeGraphs:
    async def test_a_chain_of_a_thousand_nodes(self) -> None:
        names = [f"n{index}" for index in range(1_000)]
        started = time.process_time()
        ran = await run(chain(logging(*names), state=LOG), max_steps=1_000)
        assert ran.state["log"] == names
        assert time.process_time() - started < 10

    async def test_many_branches_of_different_lengths_meet_once(self) -> None:
        short = [f"s{index:03}" for index in range(100)]
        long = [f"l{index:03}" for index in range(100)]
        more = [f"m{index:03}" for index in range(100)]
        edges = [f"a > {name} > z" for name in short]
        edges += [f"a > {first} > {then} > z" for first, then in zip(long, more, strict=True)]
        ran = await run(graph(logging("a", *short, *long, *more, "z"), *edges, "z > END", state=LOG), max_steps=400)
        assert ran.state["log"] == ["a", *long, *short, *more, "z"]


async def test_rejections_expiries_and_failures_are_all_run_failures() -> None:
    runner = ScriptedStepRunner()
    runner.decide("go", HitlStatus.EXPIRED)
    with pytest.raises(RunFailedError) as caught:
        await run_graph(RunContext(plan(chain({"go": {"type": "approval"}})), runner))
    assert caught.value.code == caught.value.error.code == "hitl_rejected"
