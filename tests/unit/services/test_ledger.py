from dataclasses import replace

import pytest

from aumos_agent_framework.core.domain.effects import ActStatus, EffectStatus
from aumos_agent_framework.core.domain.tools import ToolOutcome, ToolOutcomeKind
from aumos_agent_framework.core.services import ledger
from tests.factories import NOW, make_effect, make_tool

RESERVED, RELEASED, DONE, FAILED, UNKNOWN = (
    EffectStatus.RESERVED,
    EffectStatus.RELEASED,
    EffectStatus.DONE,
    EffectStatus.FAILED,
    EffectStatus.UNKNOWN,
)


class TestIds:
    def test_a_call_keeps_its_ids(self) -> None:
        effect = make_effect()
        assert ledger.effect_id(effect.execution_id, "c") == ledger.effect_id(effect.execution_id, "c")
        assert ledger.request_id(effect.execution_id, "c") == ledger.request_id(effect.execution_id, "c")

    def test_calls_and_runs_differ(self) -> None:
        one, other = make_effect().execution_id, make_effect().execution_id
        ids = {ledger.effect_id(one, "c"), ledger.effect_id(one, "d"), ledger.effect_id(other, "c")}
        assert len(ids) == 3


class TestSupersedes:
    """What the ledger says (rows) against what an attempt learned (columns)."""

    @pytest.mark.parametrize(
        ("stored", "winners"),
        [
            (RESERVED, {DONE, FAILED, UNKNOWN, RELEASED}),
            (RELEASED, {DONE, FAILED}),
            (UNKNOWN, {DONE, FAILED}),
            (FAILED, {DONE}),
            (DONE, set()),
        ],
    )
    def test_of_the_same_attempt(self, stored: EffectStatus, winners: set[EffectStatus]) -> None:
        effect = make_effect(status=stored)
        learned = {DONE, FAILED, UNKNOWN, RELEASED}
        assert {new for new in learned if ledger.supersedes(replace(effect, status=new), effect)} == winners

    @pytest.mark.parametrize("new", [UNKNOWN, RELEASED])
    def test_an_overtaken_attempt_does_not_close_the_next_one(self, new: EffectStatus) -> None:
        running = make_effect(status=RESERVED, attempts=2)
        assert not ledger.supersedes(replace(running, status=new, attempts=1), running)


class TestAnswer:
    def test_a_done_effect_with_a_complaint_is_an_error_for_the_run(self) -> None:
        outcome = ToolOutcome(ToolOutcomeKind.DONE, result={"n": "text"})
        tool = make_tool(output_schema={"type": "object", "properties": {"n": {"type": "integer"}}})
        effect = ledger.with_outcome(make_effect(), tool, outcome, NOW)
        assert effect.status is DONE
        answer = ledger.answer(effect)
        assert (answer.status, answer.code) == (ActStatus.ERROR, "result_unusable")
        assert "/n" in answer.message

    def test_a_call_that_took_place_without_a_usable_result_is_done_and_says_why(self) -> None:
        outcome = ToolOutcome(ToolOutcomeKind.DONE, message="The call took place, but its answer is too large.")
        effect = ledger.with_outcome(make_effect(), make_tool(output_schema={"type": "object"}), outcome, NOW)
        answer = ledger.answer(effect)
        assert (effect.status, answer.status, answer.code) == (DONE, ActStatus.ERROR, "result_unusable")
        assert answer.message == outcome.message

    def test_an_error_without_a_message_gets_one(self) -> None:
        effect = ledger.with_outcome(make_effect(), make_tool(), ToolOutcome(ToolOutcomeKind.ERROR), NOW)
        assert ledger.answer(effect).message

    def test_a_long_message_is_cut(self) -> None:
        outcome = ToolOutcome(ToolOutcomeKind.ERROR, message="x" * 10_000)
        effect = ledger.with_outcome(make_effect(), make_tool(), outcome, NOW)
        assert len(effect.message) == ledger.MAX_MESSAGE_LENGTH
