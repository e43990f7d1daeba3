"""Deaths at every boundary of a call, and what the repetition does."""

import asyncio
from collections import deque
from dataclasses import replace

import pytest

from aumos_agent_framework.core.domain.agents import AgentStatus
from aumos_agent_framework.core.domain.effects import ActResult, ActStatus, EffectStatus
from aumos_agent_framework.core.domain.executions import ExecutionStatus
from aumos_agent_framework.core.domain.tools import ToolIdempotency, ToolOutcome, ToolOutcomeKind
from aumos_agent_framework.core.errors import UnavailableError
from aumos_agent_framework.core.services.effects import ToolUnavailable
from tests.factories import TENANT, make_run_end
from tests.fakes.database import CommitFault
from tests.unit.services.door import ARI, PAT, SAFE, Door

NONE, KEY, IDEMPOTENT = ToolIdempotency.NONE, ToolIdempotency.KEY, ToolIdempotency.IDEMPOTENT
LOST, UNACKNOWLEDGED = CommitFault.LOST, CommitFault.UNACKNOWLEDGED


class Killed(BaseException):
    """The process dies here."""


async def door_for(idempotency: ToolIdempotency) -> Door:
    return await Door().set_up(min_privilege_level=SAFE, idempotency=idempotency)


async def repeat(door: Door) -> tuple[ActResult, int]:
    """Act again; return the answer and how many calls the tool has seen in all."""
    result = await door.act()
    return result, len(door.runner.calls)


@pytest.mark.parametrize("idempotency", list(ToolIdempotency))
class TestDeath:
    async def test_before_the_reservation_is_durable(self, idempotency: ToolIdempotency) -> None:
        door = await door_for(idempotency)
        door.uow.database.commit_faults = deque([LOST])
        with pytest.raises(UnavailableError):
            await door.act()
        assert door.runner.calls == []
        result, calls = await repeat(door)
        assert (result.status, result.attempts, calls) == (ActStatus.DONE, 1, 1)

    async def test_between_reservation_and_call(self, idempotency: ToolIdempotency) -> None:
        door = await door_for(idempotency)
        door.uow.database.commit_faults = deque([UNACKNOWLEDGED])
        with pytest.raises(UnavailableError):
            await door.act()
        result, calls = await repeat(door)
        if idempotency is NONE:
            assert (result.status, calls) == (ActStatus.UNKNOWN, 0)
        else:
            assert (result.status, result.attempts, calls) == (ActStatus.DONE, 2, 1)

    @pytest.mark.parametrize("death", [Killed(), asyncio.CancelledError(), ValueError("a bug in an adapter")])
    async def test_during_the_call(self, idempotency: ToolIdempotency, death: BaseException) -> None:
        door = await door_for(idempotency)
        door.runner.script.append(death)
        with pytest.raises(type(death)):
            await door.act()
        assert door.effect().status is EffectStatus.RESERVED
        result, calls = await repeat(door)
        if idempotency is NONE:
            assert (result.status, calls) == (ActStatus.UNKNOWN, 1)
        else:
            assert (result.status, result.attempts, calls) == (ActStatus.DONE, 2, 2)
            assert len({call.context.effect_id for call in door.runner.calls}) == 1

    async def test_between_call_and_settlement(self, idempotency: ToolIdempotency) -> None:
        door = await door_for(idempotency)
        door.uow.database.commit_faults = deque([None, LOST])
        with pytest.raises(UnavailableError):
            await door.act()
        result, calls = await repeat(door)
        expected = (ActStatus.UNKNOWN, 1) if idempotency is NONE else (ActStatus.DONE, 2)
        assert (result.status, calls) == expected

    async def test_after_the_settlement(self, idempotency: ToolIdempotency) -> None:
        door = await door_for(idempotency)
        door.uow.database.commit_faults = deque([None, UNACKNOWLEDGED])
        with pytest.raises(UnavailableError):
            await door.act()
        result, calls = await repeat(door)
        assert (result.status, result.attempts, calls) == (ActStatus.DONE, 1, 1)

    async def test_after_an_attempt_that_reached_nothing(self, idempotency: ToolIdempotency) -> None:
        door = await door_for(idempotency)
        door.runner.script.append(ToolOutcome(ToolOutcomeKind.RETRYABLE))
        with pytest.raises(ToolUnavailable):
            await door.act()
        result, calls = await repeat(door)
        assert (result.status, result.attempts, calls) == (ActStatus.DONE, 2, 2)

    async def test_in_the_second_attempt(self, idempotency: ToolIdempotency) -> None:
        door = await door_for(idempotency)
        door.runner.script.extend([ToolOutcome(ToolOutcomeKind.RETRYABLE), Killed()])
        with pytest.raises(ToolUnavailable):
            await door.act()
        with pytest.raises(Killed):
            await door.act()
        result, calls = await repeat(door)
        expected = (ActStatus.UNKNOWN, 2) if idempotency is NONE else (ActStatus.DONE, 3)
        assert (result.status, calls) == expected

    async def test_with_an_approval_in_hand(self, idempotency: ToolIdempotency) -> None:
        door = await Door().set_up(idempotency=idempotency)
        request = await door.approved()
        door.runner.script.append(Killed())
        with pytest.raises(Killed):
            await door.act(hitl_request_id=request.id)
        door.clock.advance(100 * 3600)  # used up in time: its effect may still be repeated
        result = await door.act(hitl_request_id=request.id)
        assert result.status is (ActStatus.UNKNOWN if idempotency is NONE else ActStatus.DONE)

    async def test_while_the_approval_is_used(self, idempotency: ToolIdempotency) -> None:
        door = await Door().set_up(idempotency=idempotency)
        request = await door.approved()
        door.uow.database.commit_faults = deque([LOST])
        with pytest.raises(UnavailableError):
            await door.act(hitl_request_id=request.id)
        assert (await door.request(request.id)).consumed_at is None
        assert (await door.act(hitl_request_id=request.id)).status is ActStatus.DONE
        assert len(door.runner.calls) == 1


class TestDatabaseHiccup:
    """What a tool has done is written down as soon as the database is back."""

    @pytest.mark.parametrize("fault", list(CommitFault))
    @pytest.mark.parametrize("times", [1, 2])
    async def test_a_short_one_is_waited_out(self, door: Door, fault: CommitFault, times: int) -> None:
        request = await door.approved()
        door.uow.database.commit_faults = deque([None, *[fault] * times])
        effects = door.effect_service(settle_delays=(0.0, 0.0))
        result = await effects.act(door.command(hitl_request_id=request.id))
        assert (result.status, len(door.runner.calls)) == (ActStatus.DONE, 1)
        assert door.effect().status is EffectStatus.DONE

    async def test_a_long_one_leaves_the_effect_reserved(self, door: Door) -> None:
        request = await door.approved()
        door.uow.database.commit_faults = deque([None, LOST, LOST, LOST])
        effects = door.effect_service(settle_delays=(0.0, 0.0))
        with pytest.raises(UnavailableError):
            await effects.act(door.command(hitl_request_id=request.id))
        assert door.effect().status is EffectStatus.RESERVED

    async def test_before_the_call_nothing_is_called(self, safe_door: Door) -> None:
        safe_door.uow.database.available = False
        with pytest.raises(UnavailableError):
            await safe_door.act()
        assert safe_door.runner.calls == []


class TestCancelledWhileSettling:
    async def test_what_is_known_is_written_all_the_same(self, safe_door: Door) -> None:
        returned = asyncio.Event()

        async def quickly(_: object) -> ToolOutcome:
            returned.set()
            return ToolOutcome(ToolOutcomeKind.DONE)

        safe_door.runner.script.append(quickly)
        acting = asyncio.create_task(safe_door.act())
        await returned.wait()
        await asyncio.sleep(0)  # into the second transaction
        acting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await acting
        assert safe_door.effect().status is EffectStatus.DONE

    async def test_a_failure_to_write_is_logged(self, safe_door: Door, caplog: pytest.LogCaptureFixture) -> None:
        returned = asyncio.Event()

        async def quickly(_: object) -> ToolOutcome:
            returned.set()
            return ToolOutcome(ToolOutcomeKind.DONE)

        safe_door.runner.script.append(quickly)
        safe_door.uow.database.commit_faults = deque([None, LOST])
        acting = asyncio.create_task(safe_door.act())
        await returned.wait()
        await asyncio.sleep(0)
        acting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await acting
        assert "outcome_not_recorded" in caplog.messages
        assert safe_door.effect().status is EffectStatus.RESERVED


async def killed(door: Door) -> None:
    door.runner.script.append(Killed())
    with pytest.raises(Killed):
        await door.act()


async def unreachable(door: Door) -> None:
    door.runner.script.append(ToolOutcome(ToolOutcomeKind.RETRYABLE))
    with pytest.raises(ToolUnavailable):
        await door.act()


class TestPermissionWithdrawnBetweenAttempts:
    """An attempt is a call on the world: what is not permitted any more is not repeated."""

    async def test_a_lost_attempt_becomes_unknown(self) -> None:
        door = await door_for(IDEMPOTENT)
        await killed(door)
        door.overwrite("agents", replace(door.agent, status=AgentStatus.SUSPENDED))
        result = await door.act()
        assert result.status is ActStatus.UNKNOWN
        assert "suspended" in result.message
        assert len(door.runner.calls) == 1

    async def test_an_ended_attempt_is_refused(self) -> None:
        door = await door_for(IDEMPOTENT)
        await unreachable(door)
        door.overwrite("agents", replace(door.agent, status=AgentStatus.SUSPENDED))
        result = await door.act()
        assert (result.status, result.code) == (ActStatus.DENIED, "agent_suspended")
        assert len(door.runner.calls) == 1

    async def test_a_run_that_ended_is_not_continued(self) -> None:
        door = await door_for(KEY)
        await killed(door)
        await door.runs.finish(TENANT, door.execution.id, make_run_end(status=ExecutionStatus.FAILED), ())
        assert (await door.act()).status is ActStatus.UNKNOWN
        assert len(door.runner.calls) == 1

    async def test_a_changed_tool_is_not_the_call_that_was_made(self) -> None:
        door = await door_for(IDEMPOTENT)
        await unreachable(door)
        await door.tools.update(PAT, "publish", {"config": {"type": "http", "url": "http://elsewhere.test"}})
        result = await door.act()
        assert (result.status, result.code) == (ActStatus.DENIED, "tool_changed")

    async def test_raised_needs_an_approval_do_not_fall_through(self) -> None:
        door = await door_for(IDEMPOTENT)
        await unreachable(door)
        raised = replace(door.tool, min_privilege_level=ARI.level)  # behind the service's back: same version
        door.overwrite("tools", raised)
        result = await door.act()
        assert (result.status, result.code) == (ActStatus.DENIED, "approval_missing")
        assert len(door.runner.calls) == 1

    async def test_reserved_arguments_that_were_changed_are_not_sent(self) -> None:
        door = await Door().set_up(idempotency=IDEMPOTENT)
        request = await door.approved()
        await unreachable(door)
        door.overwrite("effects", replace(door.effect(), arguments={"path": "/etc/passwd"}))
        result = await door.act(hitl_request_id=request.id)
        assert (result.status, result.code) == (ActStatus.DENIED, "approval_mismatch")
        assert len(door.runner.calls) == 1
