"""The door, where people must approve."""

import asyncio
from datetime import timedelta

import pytest

from aumos_agent_framework.core.domain.agents import ToolGrant
from aumos_agent_framework.core.domain.effects import ActStatus, EffectStatus
from aumos_agent_framework.core.domain.executions import ExecutionStatus
from aumos_agent_framework.core.domain.hitl import HitlKind, HitlStatus
from aumos_agent_framework.core.domain.tools import ToolIdempotency, ToolOutcome, ToolOutcomeKind
from aumos_agent_framework.core.errors import ConflictError
from aumos_agent_framework.core.services.digest import request_digest
from aumos_agent_framework.core.types import PrivilegeLevel
from tests.factories import TENANT, make_act_command, make_run_end, new_id
from tests.unit.services.door import ADA, ADMIN, ARGUMENTS, ARI, PAT, PIA, RISKY, SUPER, Door

DAY = timedelta(hours=24)


class TestAsking:
    async def test_the_request_says_what_would_be_done(self, door: Door) -> None:
        request = await door.ask()
        assert (request.kind, request.tool, request.tool_version) == (HitlKind.TOOL_CALL, "publish", 1)
        assert request.arguments == ARGUMENTS
        assert (request.agent_id, request.agent_owner, request.initiated_by) == (door.agent.id, "owen", "dana")
        assert (request.required_level, request.effective_level, request.quorum) == (RISKY, SUPER, 1)
        assert request.expires_at == door.clock.now() + DAY
        assert request.digest == request_digest(request)
        assert "writer" in request.action_description
        assert request.context_data["agent"] == "writer"

    @pytest.mark.parametrize(("level", "quorum"), [(RISKY, 1), (ADMIN, 1), (SUPER, 2)])
    async def test_the_tools_level_decides_who_must_approve(self, level: PrivilegeLevel, quorum: int) -> None:
        door = await Door().set_up(min_privilege_level=level)
        request = await door.ask()
        assert (request.required_level, request.quorum) == (level, quorum)

    async def test_nothing_is_called_and_the_run_pauses(self, door: Door) -> None:
        result = await door.act()
        assert result.status is ActStatus.APPROVAL_REQUIRED
        assert result.expires_in_seconds == DAY.total_seconds()
        assert door.runner.calls == []
        assert door.ledger() == []
        assert (door.run().status, door.run().current_nodes) == (ExecutionStatus.PAUSED_HITL, ("write",))
        assert (TENANT, door.execution.id) in door.signals.announced

    async def test_a_repetition_finds_the_same_question(self, door: Door) -> None:
        first = await door.ask()
        door.clock.advance(60)
        second = await door.act()
        assert second.hitl_request_id == first.id
        assert second.expires_in_seconds == DAY.total_seconds() - 60
        assert door.requests() == [first]

    async def test_two_at_once_ask_once(self, door: Door) -> None:
        results = await asyncio.gather(door.act(), door.act())
        assert len({result.hitl_request_id for result in results}) == 1
        assert len(door.requests()) == 1

    async def test_misfitting_arguments_are_not_asked_about(self, door: Door) -> None:
        result = await door.act(arguments={"path": 7})
        assert (result.status, result.code) == (ActStatus.ERROR, "arguments_invalid")
        assert door.requests() == []

    async def test_inexact_numbers_are_not_asked_about(self, door: Door) -> None:
        result = await door.act(arguments={"path": "x", "copies": 2**60})
        assert (result.status, result.code) == (ActStatus.ERROR, "arguments_invalid")
        assert str(2**60) in result.message
        assert door.requests() == []

    async def test_a_run_that_ends_meanwhile_is_asked_nothing(self, door: Door) -> None:
        async with door.uow(TENANT) as work:
            await work.executions.finish(door.execution.id, make_run_end(), door.clock.now())
            asking = asyncio.create_task(door.act())
            for _ in range(50):  # until it waits for the run's row
                await asyncio.sleep(0)
            assert not asking.done()
            await work.commit()
        result = await asking
        assert (result.status, result.code) == (ActStatus.DENIED, "run_ended")
        assert door.requests() == []


class TestApproved:
    async def test_the_call_is_made_once(self, door: Door) -> None:
        request = await door.approved()
        result = await door.act(hitl_request_id=request.id)
        assert (result.status, result.result) == (ActStatus.DONE, {"ok": True})
        assert (await door.request(request.id)).consumed_at == door.clock.now()
        assert door.effect().hitl_request_id == request.id
        assert await door.act(hitl_request_id=request.id) == result
        assert len(door.runner.calls) == 1

    async def test_the_first_call_repeated_need_not_know_of_it(self, door: Door) -> None:
        await door.approved()
        assert (await door.act()).status is ActStatus.DONE

    async def test_the_arguments_are_the_rows_not_the_commands(self, door: Door) -> None:
        request = await door.approved()
        await door.act(hitl_request_id=request.id, arguments={"path": "/etc/passwd"})
        assert [call.arguments for call in door.runner.calls] == [ARGUMENTS]

    async def test_edited_arguments_are_used(self, door: Door) -> None:
        request = await door.approve(await door.ask(), ARI, arguments={"path": "draft.md"})
        await door.act(hitl_request_id=request.id)
        assert [call.arguments for call in door.runner.calls] == [{"path": "draft.md"}]
        assert door.effect().arguments == {"path": "draft.md"}

    async def test_level_five_waits_for_the_second_person(self) -> None:
        door = await Door().set_up(min_privilege_level=SUPER)
        request = await door.approved(PAT)
        assert (await door.act(hitl_request_id=request.id)).status is ActStatus.APPROVAL_REQUIRED
        await door.approve(request, PIA)
        assert (await door.act(hitl_request_id=request.id)).status is ActStatus.DONE

    @pytest.mark.parametrize("seconds", [0, 1, 3600])
    async def test_an_approval_ends_with_its_deadline(self, door: Door, seconds: int) -> None:
        request = await door.approved()
        door.clock.advance(DAY + timedelta(seconds=seconds))
        result = await door.act(hitl_request_id=request.id)
        assert (result.status, result.code) == (ActStatus.REJECTED, "approval_expired")
        assert door.runner.calls == []

    async def test_an_approval_is_good_until_its_deadline(self, door: Door) -> None:
        request = await door.approved()
        door.clock.advance(DAY - timedelta(seconds=1))
        assert (await door.act(hitl_request_id=request.id)).status is ActStatus.DONE

    async def test_two_at_once_make_one_call(self, door: Door) -> None:
        request = await door.approved()
        results = await asyncio.gather(*(door.act(hitl_request_id=request.id) for _ in range(5)))
        assert len(door.runner.calls) == 1
        assert ActStatus.DONE in {result.status for result in results}
        assert {result.status for result in results} <= {ActStatus.DONE, ActStatus.UNKNOWN}
        assert door.effect().status is EffectStatus.DONE

    async def test_a_limited_call_does_not_use_it_up(self) -> None:
        door = await Door().set_up()
        access = {"publish": ToolGrant(rate_limit=1)}
        await door.agents.set_tools(PAT, door.agent.id, access)
        first = await door.approved(call_id="call-1")
        second = await door.approved(call_id="call-2")
        assert (await door.act(call_id="call-1", hitl_request_id=first.id)).status is ActStatus.DONE
        limited = await door.act(call_id="call-2", hitl_request_id=second.id)
        assert limited.status is ActStatus.RATE_LIMITED
        assert (await door.request(second.id)).consumed_at is None
        door.clock.advance(limited.retry_after_seconds)
        assert (await door.act(call_id="call-2", hitl_request_id=second.id)).status is ActStatus.DONE

    async def test_an_approval_of_one_call_is_worth_nothing_for_another(self, door: Door) -> None:
        request = await door.approved()
        result = await door.act(call_id="write:1:call-2", hitl_request_id=request.id)
        assert (result.status, result.code) == (ActStatus.DENIED, "approval_mismatch")
        assert door.runner.calls == []

    async def test_an_approval_that_does_not_exist_is_worth_nothing(self, door: Door) -> None:
        result = await door.act(hitl_request_id=new_id())
        assert (result.status, result.code) == (ActStatus.DENIED, "approval_mismatch")

    async def test_an_approval_nobody_asked_for_is_worth_nothing(self, door: Door) -> None:
        elsewhere = await door.ask()
        del door.uow.database.committed[TENANT, "hitl", elsewhere.id]
        result = await door.act(hitl_request_id=elsewhere.id)
        assert (result.status, result.code) == (ActStatus.DENIED, "approval_missing")
        assert door.requests() == []

    async def test_a_used_approval_without_its_effect_is_worth_nothing(self, door: Door) -> None:
        request = await door.approved()
        async with door.uow(TENANT) as work:
            await work.hitl.consume(request.id, door.clock.now())
            await work.commit()
        result = await door.act(hitl_request_id=request.id)
        assert (result.status, result.code) == (ActStatus.DENIED, "approval_used")


class TestNotApproved:
    async def test_pending_keeps_waiting(self, door: Door) -> None:
        request = await door.ask()
        result = await door.act(hitl_request_id=request.id)
        assert (result.status, result.hitl_request_id) == (ActStatus.APPROVAL_REQUIRED, request.id)

    async def test_pending_past_its_deadline_is_due_at_once(self, door: Door) -> None:
        request = await door.ask()
        door.clock.advance(2 * DAY)
        assert (await door.act(hitl_request_id=request.id)).expires_in_seconds == 0.0

    async def test_rejected_tells_the_agent_why(self, door: Door) -> None:
        request = await door.ask()
        await door.hitl.reject(ARI, request.id, notes="wrong folder")
        result = await door.act(hitl_request_id=request.id)
        assert (result.status, result.code) == (ActStatus.REJECTED, "hitl_rejected")
        assert "ari" in result.message
        assert "wrong folder" in result.message
        assert door.runner.calls == []

    async def test_expired_is_a_rejection(self, door: Door) -> None:
        request = await door.ask()
        door.clock.advance(DAY)
        await door.hitl.expire(TENANT, request.id)
        result = await door.act(hitl_request_id=request.id)
        assert (result.status, result.code) == (ActStatus.REJECTED, "hitl_expired")

    async def test_rejected_stays_rejected_for_the_same_call(self, door: Door) -> None:
        request = await door.ask()
        await door.hitl.reject(ARI, request.id, notes=None)
        assert (await door.act()).status is ActStatus.REJECTED
        assert len(door.requests()) == 1

    async def test_cancelled_with_its_run_is_refused(self, door: Door) -> None:
        request = await door.ask()
        await door.runs.finish(TENANT, door.execution.id, make_run_end(), ())
        assert (await door.request(request.id)).status is HitlStatus.CANCELLED
        result = await door.act(hitl_request_id=request.id)
        assert (result.status, result.code) == (ActStatus.DENIED, "run_ended")


class TestRunStatus:
    """The run is paused exactly while at least one request is open."""

    async def test_settling_the_last_open_request_resumes(self, door: Door) -> None:
        first, second = await door.ask(call_id="a"), await door.ask(call_id="b")
        await door.approve(first)
        assert door.run().status is ExecutionStatus.PAUSED_HITL
        await door.hitl.reject(ARI, second.id, notes=None)
        assert door.run().status is ExecutionStatus.RUNNING

    @pytest.mark.parametrize("head_start", range(12))
    async def test_a_request_opened_while_another_is_settled_keeps_it_paused(self, door: Door, head_start: int) -> None:
        first = await door.ask(call_id="a")
        asking = asyncio.create_task(door.act(call_id="b"))
        for _ in range(head_start):
            await asyncio.sleep(0)
        await door.approve(first)
        await asking
        assert door.run().status is ExecutionStatus.PAUSED_HITL

    @pytest.mark.parametrize("head_start", range(12))
    async def test_a_request_opened_while_the_run_ends_is_not_left_open(self, door: Door, head_start: int) -> None:
        asking = asyncio.create_task(door.act())
        for _ in range(head_start):
            await asyncio.sleep(0)
        await door.runs.finish(TENANT, door.execution.id, make_run_end(), ())
        await asking
        assert door.run().status is ExecutionStatus.COMPLETED
        assert HitlStatus.PENDING not in {request.status for request in door.requests()}


class TestPeopleRace:
    @pytest.mark.parametrize("order", range(4))
    async def test_one_decision_wins_and_at_most_one_effect_follows(self, door: Door, order: int) -> None:
        request = await door.ask()
        door.clock.advance(DAY - timedelta(microseconds=1))
        contenders = [
            door.hitl.approve(ARI, request.id, notes=None, arguments=None, digest=None),
            door.hitl.reject(ADA, request.id, notes=None),
            door.hitl.approve(PAT, request.id, notes=None, arguments={"path": "other.md"}, digest=None),
            door.hitl.reject(PIA, request.id, notes=None),
        ]
        outcomes = await asyncio.gather(*contenders[order:], *contenders[:order], return_exceptions=True)
        lost = [outcome for outcome in outcomes if isinstance(outcome, ConflictError)]
        assert [error.code for error in lost] == ["already_settled"] * 3
        settled = await door.request(request.id)
        assert len(settled.decisions) == 1
        result = await door.act(hitl_request_id=request.id)
        approved = settled.status is HitlStatus.APPROVED
        assert result.status is (ActStatus.DONE if approved else ActStatus.REJECTED)
        assert len(door.runner.calls) == approved
        assert [one.status for one in door.executor.settled[door.execution.id]] == [settled.status]


class TestSlowTool:
    async def test_a_duplicate_during_the_call_does_not_call_again(self, door: Door) -> None:
        request = await door.approved()
        begun, go_on = asyncio.Event(), asyncio.Event()

        async def slowly(_: object) -> ToolOutcome:
            begun.set()
            await go_on.wait()
            return ToolOutcome(ToolOutcomeKind.DONE, result="late")

        door.runner.script.append(slowly)
        first = asyncio.create_task(door.act(hitl_request_id=request.id))
        await begun.wait()
        duplicate = await door.act(hitl_request_id=request.id)
        assert duplicate.status is ActStatus.UNKNOWN
        go_on.set()
        assert (await first).result == "late"
        assert len(door.runner.calls) == 1
        assert (door.effect().status, door.effect().result) == (EffectStatus.DONE, "late")
        assert (await door.act()).result == "late"

    async def test_a_duplicate_of_an_idempotent_call_repeats_it_with_the_same_key(self) -> None:
        door = await Door().set_up(idempotency=ToolIdempotency.KEY)
        request = await door.approved()
        begun, go_on = asyncio.Event(), asyncio.Event()

        async def slowly(_: object) -> ToolOutcome:
            begun.set()
            await go_on.wait()
            return ToolOutcome(ToolOutcomeKind.RETRYABLE, message="timed out")

        door.runner.script.append(slowly)
        first = asyncio.create_task(door.act(hitl_request_id=request.id))
        await begun.wait()
        assert (await door.act(hitl_request_id=request.id)).status is ActStatus.DONE
        go_on.set()
        assert (await first).status is ActStatus.DONE
        assert [call.context.attempt for call in door.runner.calls] == [1, 2]
        assert len({call.context.effect_id for call in door.runner.calls}) == 1
        assert door.effect().status is EffectStatus.DONE


class TestOtherTenants:
    async def test_a_command_cannot_reach_another_tenants_approval(self, door: Door) -> None:
        request = await door.approved()
        command = make_act_command(
            tenant_id=new_id(), execution_id=request.execution_id, hitl_request_id=request.id, tool="publish"
        )
        result = await door.effects.act(command)
        assert (result.status, result.code) == (ActStatus.DENIED, "run_unknown")
