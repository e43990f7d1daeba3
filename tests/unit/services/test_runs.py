from dataclasses import replace
from datetime import timedelta

import pytest

from aumos_agent_framework.core.domain.executions import ExecutionError, ExecutionStatus
from aumos_agent_framework.core.domain.hitl import HitlStatus
from aumos_agent_framework.core.domain.outbox import OutboxKind
from aumos_agent_framework.core.errors import NotFoundError
from aumos_agent_framework.core.types import ExecutionId
from tests.factories import OTHER_TENANT, TENANT, make_run_end, make_step, new_id
from tests.unit.services.door import Door


async def steps(door: Door) -> list[str]:
    async with door.uow(TENANT) as work:
        return [step.node for step in await work.executions.steps(door.execution.id)]


class TestBegin:
    async def pending(self, *, cancel_requested: bool = False) -> Door:
        door = await Door().set_up()
        pending = replace(door.execution, status=ExecutionStatus.PENDING, cancel_requested=cancel_requested)
        door.overwrite("executions", pending)
        return door

    async def test_a_pending_run_is_running(self) -> None:
        door = await self.pending()
        door.clock.advance(5)
        await door.runs.begin(TENANT, door.execution.id)
        assert (door.run().status, door.run().started_at) == (ExecutionStatus.RUNNING, door.clock.now())
        assert door.signals.announced == [(TENANT, door.execution.id)]
        assert door.uow.database.rows(TENANT, "outbox") == []

    async def test_repeated_changes_nothing(self) -> None:
        door = await self.pending()
        await door.runs.begin(TENANT, door.execution.id)
        begun = door.run()
        door.clock.advance(5)
        await door.runs.begin(TENANT, door.execution.id)
        assert door.run() == begun

    async def test_a_cancellation_from_before_is_sent_again(self) -> None:
        door = await self.pending(cancel_requested=True)
        await door.runs.begin(TENANT, door.execution.id)
        await door.runs.begin(TENANT, door.execution.id)
        (message,) = door.uow.database.rows(TENANT, "outbox")
        assert (message.kind, message.execution_id) == (OutboxKind.CANCEL, door.execution.id)

    async def test_an_ended_run_stays_ended(self) -> None:
        door = await self.pending()
        await door.runs.finish(TENANT, door.execution.id, make_run_end(), ())
        await door.runs.begin(TENANT, door.execution.id)
        assert door.run().status is ExecutionStatus.COMPLETED

    async def test_of_what_does_not_exist_is_an_error(self, door: Door) -> None:
        with pytest.raises(NotFoundError):
            await door.runs.begin(TENANT, ExecutionId(new_id()))

    async def test_of_another_tenants_run_is_an_error(self, door: Door) -> None:
        with pytest.raises(NotFoundError):
            await door.runs.begin(OTHER_TENANT, door.execution.id)


class TestRecordPause:
    async def test_stores_the_steps_so_far(self, door: Door) -> None:
        await door.runs.record_pause(TENANT, door.execution.id, [make_step(node="a")])
        await door.runs.record_pause(TENANT, door.execution.id, [make_step(node="a2"), make_step(seq=2, node="b")])
        assert await steps(door) == ["a2", "b"]
        assert door.signals.announced


class TestFinish:
    async def test_writes_end_and_steps_and_cancels_what_is_open(self, door: Door) -> None:
        request = await door.ask()
        door.clock.advance(timedelta(minutes=1))
        end = make_run_end()
        await door.runs.finish(TENANT, door.execution.id, end, [make_step()])
        run = door.run()
        assert (run.status, run.output_data, run.error, run.usage) == (
            end.status,
            end.output_data,
            None,
            end.usage,
        )
        assert (run.completed_at, run.current_nodes) == (door.clock.now(), ())
        assert await steps(door) == ["count"]
        assert (await door.request(request.id)).status is HitlStatus.CANCELLED
        assert door.signals.announced[-1] == (TENANT, door.execution.id)

    async def test_the_first_end_stays(self, door: Door) -> None:
        await door.runs.finish(TENANT, door.execution.id, make_run_end(), [make_step(node="first")])
        first = door.run()
        failed = make_run_end(status=ExecutionStatus.FAILED, error=ExecutionError("x", "y"))
        await door.runs.finish(TENANT, door.execution.id, failed, [make_step(node="second")])
        assert door.run() == first
        assert await steps(door) == ["first"]

    async def test_a_failure_by_cancellation_is_a_cancellation(self, door: Door) -> None:
        error = ExecutionError("run_cancelled", "The run is being cancelled.", "write")
        end = make_run_end(status=ExecutionStatus.FAILED, output_data=None, error=error)
        await door.runs.finish(TENANT, door.execution.id, end, ())
        assert (door.run().status, door.run().error) == (ExecutionStatus.CANCELLED, error)
