"""What the repositories of executions, HITL requests and effects promise, of PostgreSQL and of the fake alike."""

from dataclasses import replace
from datetime import timedelta

import pytest

from aumos_agent_framework.core.domain.effects import EffectStatus
from aumos_agent_framework.core.domain.executions import (
    ExecutionError,
    ExecutionFilter,
    ExecutionStatus,
    StepStatus,
    Usage,
)
from aumos_agent_framework.core.domain.hitl import HitlFilter, HitlKind, HitlStatus, Verdict
from aumos_agent_framework.core.errors import ConflictError
from aumos_agent_framework.core.interfaces.unit_of_work import UnitOfWorkFactory
from aumos_agent_framework.core.types import PrivilegeLevel, TenantId, WorkflowId
from tests.contracts.stored import ALL, LATER, ask, read_request, read_run, start_run
from tests.factories import (
    NOW,
    make_agent,
    make_decision,
    make_effect,
    make_execution,
    make_request,
    make_run_end,
    make_step,
    new_id,
)


class TestExecutions:
    async def test_all_fields_come_back(self, uow: UnitOfWorkFactory, tenant: TenantId) -> None:
        run = await start_run(
            uow,
            tenant,
            workflow_id=WorkflowId(new_id()),
            workflow_version=3,
            agent_id=make_agent().id,
            status=ExecutionStatus.FAILED,
            current_nodes=("a", "b"),
            input_data={"z": 1, "a": [1.0, 1e16, "\x00", None]},
            output_data={"y": 2},
            error=ExecutionError("boom", "It broke.", "node"),
            session_id="session",
            usage=Usage(1, 2, 3, 4),
            cancel_requested=True,
            started_at=NOW,
            completed_at=LATER,
        )
        found = await read_run(uow, run)
        assert found == run
        assert list(found.input_data) == ["z", "a"]
        assert [type(one) for one in found.input_data["a"][:2]] == [float, float]

    async def test_an_unknown_id_is_none(self, uow: UnitOfWorkFactory, tenant: TenantId) -> None:
        async with uow(tenant) as work:
            assert await work.executions.get(make_execution().id) is None

    async def test_newest_of_a_workflow(self, uow: UnitOfWorkFactory, tenant: TenantId) -> None:
        workflow_id = WorkflowId(new_id())
        of_it = {"workflow_id": workflow_id, "workflow_version": 1}
        newest = await start_run(uow, tenant, created_at=LATER, **of_it)
        await start_run(uow, tenant, **of_it)
        await start_run(uow, tenant, created_at=LATER + timedelta(1))
        async with uow(tenant) as work:
            assert await work.executions.newest(workflow_id) == newest
            assert await work.executions.newest(WorkflowId(new_id())) is None

    async def test_list_is_newest_first_and_filtered(self, uow: UnitOfWorkFactory, tenant: TenantId) -> None:
        workflow_id, agent_id = WorkflowId(new_id()), make_agent().id
        first = await start_run(uow, tenant, workflow_id=workflow_id, workflow_version=1)
        second = await start_run(uow, tenant, created_at=LATER, agent_id=agent_id, status=ExecutionStatus.RUNNING)
        third = await start_run(uow, tenant, created_at=LATER + timedelta(1), session_id="s")
        expected = {
            ExecutionFilter(): (third, second, first),
            ExecutionFilter(workflow_id=workflow_id): (first,),
            ExecutionFilter(agent_id=agent_id): (second,),
            ExecutionFilter(status=ExecutionStatus.PENDING): (third, first),
            ExecutionFilter(session_id="s"): (third,),
            ExecutionFilter(created_after=LATER): (third, second),
            ExecutionFilter(created_before=LATER): (first,),
            ExecutionFilter(workflow_id=workflow_id, session_id="s"): (),
        }
        async with uow(tenant) as work:
            found = {where: (await work.executions.list(ALL, where)).items for where in expected}
        assert found == expected

    async def test_begin_takes_a_pending_run_only(self, uow: UnitOfWorkFactory, tenant: TenantId) -> None:
        run = await start_run(uow, tenant)
        for at in (LATER, LATER + timedelta(1)):
            async with uow(tenant) as work:
                await work.executions.begin(run.id, at)
                await work.commit()
        expected = replace(run, status=ExecutionStatus.RUNNING, started_at=LATER, updated_at=LATER)
        assert await read_run(uow, run) == expected

    async def test_pause_names_the_nodes(self, uow: UnitOfWorkFactory, tenant: TenantId) -> None:
        run = await start_run(uow, tenant)
        async with uow(tenant) as work:
            await work.executions.pause(run.id, LATER, ["a", "b"])
            await work.commit()
        paused = replace(run, status=ExecutionStatus.PAUSED_HITL, current_nodes=("a", "b"), updated_at=LATER)
        assert await read_run(uow, run) == paused

    async def test_resume_waits_for_the_last_open_request(self, uow: UnitOfWorkFactory, tenant: TenantId) -> None:
        run = await start_run(uow, tenant)
        requests = [await ask(uow, run), await ask(uow, run)]
        statuses = []
        async with uow(tenant) as work:
            await work.executions.pause(run.id, NOW, ["a"])
            for request in requests:
                await work.hitl.settle(request.id, HitlStatus.APPROVED, LATER, "approver", None)
                await work.executions.resume(run.id, LATER)
                found = await work.executions.get(run.id)
                assert found is not None
                statuses.append(found.status)
        assert statuses == [ExecutionStatus.PAUSED_HITL, ExecutionStatus.RUNNING]

    @pytest.mark.parametrize("status", [ExecutionStatus.PENDING, ExecutionStatus.COMPLETED])
    async def test_resume_leaves_a_run_alone_that_is_not_paused(
        self, uow: UnitOfWorkFactory, tenant: TenantId, status: ExecutionStatus
    ) -> None:
        run = await start_run(uow, tenant, status=status)
        async with uow(tenant) as work:
            await work.executions.resume(run.id, LATER)
            await work.commit()
        assert await read_run(uow, run) == run

    async def test_finish_writes_the_end_once(self, uow: UnitOfWorkFactory, tenant: TenantId) -> None:
        run = await start_run(uow, tenant, current_nodes=("a",))
        failed = make_run_end(
            status=ExecutionStatus.FAILED, output_data=None, error=ExecutionError("boom", "It broke."), usage=Usage(1)
        )
        async with uow(tenant) as work:
            assert await work.executions.finish(run.id, failed, LATER)
            assert not await work.executions.finish(run.id, make_run_end(), LATER + timedelta(1))
            await work.commit()
        found = await read_run(uow, run)
        assert (found.status, found.error, found.output_data, found.usage) == (
            ExecutionStatus.FAILED,
            failed.error,
            None,
            Usage(1),
        )
        assert (found.completed_at, found.updated_at, found.current_nodes) == (LATER, LATER, ())

    async def test_nothing_follows_the_end(self, uow: UnitOfWorkFactory, tenant: TenantId) -> None:
        run = await start_run(uow, tenant)
        async with uow(tenant) as work:
            await work.executions.finish(run.id, make_run_end(), LATER)
            ended = await work.executions.get(run.id)
            await work.executions.begin(run.id, LATER)
            await work.executions.pause(run.id, LATER, ["a"])
            await work.executions.resume(run.id, LATER)
            assert not await work.executions.request_cancel(run.id, LATER)
            assert await work.executions.get(run.id) == ended

    async def test_request_cancel_marks_a_run(self, uow: UnitOfWorkFactory, tenant: TenantId) -> None:
        run = await start_run(uow, tenant)
        async with uow(tenant) as work:
            assert await work.executions.request_cancel(run.id, LATER)
            assert not await work.executions.request_cancel(make_execution().id, LATER)
            await work.commit()
        assert await read_run(uow, run) == replace(run, cancel_requested=True, updated_at=LATER)

    async def test_steps_are_replaced_by_number_and_come_in_order(
        self, uow: UnitOfWorkFactory, tenant: TenantId
    ) -> None:
        run = await start_run(uow, tenant)
        waiting = make_step(seq=2, status=StepStatus.WAITING, ended_at=None, hitl_request_ids=(new_id(), new_id()))
        full = make_step(
            seq=3,
            kind="act",
            status=StepStatus.FAILED,
            attempts=2,
            input={"q": [1]},
            output=[1, "two", None],
            error=ExecutionError("boom", "It broke.", "count"),
            usage=Usage(1, 2, 3, 4),
            parent_seq=1,
        )
        async with uow(tenant) as work:
            await work.executions.save_steps(run.id, [waiting, make_step(seq=1)])
            await work.executions.save_steps(run.id, [])
            await work.executions.save_steps(run.id, [full, replace(waiting, status=StepStatus.COMPLETED)])
            found = await work.executions.steps(run.id)
            assert await work.executions.steps(make_execution().id) == ()
        assert found == (make_step(seq=1), replace(waiting, status=StepStatus.COMPLETED), full)


class TestHitl:
    async def test_all_fields_come_back(self, uow: UnitOfWorkFactory, tenant: TenantId) -> None:
        run = await start_run(uow, tenant)
        request = await ask(
            uow,
            run,
            workflow_id=WorkflowId(new_id()),
            kind=HitlKind.GATE,
            agent_id=make_agent().id,
            agent_owner=None,
            tool=None,
            tool_version=None,
            arguments=None,
            required_level=PrivilegeLevel.SUPER_ADMIN,
            approver_roles=("legal", "finance"),
            quorum=2,
        )
        assert await read_request(uow, request) == request

    async def test_asking_again_returns_the_first_request(self, uow: UnitOfWorkFactory, tenant: TenantId) -> None:
        run = await start_run(uow, tenant)
        first = await ask(uow, run)
        again = replace(first, id=make_request().id, expires_at=LATER)
        async with uow(tenant) as work:
            assert await work.hitl.add(again) == first
            assert (await work.hitl.list(ALL, HitlFilter())).total == 1

    async def test_asking_again_with_the_same_id_returns_the_request_as_it_is_now(
        self, uow: UnitOfWorkFactory, tenant: TenantId
    ) -> None:
        run = await start_run(uow, tenant)
        first = await ask(uow, run)
        async with uow(tenant) as work:
            await work.hitl.edit(first.id, {"path": "other.md"}, "b" * 64, {})
            await work.hitl.add_decision(first.id, make_decision())
            found = await work.hitl.add(first)
        assert (found.digest, found.arguments, found.decisions) == ("b" * 64, {"path": "other.md"}, (make_decision(),))

    async def test_another_call_is_another_request(self, uow: UnitOfWorkFactory, tenant: TenantId) -> None:
        run = await start_run(uow, tenant)
        first, second = await ask(uow, run), await ask(uow, run)
        async with uow(tenant) as work:
            assert await work.hitl.open_ids(run.id) == (first.id, second.id)

    async def test_settle_is_won_once(self, uow: UnitOfWorkFactory, tenant: TenantId) -> None:
        request = await ask(uow, await start_run(uow, tenant))
        async with uow(tenant) as work:
            assert await work.hitl.settle(request.id, HitlStatus.REJECTED, LATER, "boss", "no")
            assert not await work.hitl.settle(request.id, HitlStatus.APPROVED, LATER, "other", None)
            await work.commit()
        expected = replace(
            request, status=HitlStatus.REJECTED, decided_at=LATER, decided_by="boss", decision_notes="no"
        )
        assert await read_request(uow, request) == expected

    async def test_decisions_come_with_the_request_in_order(self, uow: UnitOfWorkFactory, tenant: TenantId) -> None:
        request = await ask(uow, await start_run(uow, tenant))
        votes = (
            make_decision(decided_by="zoe"),
            make_decision(decided_by="adam", decision=Verdict.REJECT, notes="no", decided_at=LATER),
        )
        async with uow(tenant) as work:
            for vote in votes:
                await work.hitl.add_decision(request.id, vote)
            found = await work.hitl.get(request.id, for_update=True)
            assert found == replace(request, decisions=votes)
            assert (await work.hitl.list(ALL, HitlFilter())).items == (found,)

    async def test_a_person_votes_once(self, uow: UnitOfWorkFactory, tenant: TenantId) -> None:
        request = await ask(uow, await start_run(uow, tenant))
        async with uow(tenant) as work:
            await work.hitl.add_decision(request.id, make_decision())
            with pytest.raises(ConflictError) as caught:
                await work.hitl.add_decision(request.id, make_decision(decision=Verdict.REJECT))
        assert caught.value.code == "already_decided"

    async def test_edit_changes_a_pending_request_only(self, uow: UnitOfWorkFactory, tenant: TenantId) -> None:
        request = await ask(uow, await start_run(uow, tenant))
        async with uow(tenant) as work:
            await work.hitl.edit(request.id, {"path": "b"}, "b" * 64, {"edited": True})
            await work.hitl.settle(request.id, HitlStatus.APPROVED, LATER, "boss", None)
            await work.hitl.edit(request.id, {"path": "c"}, "c" * 64, {})
            await work.commit()
        found = await read_request(uow, request)
        assert (found.arguments, found.digest, found.context_data) == ({"path": "b"}, "b" * 64, {"edited": True})

    async def test_consume_uses_an_approval_once(self, uow: UnitOfWorkFactory, tenant: TenantId) -> None:
        request = await ask(uow, await start_run(uow, tenant))
        async with uow(tenant) as work:
            assert not await work.hitl.consume(request.id, LATER)
            await work.hitl.settle(request.id, HitlStatus.APPROVED, LATER, "boss", None)
            assert await work.hitl.consume(request.id, LATER)
            assert not await work.hitl.consume(request.id, LATER)
            await work.commit()
        assert (await read_request(uow, request)).consumed_at == LATER

    @pytest.mark.parametrize("status", [HitlStatus.REJECTED, HitlStatus.EXPIRED, HitlStatus.CANCELLED])
    async def test_only_an_approval_can_be_consumed(
        self, uow: UnitOfWorkFactory, tenant: TenantId, status: HitlStatus
    ) -> None:
        request = await ask(uow, await start_run(uow, tenant))
        async with uow(tenant) as work:
            await work.hitl.settle(request.id, status, LATER, None, None)
            assert not await work.hitl.consume(request.id, LATER)

    async def test_cancel_open_takes_the_pending_requests_of_the_run(
        self, uow: UnitOfWorkFactory, tenant: TenantId
    ) -> None:
        run, other_run = await start_run(uow, tenant), await start_run(uow, tenant)
        settled, one, two = await ask(uow, run), await ask(uow, run), await ask(uow, run)
        elsewhere = await ask(uow, other_run)
        async with uow(tenant) as work:
            await work.hitl.settle(settled.id, HitlStatus.APPROVED, NOW, "boss", None)
            assert await work.hitl.open_ids(run.id) == (one.id, two.id)
            assert await work.hitl.cancel_open(run.id, LATER) == 2
            assert await work.hitl.open_ids(run.id) == ()
            await work.commit()
        statuses = [(await read_request(uow, one)).status for one in (settled, one, two, elsewhere)]
        assert statuses == [HitlStatus.APPROVED, HitlStatus.CANCELLED, HitlStatus.CANCELLED, HitlStatus.PENDING]

    async def test_list_is_by_deadline_and_filtered(self, uow: UnitOfWorkFactory, tenant: TenantId) -> None:
        run, other_run = await start_run(uow, tenant), await start_run(uow, tenant)
        workflow_id, agent_id = WorkflowId(new_id()), make_agent().id
        late = await ask(uow, run, workflow_id=workflow_id, expires_at=NOW + timedelta(3))
        soon = await ask(uow, other_run, agent_id=agent_id, expires_at=NOW + timedelta(1))
        hard = await ask(uow, run, required_level=PrivilegeLevel.ADMIN, expires_at=NOW + timedelta(2))
        done = await ask(uow, run, expires_at=NOW + timedelta(4))
        async with uow(tenant) as work:
            await work.hitl.settle(done.id, HitlStatus.EXPIRED, LATER, None, None)
            await work.commit()
        done = await read_request(uow, done)
        expected = {
            HitlFilter(): (soon, hard, late),
            HitlFilter(status=None): (soon, hard, late, done),
            HitlFilter(status=HitlStatus.EXPIRED): (done,),
            HitlFilter(execution_id=run.id): (hard, late),
            HitlFilter(workflow_id=workflow_id): (late,),
            HitlFilter(agent_id=agent_id): (soon,),
            HitlFilter(required_level=PrivilegeLevel.ADMIN): (hard,),
        }
        async with uow(tenant) as work:
            found = {where: (await work.hitl.list(ALL, where)).items for where in expected}
        assert found == expected

    async def test_list_leaves_out_what_a_person_may_not_decide(self, uow: UnitOfWorkFactory, tenant: TenantId) -> None:
        run = await start_run(uow, tenant)
        await ask(uow, run, initiated_by="me")
        await ask(uow, run, agent_owner="me")
        await ask(uow, run, required_level=PrivilegeLevel.ADMIN)
        await ask(uow, run, approver_roles=("legal",))
        voted = await ask(uow, run)
        without_owner = await ask(uow, run, agent_owner=None)
        for_my_role = await ask(uow, run, approver_roles=("finance", "ops"))
        async with uow(tenant) as work:
            await work.hitl.add_decision(voted.id, make_decision(decided_by="me"))
            await work.commit()
        mine = HitlFilter(
            decidable_by="me", decidable_level=PrivilegeLevel.EXECUTE_RISKY, decidable_roles=frozenset({"ops", "x"})
        )
        async with uow(tenant) as work:
            found = await work.hitl.list(ALL, mine)
            nobody = await work.hitl.list(ALL, replace(mine, decidable_roles=frozenset()))
        assert (found.items, found.total) == ((without_owner, for_my_role), 2)
        assert nobody.items == (without_owner,)


class TestEffects:
    async def test_reserve_is_won_once(self, uow: UnitOfWorkFactory, tenant: TenantId) -> None:
        run = await start_run(uow, tenant)
        request = await ask(uow, run)
        effect = make_effect(
            tenant_id=tenant, execution_id=run.id, agent_id=make_agent().id, hitl_request_id=request.id
        )
        async with uow(tenant) as work:
            assert await work.effects.get(effect.id) is None
            assert await work.effects.reserve(effect)
            assert not await work.effects.reserve(replace(effect, arguments={"other": 1}))
            assert await work.effects.get(effect.id, for_update=True) == effect

    @pytest.mark.parametrize("result", [None, [], {"a": [1, None]}, "text", 0, False, 1.5])
    async def test_update_writes_what_is_known(self, uow: UnitOfWorkFactory, tenant: TenantId, result: object) -> None:
        run = await start_run(uow, tenant)
        effect = make_effect(tenant_id=tenant, execution_id=run.id)
        settled = replace(effect, status=EffectStatus.DONE, attempts=2, result=result, message="m", settled_at=LATER)
        async with uow(tenant) as work:
            await work.effects.reserve(effect)
            await work.effects.update(replace(settled, arguments={"not": "written"}, tool="not written"))
            assert await work.effects.get(effect.id) == settled
