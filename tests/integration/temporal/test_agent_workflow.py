"""``AgentWorkflow`` on a real Temporal server: every node type, waiting, cancelling, outages, replay."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any
from uuid import uuid4

import pytest
from temporalio.api.enums.v1 import EventType
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.exceptions import ApplicationError
from temporalio.worker import Replayer

from aumos_agent_framework.adapters.durable_execution import names
from aumos_agent_framework.adapters.durable_execution.run_worker import workflow_runner
from aumos_agent_framework.adapters.durable_execution.workflows.agent_workflow import AgentWorkflow
from aumos_agent_framework.core.domain.effects import ActResult, ActStatus
from aumos_agent_framework.core.domain.executions import ExecutionStatus, StepStatus
from aumos_agent_framework.core.domain.hitl import HitlStatus, Settlement
from aumos_agent_framework.core.errors import UnavailableError
from aumos_agent_framework.core.interfaces.durable_executor import EndedRun
from aumos_agent_framework.core.types import ExecutionId, HitlRequestId
from tests.integration.temporal.conftest import Bench
from tests.integration.temporal.scripted_activities import says, wants
from tests.waiting import soon


def chain(**nodes: Any) -> dict[str, Any]:
    """A definition that runs the nodes one after the other."""
    order = [*nodes, "END"]
    edges = [{"from": here, "to": there} for here, there in pairwise(order)]
    return {"entry_point": order[0], "nodes": nodes, "edges": edges}


def tool(name: str, **arguments: Any) -> dict[str, Any]:
    return {"type": "tool", "tool": name, "arguments": arguments, "output": "answer"}


class TestRunning:
    async def test_transforms_end_with_the_final_state(self, bench: Bench) -> None:
        definition = chain(
            one={"type": "transform", "set": {"n": "input.n + 1"}},
            two={"type": "transform", "set": {"n": "state.n * 2"}},
        )
        end = await bench.run(bench.plan(definition, input_data={"n": 3}))
        assert end.status is ExecutionStatus.COMPLETED
        assert end.output_data == {"n": 8}

    async def test_a_run_is_begun_once_and_its_steps_are_stored(self, bench: Bench) -> None:
        plan = bench.plan(chain(one={"type": "transform", "set": {"n": "1"}}))
        await bench.run(plan)
        assert bench.activities.begun == [plan.execution_id]
        assert [(step.node, step.kind, step.status) for step in bench.activities.last_steps] == [
            ("one", "transform", StepStatus.COMPLETED)
        ]

    async def test_a_short_tool_runs_as_a_local_activity_and_a_slow_one_does_not(self, bench: Bench) -> None:
        plan = bench.plan(chain(a=tool("quick", n=1), b=tool("slow", n="${{ state.answer.n + 1 }}")))
        end = await bench.run(plan)
        assert end.output_data == {"answer": {"n": 2}}
        events = [event.event_type async for event in bench.handle(plan).fetch_history_events()]
        assert events.count(EventType.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED) == 1

    async def test_an_agent_thinks_acts_and_answers(self, bench: Bench) -> None:
        bench.activities.turns = [wants(("quick", {"q": 1}), ("slow", {"q": 2})), says("done")]
        plan = bench.plan(chain(agent={"type": "agent", "prompt": "Go.", "output": "answer"}))
        end = await bench.run(plan)
        assert end.output_data == {"answer": "done"}
        assert end.usage.model_calls == 2
        assert end.usage.tool_calls == 2
        assert {act.call_id for act in bench.activities.acts} == {"agent:1:1.0", "agent:1:1.1"}
        assert [message["role"] for message in bench.activities.thoughts[1].messages] == [
            "system",
            "user",
            "assistant",
            "tool",
            "tool",
        ]

    async def test_parallel_branches_wait_at_the_same_time_and_join_once(self, bench: Bench) -> None:
        bench.activities.act_script = bench.activities.approve_first
        definition = {
            "state": {"properties": {"log": {"type": "array", "x-reducer": "append"}}},
            "entry_point": ["a", "b"],
            "nodes": {
                "a": {"type": "tool", "tool": "quick"},
                "b": {"type": "transform", "set": {"log": "'b'"}},
                "c": {"type": "transform", "set": {"log": "'c'"}},
                "join": {"type": "transform", "set": {"log": "'join'"}},
            },
            "edges": [
                {"from": "a", "to": "join"},
                {"from": "b", "to": "c"},
                {"from": "c", "to": "join"},
                {"from": "join", "to": "END"},
            ],
        }
        plan = bench.plan(definition)
        await bench.executor.start(plan)
        await asyncio.wait_for(bench.activities.opened.wait(), 20)
        await _approve(bench, plan)
        end = await bench.ended(plan)
        assert end.output_data == {"log": ["b", "c", "join"]}

    async def test_starting_a_run_twice_runs_it_once(self, bench: Bench) -> None:
        plan = bench.plan(chain(one={"type": "transform", "set": {"n": "1"}}))
        await bench.run(plan)
        await bench.run(plan)
        assert bench.activities.begun == [plan.execution_id]


class TestWaitingForPeople:
    async def test_a_risky_call_waits_and_goes_on_when_settled(self, bench: Bench) -> None:
        bench.activities.act_script = bench.activities.approve_first
        plan = bench.plan(chain(a=tool("quick", path="x")))
        await bench.executor.start(plan)
        await asyncio.wait_for(bench.activities.opened.wait(), 20)
        steps = await bench.executor.steps(plan.tenant_id, plan.execution_id)
        assert steps is not None
        assert (steps[0].status, steps[0].hitl_request_ids) == (StepStatus.WAITING, (bench.activities.request_id,))
        await _approve(bench, plan)
        end = await bench.ended(plan)
        assert end.output_data == {"answer": {"approved": True}}
        assert {act.hitl_request_id for act in bench.activities.acts} == {None, bench.activities.request_id}
        assert [step.status for step in bench.activities.saved] == [StepStatus.WAITING]

    async def test_a_repeated_or_foreign_settlement_changes_nothing(self, bench: Bench) -> None:
        bench.activities.act_script = bench.activities.approve_first
        plan = bench.plan(chain(a=tool("quick")))
        await bench.executor.start(plan)
        await asyncio.wait_for(bench.activities.opened.wait(), 20)
        other = Settlement(HitlRequestId(uuid4()), HitlStatus.APPROVED)
        await bench.executor.settle(plan.tenant_id, plan.execution_id, other)
        steps = await bench.executor.steps(plan.tenant_id, plan.execution_id)
        assert steps is not None
        assert steps[0].status is StepStatus.WAITING
        await _approve(bench, plan)
        await _approve(bench, plan)
        await bench.ended(plan)
        # A local activity may run again when its workflow task does: the same call id, which the ledger answers.
        assert {(act.call_id, act.hitl_request_id) for act in bench.activities.acts} == {
            ("a:1", None),
            ("a:1", bench.activities.request_id),
        }

    async def test_a_rejected_call_takes_the_error_route(self, bench: Bench) -> None:
        bench.activities.act_script = lambda _: ActResult(ActStatus.REJECTED, code="hitl_rejected", message="no")
        definition = chain(a=tool("quick") | {"on_error": "b"})
        definition["nodes"]["b"] = {"type": "transform", "set": {"why": "execution.error.code"}}
        definition["edges"].append({"from": "b", "to": "END"})
        end = await bench.run(bench.plan(definition))
        assert end.output_data == {"why": "hitl_rejected"}

    async def test_an_approval_node_puts_the_decision_into_the_state(self, bench: Bench) -> None:
        plan = bench.plan(chain(ask={"type": "approval", "action": "Go?", "output": "decision"}))
        await bench.executor.start(plan)
        await asyncio.wait_for(bench.activities.opened.wait(), 20)
        await _approve(bench, plan)
        end = await bench.ended(plan)
        assert end.output_data == {"decision": {"status": "approved", "decided_by": "bob", "notes": None}}

    async def test_a_forged_settlement_settles_nothing(self, bench: Bench) -> None:
        plan = bench.plan(chain(ask={"type": "approval", "output": "decision"}))
        await bench.executor.start(plan)
        await asyncio.wait_for(bench.activities.opened.wait(), 20)
        forged = Settlement(bench.activities.request_id, HitlStatus.APPROVED, "mallory")
        await bench.executor.settle(plan.tenant_id, plan.execution_id, forged)
        await soon(lambda: bench.activities.looked_up > 0, 20, "the run asks the database")
        steps = await bench.executor.steps(plan.tenant_id, plan.execution_id)
        assert steps is not None
        assert steps[0].status is StepStatus.WAITING
        await _approve(bench, plan)
        end = await bench.ended(plan)
        assert end.output_data == {"decision": {"status": "approved", "decided_by": "bob", "notes": None}}

    async def test_a_deadline_expires_the_request_and_fails_the_run(self, bench: Bench) -> None:
        bench.activities.expires_in = 0.01
        plan = bench.plan(chain(ask={"type": "approval"}))
        end = await bench.run(plan)
        assert end.status is ExecutionStatus.FAILED
        assert end.error is not None
        assert (end.error.code, end.error.node) == ("hitl_rejected", "ask")

    async def test_a_decision_made_at_the_deadline_wins_if_the_database_says_so(self, bench: Bench) -> None:
        bench.activities.expires_in = 0.01
        bench.activities.settled = HitlStatus.APPROVED
        end = await bench.run(bench.plan(chain(ask={"type": "approval"})))
        assert end.status is ExecutionStatus.COMPLETED


class TestCancelling:
    async def test_a_waiting_run_ends_cancelled(self, bench: Bench) -> None:
        bench.activities.act_script = bench.activities.approve_first
        plan = bench.plan(chain(a=tool("quick")))
        await bench.executor.start(plan)
        await asyncio.wait_for(bench.activities.opened.wait(), 20)
        await bench.executor.cancel(plan.tenant_id, plan.execution_id, "changed my mind")
        end = await bench.ended(plan)
        assert end.status is ExecutionStatus.CANCELLED
        assert bench.activities.last_steps[-1].status is StepStatus.CANCELLED

    async def test_cancelling_reaches_a_slow_call_in_progress(self, bench: Bench) -> None:
        bench.activities.hold_act = asyncio.Event()
        plan = bench.plan(chain(a=tool("slow")))
        await bench.executor.start(plan)
        await asyncio.wait_for(bench.activities.opened.wait(), 20)
        await bench.executor.cancel(plan.tenant_id, plan.execution_id, "stop")
        end = await bench.ended(plan)
        assert end.status is ExecutionStatus.CANCELLED
        await asyncio.wait_for(bench.activities.act_cancelled.wait(), 20)

    async def test_a_cancellation_that_comes_while_the_end_is_written_loses_nothing(self, bench: Bench) -> None:
        bench.activities.finish_faults = 3
        plan = bench.plan(chain(a=tool("slow", n=1)))
        await bench.executor.start(plan)
        await asyncio.wait_for(bench.activities.finishing.wait(), 20)
        await bench.executor.cancel(plan.tenant_id, plan.execution_id, "too late")
        end = await bench.ended(plan)
        assert (end.status, end.output_data) == (ExecutionStatus.COMPLETED, {"answer": {"n": 1}})

    async def test_a_terminated_run_is_found(self, bench: Bench) -> None:
        bench.activities.act_script = bench.activities.approve_first
        plan = bench.plan(chain(a=tool("quick")))
        before = datetime.now(UTC)
        await bench.executor.start(plan)
        await asyncio.wait_for(bench.activities.opened.wait(), 20)
        await bench.handle(plan).terminate("by an operator")

        ended: list[EndedRun] = []

        async def look() -> None:
            while EndedRun(plan.tenant_id, plan.execution_id, "terminated") not in ended:
                ended.extend(await bench.executor.ended_unwritten(before - timedelta(seconds=5)))

        await asyncio.wait_for(look(), 20)

    async def test_cancelling_an_ended_run_is_no_error(self, bench: Bench) -> None:
        plan = bench.plan(chain(one={"type": "transform", "set": {"n": "1"}}))
        await bench.run(plan)
        await bench.executor.cancel(plan.tenant_id, plan.execution_id, "late")
        assert bench.activities.completed

    async def test_cancelling_a_run_that_is_not_started_yet_is_to_be_repeated(self, bench: Bench) -> None:
        plan = bench.plan(chain(one={"type": "transform", "set": {"n": "1"}}))
        with pytest.raises(UnavailableError, match="not been started"):
            await bench.executor.cancel(plan.tenant_id, ExecutionId(uuid4()), "early")


class TestFaults:
    async def test_an_outage_of_ours_does_not_use_up_the_steps_attempts(self, bench: Bench) -> None:
        away = ApplicationError("away", type=names.UNAVAILABLE, non_retryable=True)
        bench.activities.act_faults = [away, away]
        node = tool("quick", n=1) | {"retry": {"max_attempts": 1}}
        end = await bench.run(bench.plan(chain(a=node)))
        assert end.output_data == {"answer": {"n": 1}}
        assert len({act.call_id for act in bench.activities.acts}) == 1

    async def test_a_tool_that_stays_away_fails_the_node_after_its_attempts(self, bench: Bench) -> None:
        bench.activities.act_faults = [ApplicationError("busy", type="tool_unavailable") for _ in range(3)]
        node = tool("slow") | {"retry": {"max_attempts": 2, "initial_interval": "PT0.01S"}}
        end = await bench.run(bench.plan(chain(a=node)))
        assert end.error is not None
        assert (end.error.code, end.error.message, end.error.node) == ("tool_unavailable", "busy", "a")
        assert len(bench.activities.acts) == 2

    async def test_a_node_that_takes_too_long_fails_by_its_timeout(self, bench: Bench) -> None:
        bench.activities.hold_act = asyncio.Event()
        end = await bench.run(bench.plan(chain(a=tool("slow") | {"timeout": "PT0.5S"})))
        assert end.error is not None
        assert end.error.code == "node_timeout"

    async def test_a_node_out_of_time_withdraws_its_question(self, bench: Bench) -> None:
        bench.activities.act_script = bench.activities.approve_first
        end = await bench.run(bench.plan(chain(a=tool("quick") | {"timeout": "PT0.5S"})))
        assert end.error is not None
        assert end.error.code == "node_timeout"
        assert bench.activities.withdrawn == [bench.activities.request_id]

    async def test_calls_too_large_for_one_message_take_turns(self, bench: Bench) -> None:
        bench.activities.act_script = lambda _: ActResult(ActStatus.DONE, result=1)
        names_ = [f"n{index}" for index in range(6)]
        definition = {
            "entry_point": names_,
            "nodes": {name: tool("slow", blob="x" * 900_000) | {"output": name} for name in names_},
            "edges": [{"from": name, "to": "END"} for name in names_],
        }
        for name in names_:
            definition["nodes"][name]["arguments"] = {"blob": "${{ input.blob }}"}
        end = await bench.run(bench.plan(definition, input_data={"blob": "x" * 900_000}))
        assert end.status is ExecutionStatus.COMPLETED, end.error

    async def test_a_state_that_cannot_be_kept_fails_the_run_at_its_node(self, bench: Bench) -> None:
        bench.activities.act_script = lambda _: ActResult(ActStatus.DONE, result="x" * 600_000)
        definition = chain(a=tool("quick") | {"output": "a"}, b=tool("quick") | {"output": "b"})
        end = await bench.run(bench.plan(definition))
        assert end.error is not None
        assert (end.error.code, end.error.node) == ("state_too_large", "b")

    async def test_branches_that_are_too_large_only_together_fail_the_run(self, bench: Bench) -> None:
        bench.activities.act_script = lambda _: ActResult(ActStatus.DONE, result="x" * 600_000)
        definition = {
            "entry_point": ["a", "b"],
            "nodes": {"a": tool("quick") | {"output": "a"}, "b": tool("quick") | {"output": "b"}},
            "edges": [{"from": "a", "to": "END"}, {"from": "b", "to": "END"}],
        }
        end = await bench.run(bench.plan(definition))
        assert end.error is not None
        assert end.error.code == "output_too_large"

    async def test_a_definition_that_slipped_through_fails_its_run_and_not_the_worker(self, bench: Bench) -> None:
        broken = bench.plan({"nodes": {"a": {"type": "nonsense"}}})
        end = await bench.run(broken)
        assert end.error is not None
        assert end.error.code == "internal_error"
        bench.activities.end = None
        assert (await bench.run(bench.plan(chain(one={"type": "transform", "set": {"n": "1"}})))).error is None


class TestReplay:
    async def test_histories_of_every_node_type_replay(self, bench: Bench) -> None:
        bench.activities.turns = [wants(("quick", {})), says("done")]
        bench.activities.act_script = bench.activities.approve_first
        plan = bench.plan(
            chain(
                agent={"type": "agent", "prompt": "Go.", "output": "answer"},
                ask={"type": "approval"},
                call=tool("slow"),
                last={"type": "transform", "set": {"n": "1"}},
            )
        )
        plan = replace(plan, gates={"last": {"when": "before"}})
        await bench.executor.start(plan)
        await asyncio.wait_for(bench.activities.opened.wait(), 20)
        await _approve(bench, plan)
        await bench.ended(plan)
        assert bench.activities.completed
        history = await bench.handle(plan).fetch_history()
        replayer = Replayer(
            workflows=[AgentWorkflow], data_converter=pydantic_data_converter, workflow_runner=workflow_runner()
        )
        await replayer.replay_workflow(history)


async def _approve(bench: Bench, plan: Any) -> None:
    bench.activities.settled = HitlStatus.APPROVED
    settlement = Settlement(bench.activities.request_id, HitlStatus.APPROVED, "bob")
    await bench.executor.settle(plan.tenant_id, plan.execution_id, settlement)
