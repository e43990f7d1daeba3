"""Runs that the engine ended by itself."""

import asyncio
from datetime import timedelta

import pytest

from aumos_agent_framework.core.domain.executions import ExecutionStatus
from aumos_agent_framework.core.domain.hitl import HitlStatus
from aumos_agent_framework.core.errors import UnavailableError
from aumos_agent_framework.core.interfaces.durable_executor import EndedRun
from aumos_agent_framework.core.services.reconciler import FIRST_LOOK_BACK, LOOK_BACK, Reconciler
from aumos_agent_framework.core.types import ExecutionId
from tests.factories import TENANT, make_run_end, new_id
from tests.unit.services.door import Door
from tests.waiting import soon


@pytest.fixture
def reconciler(door: Door) -> Reconciler:
    return Reconciler(executor=door.executor, runs=door.runs, clock=door.clock, interval_seconds=0.001)


def terminated(door: Door) -> EndedRun:
    return EndedRun(TENANT, door.execution.id, "terminated")


class TestRunOnce:
    async def test_a_terminated_run_fails_and_its_questions_are_cancelled(
        self, door: Door, reconciler: Reconciler
    ) -> None:
        request = await door.ask()
        door.executor.ended = [terminated(door)]
        assert await reconciler.run_once() == 1
        run = door.run()
        assert (run.status, run.error and run.error.code) == (ExecutionStatus.FAILED, "engine_ended")
        assert (await door.request(request.id)).status is HitlStatus.CANCELLED

    async def test_a_run_that_wrote_its_own_end_keeps_it(self, door: Door, reconciler: Reconciler) -> None:
        await door.runs.finish(TENANT, door.execution.id, make_run_end(), ())
        door.executor.ended = [terminated(door)]
        await reconciler.run_once()
        assert door.run().status is ExecutionStatus.COMPLETED

    async def test_a_run_that_nobody_knows_is_no_fault(self, door: Door, reconciler: Reconciler) -> None:
        door.executor.ended = [EndedRun(TENANT, ExecutionId(new_id()), "failed"), terminated(door)]
        await reconciler.run_once()
        assert door.run().status is ExecutionStatus.FAILED

    async def test_each_look_overlaps_the_one_before(self, door: Door, reconciler: Reconciler) -> None:
        first = door.clock.now()
        await reconciler.run_once()
        door.clock.advance(timedelta(seconds=15))
        await reconciler.run_once()
        assert door.executor.looked_since == [first - FIRST_LOOK_BACK, first - LOOK_BACK]

    async def test_a_look_that_failed_is_made_up_for(self, door: Door, reconciler: Reconciler) -> None:
        first = door.clock.now()
        door.executor.available = False
        with pytest.raises(UnavailableError):
            await reconciler.run_once()
        door.executor.available = True
        await reconciler.run_once()
        assert door.executor.looked_since == [first - FIRST_LOOK_BACK]


class TestRun:
    async def test_it_outlives_an_outage_and_stops_when_told(self, door: Door, reconciler: Reconciler) -> None:
        stop = asyncio.Event()
        door.executor.available = False
        door.executor.ended = [terminated(door)]
        running = asyncio.create_task(reconciler.run(stop))
        await soon(lambda: door.executor.calls >= 2, 5, "it looks again")
        door.executor.available = True
        await soon(lambda: door.run().status is ExecutionStatus.FAILED, 5, "the run fails")
        stop.set()
        await asyncio.wait_for(running, 5)
