"""The door, where no approval is needed: refusals, arguments, results, the ledger, rate limits."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from aumos_agent_framework.core.domain.agents import AgentStatus, ResourceLimits, ToolGrant
from aumos_agent_framework.core.domain.effects import ActStatus, EffectStatus
from aumos_agent_framework.core.domain.executions import ExecutionStatus
from aumos_agent_framework.core.domain.identity import Tenant
from aumos_agent_framework.core.domain.tools import ToolIdempotency, ToolOutcome, ToolOutcomeKind, ToolStatus
from aumos_agent_framework.core.domain.workflows import RunAs
from aumos_agent_framework.core.services import ledger
from aumos_agent_framework.core.services.effects import ToolUnavailable
from aumos_agent_framework.core.types import PrivilegeLevel
from tests.factories import OTHER_TENANT, TENANT, make_governance, new_id
from tests.unit.services.door import ARGUMENTS, SAFE, SUPER, Door

READ = PrivilegeLevel.READ_ONLY


async def assert_refused(door: Door, code: str, **overrides: Any) -> None:
    result = await door.act(**overrides)
    assert (result.status, result.code) == (ActStatus.DENIED, code)
    assert result.message
    assert door.runner.calls == []
    assert door.ledger() == []
    assert door.requests() == []


class TestRefusal:
    async def test_of_a_run_that_does_not_exist(self, safe_door: Door) -> None:
        await assert_refused(safe_door, "run_unknown", execution_id=new_id())

    async def test_of_another_tenants_run(self, safe_door: Door) -> None:
        await assert_refused(safe_door, "run_unknown", tenant_id=OTHER_TENANT)

    @pytest.mark.parametrize("status", [ExecutionStatus.COMPLETED, ExecutionStatus.FAILED, ExecutionStatus.CANCELLED])
    async def test_of_a_run_that_has_ended(self, safe_door: Door, status: ExecutionStatus) -> None:
        safe_door.overwrite("executions", replace(safe_door.execution, status=status))
        await assert_refused(safe_door, "run_ended")

    async def test_of_a_run_that_is_being_cancelled(self, safe_door: Door) -> None:
        safe_door.overwrite("executions", replace(safe_door.execution, cancel_requested=True))
        await assert_refused(safe_door, "run_cancelled")

    async def test_in_someone_elses_name(self, safe_door: Door) -> None:
        governance = make_governance(initiated_by="eve", caller_level=SUPER)
        await assert_refused(safe_door, "run_mismatch", governance=governance)

    async def test_of_an_agent_that_does_not_exist(self, safe_door: Door) -> None:
        await assert_refused(safe_door, "agent_unknown", agent_id=new_id())

    async def test_of_a_suspended_agent(self, safe_door: Door) -> None:
        safe_door.overwrite("agents", replace(safe_door.agent, status=AgentStatus.SUSPENDED))
        await assert_refused(safe_door, "agent_suspended")

    @pytest.mark.parametrize("access", [{}, {"publish": ToolGrant(enabled=False)}, {"other": ToolGrant()}])
    async def test_of_a_tool_that_is_not_granted(self, safe_door: Door, access: dict[str, ToolGrant]) -> None:
        safe_door.overwrite("agents", replace(safe_door.agent, tool_access=access))
        await assert_refused(safe_door, "tool_not_granted")

    async def test_of_a_tool_that_does_not_exist(self, safe_door: Door) -> None:
        await assert_refused(safe_door, "tool_unknown", tool="nothing", agent_id=None)

    async def test_of_a_disabled_tool(self, safe_door: Door) -> None:
        safe_door.overwrite("tools", replace(safe_door.tool, status=ToolStatus.DISABLED))
        await assert_refused(safe_door, "tool_disabled")

    async def test_of_a_caller_below_the_tool(self, safe_door: Door) -> None:
        governance = make_governance(initiated_by="dana", caller_level=READ)
        await assert_refused(safe_door, "level_too_low", governance=governance)

    async def test_of_an_agent_below_the_tool(self, safe_door: Door) -> None:
        safe_door.overwrite("agents", replace(safe_door.agent, privilege_level=READ))
        await assert_refused(safe_door, "level_too_low")

    async def test_of_a_tenant_below_the_tool(self, safe_door: Door) -> None:
        safe_door.uow.set_tenant(Tenant(TENANT, "t", privilege_cap=READ))
        await assert_refused(safe_door, "level_too_low")

    async def test_of_a_workflow_below_the_tool(self, safe_door: Door) -> None:
        governance = make_governance(initiated_by="dana", caller_level=SUPER, privilege_cap=READ)
        await assert_refused(safe_door, "level_too_low", governance=governance)


class TestSafeCall:
    async def test_is_made_with_the_effects_id_as_key(self, safe_door: Door) -> None:
        result = await safe_door.act()
        assert (result.status, result.result, result.attempts) == (ActStatus.DONE, {"ok": True}, 1)
        (call,) = safe_door.runner.calls
        command = safe_door.command()
        assert call.context.effect_id == ledger.effect_id(command.execution_id, command.call_id)
        assert (call.arguments, call.context.attempt, call.context.tenant_id) == (ARGUMENTS, 1, TENANT)

    async def test_is_in_the_ledger(self, safe_door: Door) -> None:
        await safe_door.act()
        effect = safe_door.effect()
        assert (effect.status, effect.result, effect.tool, effect.tool_version) == (
            EffectStatus.DONE,
            {"ok": True},
            "publish",
            1,
        )
        assert effect.settled_at is not None
        assert effect.hitl_request_id is None

    async def test_is_reserved_before_it_is_made(self, safe_door: Door) -> None:
        seen = []

        async def look(_: object) -> ToolOutcome:
            seen.append(safe_door.effect().status)
            return ToolOutcome(ToolOutcomeKind.DONE)

        safe_door.runner.script.append(look)
        await safe_door.act()
        assert seen == [EffectStatus.RESERVED]

    async def test_by_a_tool_node_needs_no_agent(self, safe_door: Door) -> None:
        assert (await safe_door.act(agent_id=None)).status is ActStatus.DONE

    async def test_of_a_workflow_that_runs_as_itself_ignores_the_callers_level(self, safe_door: Door) -> None:
        governance = make_governance(initiated_by="dana", caller_level=READ, run_as=RunAs.WORKFLOW, privilege_cap=SAFE)
        assert (await safe_door.act(governance=governance)).status is ActStatus.DONE

    async def test_repeated_is_answered_from_the_ledger(self, safe_door: Door) -> None:
        first = await safe_door.act()
        safe_door.overwrite("agents", replace(safe_door.agent, status=AgentStatus.SUSPENDED))
        assert await safe_door.act() == first
        assert len(safe_door.runner.calls) == 1

    async def test_twice_at_once_is_made_once_where_it_cannot_be_repeated(self, safe_door: Door) -> None:
        results = await asyncio.gather(safe_door.act(), safe_door.act())
        assert {result.status for result in results} == {ActStatus.DONE, ActStatus.UNKNOWN}
        assert len(safe_door.runner.calls) == 1
        assert safe_door.effect().status is EffectStatus.DONE

    async def test_twice_at_once_is_one_effect_where_it_can_be_repeated(self) -> None:
        door = await Door().set_up(min_privilege_level=SAFE, idempotency=ToolIdempotency.KEY)
        results = await asyncio.gather(door.act(), door.act())
        assert [result.status for result in results] == [ActStatus.DONE, ActStatus.DONE]
        assert len({call.context.effect_id for call in door.runner.calls}) == 1
        assert door.effect().status is EffectStatus.DONE

    async def test_another_call_id_is_another_call(self, safe_door: Door) -> None:
        await safe_door.act()
        await safe_door.act(call_id="write:1:call-2")
        assert len({call.context.effect_id for call in safe_door.runner.calls}) == 2

    async def test_a_call_id_is_not_lent_to_another_tool_or_agent(self, safe_door: Door) -> None:
        await safe_door.act()
        for overrides in ({"tool": "other"}, {"agent_id": None}):
            result = await safe_door.act(**overrides)
            assert (result.status, result.code) == (ActStatus.DENIED, "call_id_reused")
        assert len(safe_door.runner.calls) == 1


class TestArguments:
    @pytest.mark.parametrize(
        ("arguments", "hint"),
        [
            ({}, "path"),
            ({"path": 7}, "/path"),
            ({"path": "a\x00b"}, "NUL"),
            ({"path": "x", "copies": float("nan")}, "no JSON"),
            ({"path": "x" * (1 << 20)}, "bytes"),
        ],
        ids=["missing", "misfit", "nul", "nan", "large"],
    )
    async def test_that_do_not_fit_are_told_to_the_agent(
        self, safe_door: Door, arguments: dict[str, object], hint: str
    ) -> None:
        result = await safe_door.act(arguments=arguments)
        assert (result.status, result.code) == (ActStatus.ERROR, "arguments_invalid")
        assert hint in result.message
        assert safe_door.ledger() == []

    async def test_can_be_corrected_in_the_next_call(self, safe_door: Door) -> None:
        await safe_door.act(arguments={})
        assert (await safe_door.act(call_id="write:1:call-2")).status is ActStatus.DONE


class TestOutcome:
    @pytest.mark.parametrize("again", [False, True])
    async def test_a_tools_error_is_told_to_the_agent(self, safe_door: Door, again: bool) -> None:  # noqa: FBT001
        safe_door.runner.script.append(ToolOutcome(ToolOutcomeKind.ERROR, message="404: no such page"))
        result = await safe_door.act()
        if again:
            result = await safe_door.act()
        assert (result.status, result.code) == (ActStatus.ERROR, "tool_error")
        assert result.message == "404: no such page"
        assert safe_door.effect().status is EffectStatus.FAILED
        assert len(safe_door.runner.calls) == 1

    @pytest.mark.parametrize("again", [False, True])
    async def test_an_unknown_end_is_never_repeated(self, safe_door: Door, again: bool) -> None:  # noqa: FBT001
        safe_door.runner.script.append(ToolOutcome(ToolOutcomeKind.UNKNOWN, message="connection reset"))
        result = await safe_door.act()
        if again:
            result = await safe_door.act()
        assert (result.status, result.code) == (ActStatus.UNKNOWN, "effect_unknown")
        assert "connection reset" in result.message
        assert len(safe_door.runner.calls) == 1

    @pytest.mark.parametrize(
        ("value", "hint"),
        [("x" * (1 << 20), "bytes"), (float("nan"), "no JSON"), (..., "no JSON"), ("\x00", "NUL")],
        ids=["large", "nan", "object", "nul"],
    )
    async def test_a_result_that_cannot_be_kept_is_an_error_of_a_done_effect(
        self, safe_door: Door, value: object, hint: str
    ) -> None:
        safe_door.runner.script.append(ToolOutcome(ToolOutcomeKind.DONE, result=value))
        first, second = await safe_door.act(), await safe_door.act()
        assert first == second
        assert (first.status, first.code) == (ActStatus.ERROR, "result_unusable")
        assert hint in first.message
        assert (safe_door.effect().status, safe_door.effect().result) == (EffectStatus.DONE, None)
        assert len(safe_door.runner.calls) == 1

    async def test_a_result_that_misfits_the_schema_stays_in_the_ledger(self) -> None:
        door = await Door().set_up(min_privilege_level=SAFE, output_schema={"type": "string"})
        first, second = await door.act(), await door.act()
        assert first == second
        assert (first.status, first.code) == (ActStatus.ERROR, "result_unusable")
        assert (door.effect().status, door.effect().result) == (EffectStatus.DONE, {"ok": True})

    async def test_a_result_that_fits_the_schema_is_done(self) -> None:
        door = await Door().set_up(min_privilege_level=SAFE, output_schema={"type": "object", "required": ["ok"]})
        assert (await door.act()).status is ActStatus.DONE

    async def test_what_the_run_gets_is_what_the_ledger_gives_back(self, safe_door: Door) -> None:
        safe_door.runner.script.append(ToolOutcome(ToolOutcomeKind.DONE, result={1: (2, 3)}))
        first, second = await safe_door.act(), await safe_door.act()
        assert first.result == second.result == {"1": [2, 3]}

    async def test_an_unreachable_tool_is_for_the_durable_layer_to_try_again(self, safe_door: Door) -> None:
        safe_door.runner.script.append(ToolOutcome(ToolOutcomeKind.RETRYABLE, message="connection refused"))
        with pytest.raises(ToolUnavailable, match="connection refused") as caught:
            await safe_door.act()
        assert (caught.value.retryable, caught.value.attempts) == (True, 1)
        assert safe_door.effect().status is EffectStatus.RELEASED
        result = await safe_door.act()
        assert (result.status, result.attempts) == (ActStatus.DONE, 2)
        assert [call.context.attempt for call in safe_door.runner.calls] == [1, 2]
        assert len({call.context.effect_id for call in safe_door.runner.calls}) == 1


class TestRateLimit:
    async def limited(self, *, agent: int | None = None, grant: int | None = None) -> Door:
        door = await Door().set_up(min_privilege_level=SAFE)
        limits = ResourceLimits(max_calls_per_minute=agent)
        access = {"publish": ToolGrant(rate_limit=grant)}
        door.overwrite("agents", replace(door.agent, resource_limits=limits, tool_access=access))
        return door

    @pytest.mark.parametrize("limits", [{"agent": 2}, {"grant": 2}, {"agent": 5, "grant": 2}])
    async def test_refuses_the_call_that_is_too_many(self, limits: dict[str, int]) -> None:
        door = await self.limited(**limits)
        results = [await door.act(call_id=f"call-{n}") for n in range(3)]
        assert [result.status for result in results] == [ActStatus.DONE, ActStatus.DONE, ActStatus.RATE_LIMITED]
        assert results[-1].retry_after_seconds == 60.0
        assert (len(door.runner.calls), len(door.ledger())) == (2, 2)

    async def test_lets_the_call_go_on_after_the_window(self) -> None:
        door = await self.limited(agent=1)
        await door.act(call_id="call-1")
        wait = (await door.act(call_id="call-2")).retry_after_seconds
        door.clock.advance(wait)
        assert (await door.act(call_id="call-2")).status is ActStatus.DONE

    async def test_does_not_count_repetitions(self) -> None:
        door = await self.limited(agent=1)
        door.runner.script.append(ToolOutcome(ToolOutcomeKind.RETRYABLE))
        with pytest.raises(ToolUnavailable):
            await door.act()
        assert (await door.act()).status is ActStatus.DONE
        assert (await door.act()).status is ActStatus.DONE

    async def test_does_not_count_refused_calls(self) -> None:
        door = await self.limited(agent=1)
        await door.act(arguments={})
        await door.act(tool="other")
        assert (await door.act()).status is ActStatus.DONE

    async def test_is_counted_per_agent_and_per_grant(self) -> None:
        door = await self.limited(agent=1, grant=1)
        await door.act()
        assert set(door.limiter.taken) == {
            f"{TENANT}:grant:{door.agent.id}:publish",
            f"{TENANT}:agent:{door.agent.id}",
        }

    async def test_does_not_stop_anyone_while_it_cannot_be_counted(self, caplog: pytest.LogCaptureFixture) -> None:
        door = await self.limited(agent=1)
        door.limiter.available = False
        assert [(await door.act(call_id=f"call-{n}")).status for n in range(2)] == [ActStatus.DONE] * 2
        assert "rate_limit_not_counted" in caplog.messages

    async def test_of_others_does_not_bind_tool_nodes(self) -> None:
        door = await self.limited(agent=1)
        results = [await door.act(call_id=f"call-{n}", agent_id=None) for n in range(3)]
        assert {result.status for result in results} == {ActStatus.DONE}

    async def test_changed_while_it_was_taken_asks_to_come_again(self) -> None:
        door = await self.limited(agent=5)
        raised = replace(door.agent, resource_limits=ResourceLimits(max_calls_per_minute=6))
        door.limiter.while_taking = lambda: door.overwrite("agents", raised)
        result = await door.act()
        assert result.status is ActStatus.RATE_LIMITED
        assert result.retry_after_seconds > 0
        assert door.runner.calls == []
