"""An agent node: think, act, think again, until it answers or a limit ends it."""

import asyncio
from dataclasses import replace
from typing import Any

import orjson
import pytest

from aumos_agent_framework.core.domain.agents import ResourceLimits
from aumos_agent_framework.core.domain.executions import ExecutionError, StepStatus, Usage
from aumos_agent_framework.core.domain.hitl import HitlStatus
from aumos_agent_framework.core.interfaces.step_runner import RetryPolicy, StepFailedError
from aumos_agent_framework.core.types import JsonObject
from tests.factories import make_binding, make_tool_spec
from tests.fakes.step_runner import ScriptedStepRunner, denied, failed, rate_limited, says, unknown, wants
from tests.unit.graph.definitions import chain, graph, transform
from tests.unit.workflow_engine.bench import Ran, run

NODE: JsonObject = {"type": "agent", "prompt": "What of ${{ input.topic }}?", "output": "answer"}
PERSON: JsonObject = {"type": "object", "properties": {"age": {"type": "integer"}}, "required": ["age"]}


async def ask(runner: ScriptedStepRunner, node: JsonObject = NODE, **rest: Any) -> Ran:
    """Run one agent node called ``ask``."""
    return await run(chain({"ask": node}), runner, input_data={"topic": "tides"}, **rest)


def script(*turns: Any, **tools: Any) -> ScriptedStepRunner:
    runner = ScriptedStepRunner()
    runner.turns["scripted"].extend(turns)
    runner.tools.update(tools)
    return runner


def told(runner: ScriptedStepRunner) -> list[Any]:
    """Return what the agent was told of its calls, in order, as its last turn saw it."""
    return [orjson.loads(message["content"]) for message in runner.thoughts[-1].messages if message["role"] == "tool"]


class TestConversation:
    async def test_an_answer_goes_to_the_output(self) -> None:
        ran = await ask(script(says("They turn.")))
        assert ran.state == {"topic": "tides", "answer": "They turn."}

    async def test_without_output_nothing_is_written(self) -> None:
        ran = await ask(script(says("x")), {"type": "agent", "prompt": "Hi"})
        assert ran.state == {"topic": "tides"}

    async def test_instructions_come_first_and_then_the_prompt(self) -> None:
        runner = script(says("x"))
        await ask(runner)
        assert runner.thoughts[0].messages == (
            {"role": "system", "content": "Answer briefly."},
            {"role": "user", "content": "What of tides?"},
        )

    async def test_input_is_told_as_json(self) -> None:
        runner = script(says("x"))
        await ask(runner, {"type": "agent", "input": {"all": "${{ input }}", "n": [1, None]}})
        assert orjson.loads(runner.thoughts[0].messages[-1]["content"]) == {"all": {"topic": "tides"}, "n": [1, None]}

    async def test_an_agent_without_instructions_has_no_system_message(self) -> None:
        runner = script(says("x"))
        await ask(runner, agents={"ask": make_binding(instructions="")})
        assert [message["role"] for message in runner.thoughts[0].messages] == ["user"]

    async def test_results_come_back_in_the_order_of_the_calls_with_their_ids(self) -> None:
        slow_may_end = asyncio.Event()

        async def slow(arguments: JsonObject) -> Any:
            await slow_may_end.wait()
            return {"slow": arguments}

        async def fast(arguments: JsonObject) -> Any:
            slow_may_end.set()  # ends only if both are under way at once
            return "fast"

        runner = script(wants(("slow", {"n": 1}), ("fast", {})), says("done"), slow=slow, fast=fast)
        ran = await ask(runner)
        assert ran.state["answer"] == "done"
        assert [message["role"] for message in runner.thoughts[1].messages] == [
            *("system", "user", "assistant", "tool", "tool")
        ]
        assert told(runner) == [{"slow": {"n": 1}}, "fast"]
        assert [message["tool_call_id"] for message in runner.thoughts[1].messages[3:]] == ["wish-0", "wish-1"]

    async def test_the_models_tools_are_the_agents(self) -> None:
        runner = script(says("x"))
        tools = (make_tool_spec(name="a"), make_tool_spec(name="b"))
        await ask(runner, agents={"ask": make_binding(tools=tools)})
        assert runner.thoughts[0].tools == tools

    async def test_a_call_names_its_place_in_the_run(self) -> None:
        runner = script(wants(("a", {})), wants(("a", {}), ("b", {})), says("x"), a=str, b=str)
        binding = make_binding(tools=(make_tool_spec(name="a", short=False), make_tool_spec(name="b", short=True)))
        await ask(runner, agents={"ask": binding})
        assert [act.command.call_id for act in runner.acts] == ["ask:1:1.0", "ask:1:2.0", "ask:1:2.1"]
        assert [act.short for act in runner.acts] == [False, False, True]
        assert {act.command.agent_id for act in runner.acts} == {binding.agent_id}
        assert {act.command.current_nodes for act in runner.acts} == {("ask",)}

    async def test_the_nodes_retry_goes_with_every_step(self) -> None:
        runner = script(wants(("a", {})), says("x"), a=str)
        retry = {"max_attempts": 7, "initial_interval": "PT2S", "backoff": 3, "max_interval": "PT1M"}
        await ask(runner, {**NODE, "retry": {**retry, "non_retryable": ["bad_request"]}})
        assert runner.acts[0].retry == RetryPolicy(7, 2.0, 3.0, 60.0, ("bad_request",))


class TestToldOfTrouble:
    @pytest.mark.parametrize(
        ("answer", "code"),
        [
            (denied("Not you."), "denied"),
            (failed("No rows."), "tool_error"),
            (StepFailedError("away", "Gone."), "away"),
        ],
    )
    async def test_an_agent_hears_what_went_wrong_and_goes_on(self, answer: Any, code: str) -> None:
        runner = script(wants(("lookup", {"q": 1})), says("I see."))
        runner.answers["lookup"].append(answer)
        ran = await ask(runner)
        assert ran.state["answer"] == "I see."
        assert told(runner) == [{"error": {"code": code, "message": answer.message}}]
        (act,) = ran.of("act")
        assert act.status is StepStatus.FAILED
        assert act.error == ExecutionError(code, answer.message, "ask")

    async def test_a_rejection_is_told_with_its_notes(self) -> None:
        runner = script(wants(("publish", {"path": "a"})), says("Then not."), publish=str)
        runner.risky.add("publish")
        runner.decide("publish", HitlStatus.REJECTED, by="eve", notes="too early")
        ran = await ask(runner)
        (message,) = told(runner)
        assert message["error"]["code"] == "hitl_rejected"
        assert "too early" in message["error"]["message"]
        assert ran.state["answer"] == "Then not."

    async def test_after_a_rejection_other_arguments_are_another_question(self) -> None:
        runner = script(wants(("publish", {"path": "a"})), wants(("publish", {"path": "b"})), says("x"), publish=str)
        runner.risky.add("publish")
        runner.decide("publish", HitlStatus.REJECTED)
        ran = await ask(runner)
        assert len(set(runner.waits)) == 2
        assert [len(act.hitl_request_ids) for act in ran.of("act")] == [1, 1]

    @pytest.mark.parametrize("raw", ["{", "[1]", "null", '"text"'])
    async def test_malformed_arguments_call_nothing(self, raw: str) -> None:
        runner = script(wants(("lookup", raw), ("lookup", {"q": 1})), says("x"), lookup=lambda _: "ok")
        ran = await ask(runner)
        assert [act.command.arguments for act in runner.acts] == [{"q": 1}]
        first, second = told(runner)
        assert first["error"]["code"] == "arguments_malformed"
        assert second == "ok"
        assert [act.status for act in ran.of("act")] == [StepStatus.FAILED, StepStatus.COMPLETED]

    async def test_a_tool_that_does_not_exist_is_the_doors_to_refuse(self) -> None:
        runner = script(wants(("nothing", {})), says("x"))
        await ask(runner)
        assert told(runner)[0]["error"]["code"] == "denied"

    async def test_an_approval_is_waited_for_and_used(self) -> None:
        runner = script(wants(("publish", {"path": "a"})), says("Done."), publish=lambda arguments: arguments)
        runner.risky.add("publish")
        ran = await ask(runner)
        first, second = (act.command for act in runner.acts)
        assert first.hitl_request_id is None
        assert second.hitl_request_id == runner.waits[0]
        assert replace(second, hitl_request_id=None) == first
        assert ran.of("act")[0].hitl_request_ids == (runner.waits[0],)
        assert told(runner) == [{"path": "a"}]

    async def test_a_rate_limit_is_waited_out(self) -> None:
        runner = script(wants(("lookup", {})), says("x"), lookup=lambda _: "ok")
        runner.answers["lookup"].extend([rate_limited(2.5), rate_limited(1.0)])
        await ask(runner)
        assert runner.slept == [2.5, 1.0]
        assert told(runner) == ["ok"]


class TestLimits:
    async def test_turns_without_an_answer_end(self) -> None:
        runner = script(*[wants(("lookup", {}))] * 5, lookup=str)
        ran = await ask(runner, agents={"ask": make_binding(limits=ResourceLimits(max_steps=3))})
        assert ran.fault.code == "agent_step_limit"
        assert ran.fault.node == "ask"
        assert len(runner.thoughts) == 3

    async def test_an_answer_in_the_last_turn_counts(self) -> None:
        runner = script(wants(("lookup", {})), says("just"), lookup=str)
        ran = await ask(runner, agents={"ask": make_binding(limits=ResourceLimits(max_steps=2))})
        assert ran.state["answer"] == "just"

    async def test_tokens_beyond_the_limit_end_it(self) -> None:
        runner = script(wants(("lookup", {}), tokens=(40, 10)), says("x", tokens=(45, 6)), lookup=str)
        ran = await ask(runner, agents={"ask": make_binding(limits=ResourceLimits(max_tokens=100))})
        assert ran.fault.code == "token_limit"

    async def test_tokens_up_to_the_limit_are_fine_and_the_model_hears_what_is_left(self) -> None:
        runner = script(wants(("lookup", {}), tokens=(40, 10)), says("x", tokens=(45, 5)), lookup=str)
        ran = await ask(runner, agents={"ask": make_binding(limits=ResourceLimits(max_tokens=100))})
        assert ran.state["answer"] == "x"
        assert [thought.max_output_tokens for thought in runner.thoughts] == [100, 50]

    async def test_over_the_limit_no_call_is_made(self) -> None:
        runner = script(wants(("lookup", {}), tokens=(100, 1)), lookup=str)
        ran = await ask(runner, agents={"ask": make_binding(limits=ResourceLimits(max_tokens=100))})
        assert ran.fault.code == "token_limit"
        assert runner.acts == []

    async def test_without_a_token_limit_the_model_is_told_of_none(self) -> None:
        runner = script(says("x", tokens=(10**6, 10**6)))
        await ask(runner)
        assert runner.thoughts[0].max_output_tokens is None

    async def test_a_limit_is_a_failure_that_on_error_takes(self) -> None:
        runner = script(wants(("lookup", {})), lookup=str)
        nodes = {"ask": {**NODE, "on_error": "note"}, "note": transform(why="execution.error.code")}
        binding = make_binding(limits=ResourceLimits(max_steps=1))
        ran = await run(
            graph(nodes, "ask > END", "note > END"), runner, input_data={"topic": "x"}, agents={"ask": binding}
        )
        assert ran.state["why"] == "agent_step_limit"


class TestOutputSchema:
    async def test_an_answer_of_the_schema_is_json(self) -> None:
        ran = await ask(script(says('{"age": 36}')), {**NODE, "output_schema": PERSON})
        assert ran.state["answer"] == {"age": 36}

    @pytest.mark.parametrize("text", ["36", '{"age": "old"}', "{}", "not json", '{"age": 36', "", "[" * 3_000])
    async def test_another_answer_is_a_misfit(self, text: str) -> None:
        ran = await ask(script(says(text)), {**NODE, "output_schema": PERSON})
        assert (ran.fault.code, ran.fault.node) == ("answer_misfit", "ask")

    async def test_without_a_schema_json_stays_text(self) -> None:
        ran = await ask(script(says('{"age": 36}')))
        assert ran.state["answer"] == '{"age": 36}'

    async def test_an_answer_nested_without_end_fails_the_node_and_not_the_service(self) -> None:
        text = "[" * 900 + "]" * 900
        ran = await ask(script(says(text)), {**NODE, "output_schema": {"type": "array"}})
        assert ran.fault.node == "ask"
        assert ran.fault.code in {"answer_misfit", "state_invalid"}


class TestUnknownEffects:
    async def test_an_unknown_outcome_ends_the_run(self) -> None:
        runner = script(wants(("pay", {}), ("lookup", {})), says("never"), lookup=str)
        runner.answers["pay"].append(unknown())
        ran = await ask(runner)
        assert (ran.fault.code, ran.fault.node) == ("effect_unknown", "ask")
        assert len(runner.thoughts) == 1
        assert len(runner.acts) == 2, "calls beside it are brought to their ends"

    async def test_no_step_stays_open(self) -> None:
        runner = script(wants(("pay", {}), ("lookup", {})), lookup=str)
        runner.answers["pay"].append(unknown())
        ran = await ask(runner)
        assert all(step.ended_at is not None for step in ran.steps)
        assert {step.kind: step.status for step in ran.steps if step.kind != "act"} == {
            "agent": StepStatus.FAILED,
            "think": StepStatus.COMPLETED,
        }


class TestRecord:
    async def test_steps_stand_in_order_under_their_node(self) -> None:
        runner = script(wants(("a", {"x": 1}), ("b", {})), says("done"), a=lambda _: {"r": 1}, b=lambda _: 2)
        ran = await ask(runner)
        assert [(step.seq, step.kind, step.parent_seq) for step in ran.steps] == [
            (1, "agent", None),
            (2, "think", 1),
            (3, "act", 1),
            (4, "act", 1),
            (5, "think", 1),
        ]
        assert {step.node for step in ran.steps} == {"ask"}
        agent, think, act, *_ = ran.steps
        assert (agent.input, agent.output) == ("What of tides?", "done")
        assert think.input == {"role": "user", "content": "What of tides?"}
        assert (act.input, act.output) == ({"tool": "a", "arguments": {"x": 1}}, {"r": 1})

    async def test_usage_adds_up(self) -> None:
        runner = script(wants(("a", {}), ("b", {}), tokens=(10, 1)), says("done", tokens=(20, 2)), a=str)
        ran = await ask(runner)
        assert ran.context.journal.usage == Usage(30, 3, 2, 1), "a refused call is none"
        (agent,) = ran.of("agent")
        assert agent.usage == Usage(30, 3, 2, 1)

    async def test_a_failed_agent_has_used_what_it_used(self) -> None:
        runner = script(wants(("a", {}), tokens=(10, 1)), StepFailedError("model_unavailable", "Away."), a=str)
        ran = await ask(runner)
        assert ran.fault == ExecutionError("model_unavailable", "Away.", "ask")
        assert ran.context.journal.usage == Usage(10, 1, 1, 1)
        assert [step.status for step in ran.of("think")] == [StepStatus.COMPLETED, StepStatus.FAILED]
        (agent,) = ran.of("agent")
        assert agent.usage == Usage(10, 1, 1, 1)

    async def test_a_second_visit_has_call_ids_of_its_own(self) -> None:
        runner = script(wants(("a", {})), says("x"), wants(("a", {})), says("y"), a=str)
        nodes = {"ask": NODE, "count": transform(n="1")}
        state = {"properties": {"n": {"x-reducer": "add", "default": 0}}}
        definition = graph(
            nodes, "ask > count", {"from": "count", "to": "ask", "when": "state.n < 2", "otherwise": "END"}, state=state
        )
        await run(definition, runner, input_data={"topic": "x"})
        assert [act.command.call_id for act in runner.acts] == ["ask:1:1.0", "ask:2:1.0"]
