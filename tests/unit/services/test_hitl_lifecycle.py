"""The life of a request against a plain model: whatever people and time do, the two agree."""

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, TypeVar

from hypothesis import settings, strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from aumos_agent_framework.core.domain.effects import ActStatus
from aumos_agent_framework.core.domain.executions import ExecutionStatus
from aumos_agent_framework.core.domain.hitl import HitlRequest, HitlStatus
from aumos_agent_framework.core.domain.identity import Caller
from aumos_agent_framework.core.errors import AgfError
from aumos_agent_framework.core.types import PrivilegeLevel
from tests.factories import TENANT, make_run_end
from tests.unit.services.door import ADMIN, ARGUMENTS, ARI, DANA, OWEN, PAT, PIA, RISKY, SUPER, Door

T = TypeVar("T")
PEOPLE = st.sampled_from(
    [DANA, OWEN, ARI, PAT, PIA, Caller(TENANT, "ada", ADMIN), Caller(TENANT, "dev", PrivilegeLevel(2))]
)
LIFETIME = 24


@dataclass
class Model:
    """What should be true, in a few plain facts. Times are hours since the question was asked."""

    level: int
    hour: int = 0
    status: str = "pending"
    approvals: set[str] = field(default_factory=set)
    arguments: dict[str, Any] = field(default_factory=lambda: dict(ARGUMENTS))
    edited: bool = False
    run_ended: bool = False
    calls: int = 0

    def objection(self, person: Caller) -> str | None:
        """Why this person may not vote now."""
        if person.subject == "dana":
            return "own_request"
        if person.subject == "owen":
            return "own_agent"
        if person.level < self.level:
            return "level_too_low"
        if self.status != "pending":
            return "already_settled"
        if self.hour >= LIFETIME:
            return "expired"
        return "already_decided" if person.subject in self.approvals else None

    def objection_unseen(self, person: Caller) -> str | None:
        """Why this person may not approve without saying what they saw."""
        return self.objection(person) or ("digest_required" if self.edited else None)

    def approve(self, person: Caller) -> None:
        self.approvals.add(person.subject)
        if len(self.approvals) == (2 if self.level == 5 else 1):
            self.status = "approved"

    def act(self) -> ActStatus:
        """What the door says, and the call it makes."""
        if self.calls:
            return ActStatus.DONE
        if self.run_ended:
            return ActStatus.DENIED
        if self.status == "pending":
            return ActStatus.APPROVAL_REQUIRED
        if self.status != "approved" or self.hour >= LIFETIME:
            return ActStatus.REJECTED
        self.calls = 1
        return ActStatus.DONE


class RequestLife(RuleBasedStateMachine):
    """People vote and edit, time passes, the run acts and ends, in any order."""

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.door = Door()
        self.request: HitlRequest
        self.model: Model

    def wait(self, coroutine: Coroutine[Any, Any, T]) -> T:
        return self.runner.run(coroutine)

    @initialize(level=st.sampled_from([RISKY, ADMIN, SUPER]))
    def ask(self, level: PrivilegeLevel) -> None:
        self.wait(self.door.set_up(min_privilege_level=level))
        self.request = self.wait(self.door.ask())
        self.model = Model(level)

    @rule(person=PEOPLE)
    def approve(self, person: Caller) -> None:
        objection = self.model.objection_unseen(person)
        assert self.attempt(self.door.approve(self.request, person)) == objection
        if objection is None:
            self.model.approve(person)

    @rule(person=PEOPLE)
    def look_and_approve(self, person: Caller) -> None:
        objection = self.model.objection(person)
        seen = self.wait(self.door.request(self.request.id)).digest
        approving = self.door.hitl.approve(person, self.request.id, notes=None, arguments=None, digest=seen)
        assert self.attempt(approving) == objection
        if objection is None:
            self.model.approve(person)

    @rule(person=PEOPLE, path=st.sampled_from(["a.md", "b.md"]))
    def edit(self, person: Caller, path: str) -> None:
        objection = self.model.objection_unseen(person) or ("already_approved" if self.model.approvals else None)
        assert self.attempt(self.door.approve(self.request, person, arguments={"path": path})) == objection
        if objection is None:
            self.model.arguments = {"path": path}
            self.model.edited = True
            self.model.approve(person)

    @rule(person=PEOPLE)
    def reject(self, person: Caller) -> None:
        objection = self.model.objection(person)
        assert self.attempt(self.door.hitl.reject(person, self.request.id, notes=None)) == objection
        if objection is None:
            self.model.status = "rejected"

    @rule(hours=st.sampled_from([1, 11, 23]))
    def time_passes(self, hours: int) -> None:
        self.door.clock.advance(timedelta(hours=hours))
        self.model.hour += hours

    @rule()
    def the_timer_rings(self) -> None:
        if self.model.status == "pending" and self.model.hour >= LIFETIME:
            self.model.status = "expired"
        settlement = self.wait(self.door.hitl.expire(TENANT, self.request.id))
        assert settlement.status == self.model.status

    @rule(knows_the_id=st.booleans())
    def the_run_acts(self, knows_the_id: bool) -> None:  # noqa: FBT001 - drawn
        overrides = {"hitl_request_id": self.request.id} if knows_the_id else {}
        result = self.wait(self.door.act(**overrides, arguments={"path": "/etc/passwd"}))
        assert result.status is self.model.act(), result

    @precondition(lambda self: not self.model.run_ended)
    @rule()
    def the_run_ends(self) -> None:
        self.wait(self.door.runs.finish(TENANT, self.door.execution.id, make_run_end(), ()))
        self.model.run_ended = True
        if self.model.status == "pending":
            self.model.status = "cancelled"

    @invariant()
    def the_row_says_what_the_model_says(self) -> None:
        (row,) = self.door.requests()
        assert row.status == self.model.status
        assert row.arguments == self.model.arguments
        assert row.consumed_at is None or self.model.calls == 1

    @invariant()
    def the_tool_is_called_at_most_once_and_with_what_was_approved(self) -> None:
        calls = [call.arguments for call in self.door.runner.calls]
        assert calls == [self.model.arguments] * self.model.calls

    @invariant()
    def the_run_is_paused_while_the_question_is_open(self) -> None:
        expected = ExecutionStatus.PAUSED_HITL if self.model.status == "pending" else ExecutionStatus.RUNNING
        assert self.door.run().status is (ExecutionStatus.COMPLETED if self.model.run_ended else expected)

    @invariant()
    def the_run_hears_of_one_settlement(self) -> None:
        told = [one.status for one in self.door.executor.settled.get(self.door.execution.id, [])]
        silent = self.model.status in {"pending", "cancelled"}
        assert told == ([] if silent else [HitlStatus(self.model.status)])

    def attempt(self, coroutine: Coroutine[Any, Any, object]) -> str | None:
        """Return the code of the error, if there is one."""
        try:
            self.wait(coroutine)
        except AgfError as error:
            return error.code
        return None

    def teardown(self) -> None:
        self.runner.close()


def test_every_life_agrees_with_the_model() -> None:
    run_state_machine_as_test(RequestLife, settings=settings(max_examples=200, stateful_step_count=20, deadline=None))
