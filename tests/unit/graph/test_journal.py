"""The record of a run's steps."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import orjson
import pytest

from aumos_agent_framework.core.domain.executions import ExecutionError, StepStatus, Usage
from aumos_agent_framework.core.graph.runtime.journal import MAX_RECORDED_BYTES, Journal, bounded
from aumos_agent_framework.core.types import HitlRequestId
from tests.fakes.clock import START, FakeClock

REQUEST = HitlRequestId(UUID(int=1))
OTHER_REQUEST = HitlRequestId(UUID(int=2))


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def journal(clock: FakeClock) -> Journal:
    return Journal(clock.now)


class TestSteps:
    def test_steps_count_from_one_in_order_of_start(self, journal: Journal) -> None:
        first, second = journal.open("a", "agent", {"q": 1}), journal.open("b", "tool")
        second.done()
        first.done()
        assert [(step.seq, step.node, step.kind) for step in journal.steps] == [(1, "a", "agent"), (2, "b", "tool")]
        assert journal.record(1).input == {"q": 1}

    def test_a_step_ends_once_with_what_came_of_it(self, journal: Journal, clock: FakeClock) -> None:
        step = journal.open("a", "tool")
        assert journal.record(1).status is StepStatus.RUNNING
        clock.advance(2)
        step.done({"x": 1}, usage=Usage(tool_calls=1), attempts=3)
        record = journal.record(1)
        assert (record.status, record.output, record.attempts) == (StepStatus.COMPLETED, {"x": 1}, 3)
        assert (record.started_at, record.ended_at) == (START, START + timedelta(seconds=2))

    def test_a_failed_step_says_why(self, journal: Journal) -> None:
        error = ExecutionError("tool_error", "It said no.", "a")
        journal.open("a", "tool").failed(error, attempts=2)
        record = journal.record(1)
        assert (record.status, record.error, record.attempts) == (StepStatus.FAILED, error, 2)
        assert record.ended_at == START

    def test_a_waiting_step_names_each_request_once(self, journal: Journal) -> None:
        step = journal.open("a", "tool")
        for request in (REQUEST, REQUEST, OTHER_REQUEST):
            step.waiting(request)
        assert journal.record(1).status is StepStatus.WAITING
        assert journal.record(1).hitl_request_ids == (REQUEST, OTHER_REQUEST)
        step.going_on()
        assert journal.record(1).status is StepStatus.RUNNING

    def test_inner_steps_know_their_node_step(self, journal: Journal) -> None:
        outer = journal.open("a", "agent")
        journal.open("a", "think", None, outer)
        assert [step.parent_seq for step in journal.steps] == [None, 1]

    def test_what_is_open_is_cancelled_and_what_has_ended_is_not(self, journal: Journal, clock: FakeClock) -> None:
        journal.open("a", "tool").done()
        journal.open("b", "tool")
        journal.open("c", "tool").waiting(REQUEST)
        clock.advance(1)
        journal.cancel_open()
        assert [step.status for step in journal.steps] == [
            StepStatus.COMPLETED,
            StepStatus.CANCELLED,
            StepStatus.CANCELLED,
        ]
        assert all(step.ended_at is not None for step in journal.steps)
        journal.cancel_open()
        assert journal.record(1).status is StepStatus.COMPLETED

    def test_current_nodes_are_those_with_an_open_step(self, journal: Journal) -> None:
        outer = journal.open("a", "agent")
        journal.open("a", "think", None, outer)
        journal.open("b", "tool").waiting(REQUEST)
        journal.open("c", "tool").done()
        assert journal.current_nodes == ("a", "b")


class TestUnsaved:
    def test_what_has_changed_is_handed_out_once(self, journal: Journal) -> None:
        first, second = journal.open("a", "tool"), journal.open("b", "tool")
        assert [step.seq for step in journal.take_unsaved()] == [1, 2]
        assert journal.take_unsaved() == ()
        second.done()
        assert [(step.seq, step.status) for step in journal.take_unsaved()] == [(2, StepStatus.COMPLETED)]
        first.waiting(REQUEST)
        first.done()
        assert [(step.seq, step.status) for step in journal.take_unsaved()] == [(1, StepStatus.COMPLETED)]

    def test_handed_out_steps_do_not_change_later(self, journal: Journal) -> None:
        step = journal.open("a", "tool")
        (taken,) = journal.take_unsaved()
        step.done()
        assert taken.status is StepStatus.RUNNING

    def test_a_cancellation_is_unsaved(self, journal: Journal) -> None:
        journal.open("a", "tool")
        journal.take_unsaved()
        journal.cancel_open()
        assert [step.status for step in journal.take_unsaved()] == [StepStatus.CANCELLED]


class TestUsage:
    def test_turns_and_calls_count_and_their_agents_sum_does_not_count_again(self, journal: Journal) -> None:
        agent = journal.open("a", "agent")
        journal.open("a", "think", None, agent).done(usage=Usage(10, 5, 1))
        journal.open("a", "act", None, agent).done(usage=Usage(tool_calls=1))
        agent.done()
        assert journal.record(1).usage == Usage(10, 5, 1, 1)
        journal.open("b", "tool").done(usage=Usage(tool_calls=1))
        assert journal.usage == Usage(10, 5, 1, 2)

    def test_an_empty_run_used_nothing(self, journal: Journal) -> None:
        assert journal.usage == Usage()


class TestBounds:
    @pytest.mark.parametrize("value", [None, 0, "", [], {"a": [1, None]}, "x" * (MAX_RECORDED_BYTES - 2)])
    def test_what_is_small_is_recorded_as_it_is(self, value: Any) -> None:
        assert bounded(value) == value

    def test_what_is_large_is_recorded_by_size_and_beginning(self) -> None:
        value = ["ä" * 100] * 1_000
        recorded = bounded(value)
        assert recorded["truncated"] is True
        assert recorded["bytes"] == len(orjson.dumps(value))
        assert recorded["head"].startswith('["ää')

    def test_small_members_stay_readable_beside_a_large_one(self) -> None:
        recorded = bounded({"tool": "publish", "arguments": {"path": "a.md", "text": "x" * 100_000}})
        assert recorded["tool"] == "publish"
        assert recorded["arguments"]["path"] == "a.md"
        assert recorded["arguments"]["text"]["truncated"] is True

    @pytest.mark.parametrize(
        "value",
        [
            {"rows": ["ä" * 100] * 1_000},
            {f"k{index}": "x" * 10_000 for index in range(8)},
            {f"k{index}": "x" * 100 for index in range(1_000)},
            {"k" * 20_000: 1},
            {"a": {"b": {"c": {"d": {"e": {"f": {"g": "x" * 20_000}}}}}}},
        ],
    )
    def test_what_is_recorded_stays_within_the_bound(self, value: Any) -> None:
        assert len(orjson.dumps(bounded(value))) <= MAX_RECORDED_BYTES

    @pytest.mark.parametrize("cut", range(4))
    def test_cutting_inside_a_character_is_no_fault(self, cut: int) -> None:
        recorded = bounded("x" * cut + "\U0001f600" * 10_000)
        assert "\ufffd" not in recorded["head"]

    def test_inputs_and_outputs_of_steps_are_bounded(self, journal: Journal) -> None:
        journal.open("a", "tool", "x" * 100_000).done("y" * 100_000)
        assert journal.record(1).input["truncated"] is True
        assert journal.record(1).output["truncated"] is True

    def test_what_is_no_json_is_recorded_as_such(self) -> None:
        deep: Any = 1
        for _ in range(2_000):
            deep = [deep]
        assert bounded(deep)["truncated"] is True
        assert bounded(2**70)["truncated"] is True
