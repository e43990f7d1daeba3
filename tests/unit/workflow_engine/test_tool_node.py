"""A tool node: one call of one tool."""

from typing import Any

import pytest

from aumos_agent_framework.core.domain.executions import ExecutionError, StepStatus, Usage
from aumos_agent_framework.core.domain.hitl import HitlStatus
from aumos_agent_framework.core.interfaces.step_runner import RetryPolicy, StepFailedError
from aumos_agent_framework.core.types import JsonObject
from tests.fakes.step_runner import ScriptedStepRunner, denied, failed, rate_limited, unknown
from tests.unit.graph.definitions import chain, graph, transform
from tests.unit.workflow_engine.bench import Ran, run

NODE: JsonObject = {"type": "tool", "tool": "fetch", "arguments": {"url": "${{ input.url }}"}, "output": "page"}


def runner_with(*answers: Any) -> ScriptedStepRunner:
    runner = ScriptedStepRunner()
    runner.tools["fetch"] = lambda arguments: {"got": arguments["url"]}
    runner.answers["fetch"].extend(answers)
    return runner


async def fetch(runner: ScriptedStepRunner, node: JsonObject = NODE) -> Ran:
    """Run one tool node called ``get``."""
    return await run(chain({"get": node}), runner, input_data={"url": "u"})


async def fetch_or_note(runner: ScriptedStepRunner) -> Ran:
    """Run the tool node with a node that takes over when it fails."""
    nodes = {"get": {**NODE, "on_error": "note"}, "note": transform(why="execution.error")}
    return await run(graph(nodes, "get > END", "note > END"), runner, input_data={"url": "u"})


class TestDone:
    async def test_the_result_goes_to_the_output(self) -> None:
        ran = await fetch(runner_with())
        assert ran.state == {"url": "u", "page": {"got": "u"}}

    async def test_without_output_the_result_is_not_kept(self) -> None:
        ran = await fetch(runner_with(), {**NODE, "output": None})
        assert ran.state == {"url": "u"}

    async def test_arguments_keep_their_types(self) -> None:
        runner = runner_with()
        await fetch(runner, {**NODE, "arguments": {"url": "${{ input.url }}", "n": "${{ 1 + 1 }}", "t": "n=${{ 2 }}"}})
        assert runner.acts[0].command.arguments == {"url": "u", "n": 2, "t": "n=2"}

    async def test_the_call_is_the_nodes_own_and_no_agents(self) -> None:
        runner = runner_with()
        ran = await fetch(runner)
        (act,) = runner.acts
        assert (act.command.node, act.command.call_id, act.command.tool) == ("get", "get:1", "fetch")
        assert act.command.agent_id is None
        assert act.command.governance is ran.context.plan.governance
        assert act.command.current_nodes == ("get",)
        assert act.short

    async def test_the_step_tells_arguments_result_and_use(self) -> None:
        (step,) = (await fetch(runner_with())).steps
        assert (step.kind, step.status) == ("tool", StepStatus.COMPLETED)
        assert step.input == {"tool": "fetch", "arguments": {"url": "u"}}
        assert (step.output, step.usage) == ({"got": "u"}, Usage(tool_calls=1))

    async def test_the_default_retry_is_three_attempts(self) -> None:
        runner = runner_with()
        await fetch(runner)
        assert runner.acts[0].retry == RetryPolicy(3, 1.0, 2.0, 30.0)


FAILURES = [
    (failed("No such page."), "tool_error", "No such page."),
    (denied("Level 1 is too low."), "denied", "Level 1 is too low."),
    (StepFailedError("tool_unavailable", "Away."), "tool_unavailable", "Away."),
    (unknown(), "effect_unknown", "It may or may not have happened."),
]


class TestFailure:
    @pytest.mark.parametrize(("answer", "code", "message"), FAILURES, ids=[code for _, code, _ in FAILURES])
    async def test_the_run_fails_with_the_nodes_name(self, answer: Any, code: str, message: str) -> None:
        ran = await fetch(runner_with(answer))
        assert ran.fault == ExecutionError(code, message, "get")
        (step,) = ran.steps
        assert (step.status, step.error) == (StepStatus.FAILED, ran.fault)
        assert ran.context.journal.usage == Usage()

    @pytest.mark.parametrize(("answer", "code", "message"), FAILURES, ids=[code for _, code, _ in FAILURES])
    async def test_on_error_takes_over_and_knows_why(self, answer: Any, code: str, message: str) -> None:
        ran = await fetch_or_note(runner_with(answer))
        assert ran.state == {"url": "u", "why": {"code": code, "message": message, "node": "get"}}

    async def test_a_template_that_cannot_be_filled_in_calls_nothing(self) -> None:
        runner = runner_with()
        ran = await fetch(runner, {**NODE, "arguments": {"url": "${{ state.missing }}"}})
        assert (ran.fault.code, ran.fault.node) == ("expression_failed", "get")
        assert runner.acts == []
        (step,) = ran.steps
        assert (step.kind, step.status) == ("tool", StepStatus.FAILED)


class TestApproval:
    def risky(self, status: HitlStatus, **decision: Any) -> ScriptedStepRunner:
        runner = runner_with()
        runner.risky.add("fetch")
        runner.decide("fetch", status, **decision)
        return runner

    async def test_an_approved_call_is_made_once_with_the_request(self) -> None:
        runner = self.risky(HitlStatus.APPROVED)
        ran = await fetch(runner)
        assert ran.state["page"] == {"got": "u"}
        assert [act.command.hitl_request_id for act in runner.acts] == [None, runner.waits[0]]
        (step,) = ran.steps
        assert step.hitl_request_ids == (runner.waits[0],)
        assert step.status is StepStatus.COMPLETED

    async def test_while_it_waits_the_steps_are_stored_as_waiting(self) -> None:
        runner = self.risky(HitlStatus.APPROVED)
        await fetch(runner)
        ((stored,),) = runner.saved
        assert (stored.node, stored.status) == ("get", StepStatus.WAITING)
        assert stored.hitl_request_ids == (runner.waits[0],)

    @pytest.mark.parametrize("status", [HitlStatus.REJECTED, HitlStatus.EXPIRED, HitlStatus.CANCELLED])
    async def test_a_no_fails_the_run(self, status: HitlStatus) -> None:
        ran = await fetch(self.risky(status, by="eve", notes="not today"))
        assert (ran.fault.code, ran.fault.node) == ("hitl_rejected", "get")
        assert "not today" in ran.fault.message

    async def test_a_no_goes_to_on_error(self) -> None:
        ran = await fetch_or_note(self.risky(HitlStatus.REJECTED))
        assert ran.state["why"]["code"] == "hitl_rejected"
        assert "page" not in ran.state


class TestRateLimits:
    async def test_the_call_is_repeated_after_the_time_it_was_told(self) -> None:
        runner = runner_with(rate_limited(1.5), rate_limited(20))
        ran = await fetch(runner)
        assert ran.state["page"] == {"got": "u"}
        assert runner.slept == [1.5, 20]
        assert len({act.command.call_id for act in runner.acts}) == 1

    async def test_no_wait_is_nothing_and_none_is_longer_than_a_minute(self) -> None:
        runner = runner_with(rate_limited(0), rate_limited(-5), rate_limited(3_600))
        await fetch(runner)
        shortest, also_shortest, longest = runner.slept
        assert 0 < shortest == also_shortest < 1
        assert longest == 60

    async def test_a_call_that_is_put_off_for_ever_ends(self) -> None:
        ran = await fetch(runner_with(*[rate_limited(1)] * 2_000))
        assert (ran.fault.code, ran.fault.node) == ("tool_call_stuck", "get")
        (step,) = ran.steps
        assert step.status is StepStatus.FAILED
