"""Decisions: who may make them, what they change, what the run hears."""

from collections import deque
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from aumos_agent_framework.core.domain.executions import ExecutionStatus
from aumos_agent_framework.core.domain.hitl import HitlFilter, HitlRequest, HitlStatus, Settlement, Verdict
from aumos_agent_framework.core.domain.identity import Caller
from aumos_agent_framework.core.domain.outbox import OutboxKind
from aumos_agent_framework.core.domain.paging import PageRequest
from aumos_agent_framework.core.errors import (
    AgfError,
    ConflictError,
    ForbiddenError,
    InvalidInputError,
    NotFoundError,
    UnavailableError,
)
from aumos_agent_framework.core.services.digest import request_digest
from aumos_agent_framework.core.types import HitlRequestId, PrivilegeLevel
from tests.factories import OTHER_TENANT, TENANT, make_gate, make_open_gate_command, new_id
from tests.fakes.database import CommitFault
from tests.unit.services.door import ADA, ADMIN, ARGUMENTS, ARI, DANA, OWEN, PAT, PIA, RISKY, SAFE, SUPER, Door

FIRST_PAGE = PageRequest()


async def open_gate(door: Door, **overrides: Any) -> HitlRequest:
    """Open a gate on the agent's node."""
    gate = make_gate(**overrides)
    command = make_open_gate_command(
        execution_id=door.execution.id, gate=gate, agent_id=door.agent.id, initiated_by="dana"
    )
    return await door.request((await door.hitl.open_gate(command)).request_id)


async def decide(door: Door, verdict: Verdict, person: Caller, request_id: HitlRequestId) -> HitlRequest:
    if verdict is Verdict.REJECT:
        return await door.hitl.reject(person, request_id, notes=None)
    return await door.hitl.approve(person, request_id, notes=None, arguments=None, digest=None)


@pytest.mark.parametrize("verdict", list(Verdict))
class TestWhoMayDecide:
    async def refused(
        self, door: Door, verdict: Verdict, person: Caller, request: HitlRequest, error: type[AgfError]
    ) -> str:
        with pytest.raises(error) as caught:
            await decide(door, verdict, person, request.id)
        assert await door.request(request.id) == request
        return caught.value.code

    async def test_not_who_started_the_run(self, door: Door, verdict: Verdict) -> None:
        assert await self.refused(door, verdict, DANA, await door.ask(), ForbiddenError) == "own_request"

    async def test_not_the_agents_owner(self, door: Door, verdict: Verdict) -> None:
        assert await self.refused(door, verdict, OWEN, await door.ask(), ForbiddenError) == "own_agent"

    async def test_not_who_owned_the_agent_when_it_asked(self, door: Door, verdict: Verdict) -> None:
        request = await door.ask()
        await door.agents.update(PAT, door.agent.id, {"owner": "nina"})
        assert await self.refused(door, verdict, OWEN, request, ForbiddenError) == "own_agent"

    async def test_not_who_owns_the_agent_now(self, door: Door, verdict: Verdict) -> None:
        request = await door.ask()
        await door.agents.update(PAT, door.agent.id, {"owner": "ari"})
        assert await self.refused(door, verdict, ARI, request, ForbiddenError) == "own_agent"

    @pytest.mark.parametrize("required", [RISKY, ADMIN, SUPER])
    @pytest.mark.parametrize("level", list(PrivilegeLevel))
    async def test_not_below_the_required_level(
        self, verdict: Verdict, level: PrivilegeLevel, required: PrivilegeLevel
    ) -> None:
        door = await Door().set_up(min_privilege_level=required)
        request = await door.ask()
        person = Caller(TENANT, "kim", level)
        if level < required:
            assert await self.refused(door, verdict, person, request, ForbiddenError) == "level_too_low"
        else:
            assert (await decide(door, verdict, person, request.id)).decisions[0].decided_by == "kim"

    async def test_not_without_one_of_the_roles(self, door: Door, verdict: Verdict) -> None:
        request = await open_gate(door, approver_roles=("legal", "finance"))
        assert await self.refused(door, verdict, ARI, request, ForbiddenError) == "role_missing"
        lawyer = Caller(TENANT, "lea", RISKY, frozenset({"legal"}))
        assert (await decide(door, verdict, lawyer, request.id)).status is not HitlStatus.PENDING

    async def test_not_another_tenant(self, door: Door, verdict: Verdict) -> None:
        stranger = replace(PAT, tenant_id=OTHER_TENANT)
        assert await self.refused(door, verdict, stranger, await door.ask(), NotFoundError) == "not_found"

    async def test_not_on_what_does_not_exist(self, door: Door, verdict: Verdict) -> None:
        with pytest.raises(NotFoundError):
            await decide(door, verdict, ARI, HitlRequestId(new_id()))

    async def test_not_twice(self, verdict: Verdict) -> None:
        door = await Door().set_up(min_privilege_level=SUPER)
        request = await door.approve(await door.ask(), PAT)
        assert await self.refused(door, verdict, PAT, request, ConflictError) == "already_decided"

    @pytest.mark.parametrize("settled_by", list(Verdict))
    async def test_not_what_is_settled(self, door: Door, verdict: Verdict, settled_by: Verdict) -> None:
        request = await door.ask()
        settled = await decide(door, settled_by, ARI, request.id)
        assert await self.refused(door, verdict, ADA, settled, ConflictError) == "already_settled"

    @pytest.mark.parametrize("seconds", [0, 1])
    async def test_not_from_the_deadline_on(self, door: Door, verdict: Verdict, seconds: int) -> None:
        request = await door.ask()
        door.clock.advance(timedelta(hours=24, seconds=seconds))
        assert await self.refused(door, verdict, ARI, request, ConflictError) == "expired"

    async def test_until_the_deadline(self, door: Door, verdict: Verdict) -> None:
        request = await door.ask()
        door.clock.advance(timedelta(hours=24, microseconds=-1))
        assert (await decide(door, verdict, ARI, request.id)).status is not HitlStatus.PENDING


class TestApprove:
    async def test_records_who_when_and_why(self, door: Door) -> None:
        request = await door.ask()
        door.clock.advance(60)
        approved = await door.hitl.approve(ARI, request.id, notes="fine", arguments=None, digest=None)
        assert approved.status is HitlStatus.APPROVED
        (vote,) = approved.decisions
        assert (vote.decided_by, vote.decision, vote.notes, vote.decided_at) == (
            "ari",
            Verdict.APPROVE,
            "fine",
            door.clock.now(),
        )
        assert (approved.decided_by, approved.decided_at, approved.decision_notes) == (
            "ari",
            door.clock.now(),
            "fine",
        )

    async def test_the_first_of_two_leaves_it_open(self) -> None:
        door = await Door().set_up(min_privilege_level=SUPER)
        request = await door.approve(await door.ask(), PAT)
        assert (request.status, [vote.decided_by for vote in request.decisions]) == (HitlStatus.PENDING, ["pat"])
        assert door.executor.settled == {}
        assert door.run().status is ExecutionStatus.PAUSED_HITL
        request = await door.approve(request, PIA)
        assert (request.status, request.decided_by) == (HitlStatus.APPROVED, "pia")

    async def test_the_digest_that_was_seen_is_enough(self, door: Door) -> None:
        request = await door.ask()
        approved = await door.hitl.approve(ARI, request.id, notes=None, arguments=None, digest=request.digest)
        assert approved.status is HitlStatus.APPROVED

    async def test_another_digest_is_refused_with_the_present_one(self, door: Door) -> None:
        request = await door.ask()
        with pytest.raises(ConflictError, match=request.digest) as caught:
            await door.hitl.approve(ARI, request.id, notes=None, arguments=None, digest="0" * 64)
        assert caught.value.code == "digest_mismatch"
        assert await door.request(request.id) == request

    @pytest.mark.parametrize("changes", [{"description": "x"}, {"status": "disabled"}])
    async def test_a_tool_that_changed_is_not_approved_in_vain(self, door: Door, changes: dict[str, object]) -> None:
        request = await door.ask()
        await door.tools.update(PAT, "publish", changes)
        with pytest.raises(ConflictError) as caught:
            await door.approve(request)
        assert caught.value.code == "tool_changed"
        assert (await door.hitl.reject(ARI, request.id, notes=None)).status is HitlStatus.REJECTED

    async def test_unstorable_notes_are_refused(self, door: Door) -> None:
        request = await door.ask()
        with pytest.raises(InvalidInputError) as caught:
            await door.hitl.approve(ARI, request.id, notes="\x00", arguments=None, digest=None)
        assert caught.value.problems[0].pointer == "/notes"


class TestEdit:
    async def test_replaces_arguments_and_digest_and_keeps_the_original(self, door: Door) -> None:
        request = await door.ask()
        edited = await door.approve(request, ARI, arguments={"path": "draft.md"})
        assert edited.arguments == {"path": "draft.md"}
        assert edited.context_data["original_arguments"] == ARGUMENTS
        assert edited.context_data["edited_by"] == "ari"
        assert edited.digest == request_digest(edited) != request.digest

    @pytest.mark.parametrize(
        ("arguments", "pointer"),
        [
            ({}, "/arguments"),
            ({"path": 7}, "/arguments/path"),
            ({"path": "x", "copies": "two"}, "/arguments/copies"),
            ({"path": "x", "copies": 2**60}, "/arguments"),
            ({"path": "x", "copies": float("nan")}, "/arguments"),
            ({"path": "a\x00b"}, "/arguments"),
        ],
        ids=["missing", "misfit", "second", "inexact", "nan", "nul"],
    )
    async def test_misfits_are_refused_with_their_place(
        self, door: Door, arguments: dict[str, object], pointer: str
    ) -> None:
        request = await door.ask()
        with pytest.raises(InvalidInputError) as caught:
            await door.approve(request, ARI, arguments=arguments)
        assert caught.value.problems[0].pointer == pointer
        assert await door.request(request.id) == request

    async def test_nobody_edits_what_another_has_approved(self) -> None:
        door = await Door().set_up(min_privilege_level=SUPER)
        request = await door.approve(await door.ask(), PAT)
        with pytest.raises(ConflictError) as caught:
            await door.approve(request, PIA, arguments={"path": "x"})
        assert caught.value.code == "already_approved"
        assert await door.request(request.id) == request

    async def test_after_an_edit_the_second_person_says_what_they_saw(self) -> None:
        door = await Door().set_up(min_privilege_level=SUPER)
        request = await door.ask()
        edited = await door.approve(request, PAT, arguments={"path": "draft.md"})
        with pytest.raises(ConflictError, match=edited.digest) as caught:
            await door.approve(request, PIA)
        assert caught.value.code == "digest_required"
        assert (await door.request(request.id)).status is HitlStatus.PENDING

    async def test_the_second_person_approves_what_the_first_has_edited(self) -> None:
        door = await Door().set_up(min_privilege_level=SUPER)
        request = await door.ask()
        edited = await door.approve(request, PAT, arguments={"path": "draft.md"})
        with pytest.raises(ConflictError) as caught:
            await door.hitl.approve(PIA, request.id, notes=None, arguments=None, digest=request.digest)
        assert caught.value.code == "digest_mismatch"
        settled = await door.hitl.approve(PIA, request.id, notes=None, arguments=None, digest=edited.digest)
        await door.act(hitl_request_id=settled.id)
        assert [call.arguments for call in door.runner.calls] == [{"path": "draft.md"}]

    async def test_a_gate_has_no_arguments(self, door: Door) -> None:
        gate = await open_gate(door)
        with pytest.raises(ConflictError) as caught:
            await door.approve(gate, ARI, arguments={})
        assert caught.value.code == "not_editable"


class TestReject:
    async def test_settles_at_once_whatever_the_quorum(self) -> None:
        door = await Door().set_up(min_privilege_level=SUPER)
        request = await door.approve(await door.ask(), PAT)
        rejected = await door.hitl.reject(PIA, request.id, notes="no")
        assert (rejected.status, rejected.decided_by, rejected.decision_notes) == (HitlStatus.REJECTED, "pia", "no")
        assert [vote.decision for vote in rejected.decisions] == [Verdict.APPROVE, Verdict.REJECT]


class TestExpire:
    async def test_settles_from_the_deadline_on(self, door: Door) -> None:
        request = await door.ask()
        door.clock.advance(timedelta(hours=24))
        assert await door.hitl.expire(TENANT, request.id) == Settlement(request.id, HitlStatus.EXPIRED)
        assert (await door.request(request.id)).decided_at == door.clock.now()
        assert door.run().status is ExecutionStatus.RUNNING

    async def test_before_the_deadline_nothing_happens(self, door: Door) -> None:
        request = await door.ask()
        door.clock.advance(timedelta(hours=24, microseconds=-1))
        assert (await door.hitl.expire(TENANT, request.id)).status is HitlStatus.PENDING
        assert await door.request(request.id) == request

    async def test_a_decision_that_was_first_stays(self, door: Door) -> None:
        request = await door.ask()
        await door.hitl.reject(ARI, request.id, notes="no")
        door.clock.advance(timedelta(hours=25))
        settlement = await door.hitl.expire(TENANT, request.id)
        assert settlement == Settlement(request.id, HitlStatus.REJECTED, "ari", "no")

    async def test_repeated_says_the_same(self, door: Door) -> None:
        request = await door.ask()
        door.clock.advance(timedelta(hours=24))
        assert await door.hitl.expire(TENANT, request.id) == await door.hitl.expire(TENANT, request.id)
        assert len(door.executor.settled[door.execution.id]) == 1

    async def test_of_another_tenant_does_not_exist(self, door: Door) -> None:
        request = await door.ask()
        with pytest.raises(NotFoundError):
            await door.hitl.expire(OTHER_TENANT, request.id)


class TestWordToTheRun:
    """The settlement and the message to the run are one transaction; the rest is repetition."""

    async def test_is_delivered_at_once(self, door: Door) -> None:
        request = await door.approved()
        assert door.executor.settled[door.execution.id] == [Settlement(request.id, HitlStatus.APPROVED, "ari", None)]
        assert door.uow.database.rows(TENANT, "outbox") == []
        assert (TENANT, door.execution.id) in door.signals.announced

    async def test_waits_in_the_outbox_while_the_engine_is_away(self, door: Door) -> None:
        request = await door.ask()
        door.executor.available = False
        assert (await door.approve(request)).status is HitlStatus.APPROVED
        (message,) = door.uow.database.rows(TENANT, "outbox")
        assert (message.kind, message.execution_id) == (OutboxKind.DECISION, door.execution.id)
        assert message.payload["status"] == "approved"
        assert message.available_at > door.clock.now()

    async def test_is_not_said_if_the_settlement_is_lost(self, door: Door) -> None:
        request = await door.ask()
        door.uow.database.commit_faults = deque([CommitFault.LOST])
        with pytest.raises(UnavailableError):
            await door.approve(request)
        assert door.executor.settled == {}
        assert await door.request(request.id) == request
        assert door.uow.database.rows(TENANT, "outbox") == []

    async def test_survives_a_death_right_after_the_settlement(self, door: Door) -> None:
        request = await door.ask()
        door.uow.database.commit_faults = deque([CommitFault.UNACKNOWLEDGED])
        with pytest.raises(UnavailableError):
            await door.approve(request)
        assert (await door.request(request.id)).status is HitlStatus.APPROVED
        assert len(door.uow.database.rows(TENANT, "outbox")) == 1


class TestReading:
    async def test_of_one(self, door: Door) -> None:
        request = await door.ask()
        assert await door.hitl.get(ARI, request.id) == request

    async def test_of_another_tenant_finds_nothing(self, door: Door) -> None:
        request = await door.ask()
        stranger = replace(PAT, tenant_id=OTHER_TENANT)
        with pytest.raises(NotFoundError):
            await door.hitl.get(stranger, request.id)
        assert (await door.hitl.list(stranger, FIRST_PAGE, HitlFilter(), mine=False)).total == 0

    async def test_lists_the_earliest_deadline_first(self, door: Door) -> None:
        late = await door.ask(call_id="late")
        early = await open_gate(door, timeout=timedelta(hours=1))
        page = await door.hitl.list(ARI, FIRST_PAGE, HitlFilter(), mine=False)
        assert [one.id for one in page.items] == [early.id, late.id]

    @pytest.mark.parametrize(
        ("person", "expected"), [(ARI, True), (DANA, False), (OWEN, False), (Caller(TENANT, "dev", SAFE), False)]
    )
    async def test_mine_is_what_the_caller_may_decide(
        self,
        door: Door,
        person: Caller,
        expected: bool,  # noqa: FBT001 - a table's column
    ) -> None:
        await door.ask()
        page = await door.hitl.list(person, FIRST_PAGE, HitlFilter(), mine=True)
        assert (page.total == 1) is expected
        assert (await door.hitl.list(person, FIRST_PAGE, HitlFilter(), mine=False)).total == 1

    async def test_mine_leaves_out_other_roles_and_what_is_decided(self) -> None:
        door = await Door().set_up(min_privilege_level=SUPER)
        request = await door.approve(await door.ask(), PAT)
        await open_gate(door, approver_roles=("legal",))
        assert (await door.hitl.list(PAT, FIRST_PAGE, HitlFilter(), mine=True)).total == 0
        page = await door.hitl.list(PIA, FIRST_PAGE, HitlFilter(), mine=True)
        assert [one.id for one in page.items] == [request.id]


class TestWithdraw:
    async def test_a_question_that_nobody_waits_for_is_cancelled_and_the_run_goes_on(self, door: Door) -> None:
        request = await door.ask()
        await door.hitl.withdraw(TENANT, [request.id])
        assert (await door.request(request.id)).status is HitlStatus.CANCELLED
        assert door.run().status is ExecutionStatus.RUNNING

    async def test_a_settled_one_stays_as_it_is(self, door: Door) -> None:
        request = await door.approve(await door.ask(), ARI)
        await door.hitl.withdraw(TENANT, [request.id])
        assert await door.request(request.id) == request
