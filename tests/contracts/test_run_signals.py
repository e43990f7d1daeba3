"""``RunSignals``: the same promises from the fake and from Valkey."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass

import pytest

from aumos_agent_framework.adapters.redis.client import create_client
from aumos_agent_framework.adapters.redis.run_signals import RedisRunSignals
from aumos_agent_framework.core.interfaces.run_signals import RunSignals, RunWatch
from aumos_agent_framework.core.types import ExecutionId, TenantId
from tests.factories import new_id, new_tenant_id
from tests.fakes.clock import START, FakeClock
from tests.fakes.run_signals import InMemoryRunSignals

LONG_SECONDS = 30.0
SHORT_SECONDS = 0.05


@dataclass
class Subject:
    """Signals as two processes see them, one that announces and one that watches, and signals that hear nothing.

    ``time`` is in seconds and is the time that waiting takes.
    """

    announcing: RunSignals
    watching: RunSignals
    deaf: RunSignals
    time: Callable[[], float]


@pytest.fixture
def fake() -> Subject:
    clock = FakeClock()
    signals, deaf = InMemoryRunSignals(clock), InMemoryRunSignals(clock)
    deaf.deaf = True

    def seconds() -> float:
        return (clock.now() - START).total_seconds()

    return Subject(signals, signals, deaf, seconds)


@pytest.fixture
async def real(redis_url: str) -> AsyncIterator[Subject]:
    clients = [create_client(redis_url), create_client(redis_url), create_client("redis://127.0.0.1:1")]
    announcing, watching, deaf = (RedisRunSignals(client) for client in clients)
    yield Subject(announcing, watching, deaf, time.monotonic)
    for signals in (announcing, watching, deaf):
        await signals.aclose()
    for client in clients:
        await client.aclose()


@pytest.fixture(params=["fake", "real"])
def subject(request: pytest.FixtureRequest) -> Subject:
    chosen: Subject = request.getfixturevalue(request.param)
    return chosen


def new_run() -> tuple[TenantId, ExecutionId]:
    return new_tenant_id(), ExecutionId(new_id())


async def was_woken(subject: Subject, watch: RunWatch, seconds: float) -> bool:
    """Wait for a change and say whether it came before the time was up."""
    started = subject.time()
    await watch.changed(seconds)
    return subject.time() - started < seconds


class TestWatch:
    async def test_an_announcement_wakes_whoever_waits(self, subject: Subject) -> None:
        run = new_run()
        async with subject.watching.watch(*run) as watch:
            woken, _ = await asyncio.gather(was_woken(subject, watch, LONG_SECONDS), subject.announcing.announce(*run))
        assert woken

    async def test_nothing_is_missed_from_the_moment_of_entering(self, subject: Subject) -> None:
        run = new_run()
        async with subject.watching.watch(*run) as watch:
            await subject.announcing.announce(*run)
            assert await was_woken(subject, watch, LONG_SECONDS)

    async def test_an_announcement_between_two_waits_is_not_lost(self, subject: Subject) -> None:
        run = new_run()
        async with subject.watching.watch(*run) as watch:
            await subject.announcing.announce(*run)
            await watch.changed(LONG_SECONDS)
            await subject.announcing.announce(*run)
            assert await was_woken(subject, watch, LONG_SECONDS)

    async def test_an_announcement_wakes_once(self, subject: Subject) -> None:
        run = new_run()
        async with subject.watching.watch(*run) as watch:
            await subject.announcing.announce(*run)
            await watch.changed(LONG_SECONDS)
            assert not await was_woken(subject, watch, SHORT_SECONDS)

    async def test_every_watch_of_a_run_is_woken(self, subject: Subject) -> None:
        run = new_run()
        async with subject.watching.watch(*run) as first, subject.watching.watch(*run) as second:
            await subject.announcing.announce(*run)
            assert await was_woken(subject, first, LONG_SECONDS)
            assert await was_woken(subject, second, LONG_SECONDS)

    async def test_a_watch_that_ends_leaves_the_other_listening(self, subject: Subject) -> None:
        run = new_run()
        async with subject.watching.watch(*run) as staying:
            async with subject.watching.watch(*run):
                pass
            await subject.announcing.announce(*run)
            assert await was_woken(subject, staying, LONG_SECONDS)

    async def test_other_runs_and_tenants_are_not_heard(self, subject: Subject) -> None:
        tenant, execution = new_run()
        async with subject.watching.watch(tenant, execution) as watch:
            await subject.announcing.announce(tenant, ExecutionId(new_id()))
            await subject.announcing.announce(new_tenant_id(), execution)
            assert not await was_woken(subject, watch, SHORT_SECONDS)

    async def test_without_announcements_only_the_time_counts(self, subject: Subject) -> None:
        async with subject.watching.watch(*new_run()) as watch:
            assert not await was_woken(subject, watch, SHORT_SECONDS)


class TestWithoutABroker:
    async def test_announcing_does_not_raise(self, subject: Subject) -> None:
        await subject.deaf.announce(*new_run())

    async def test_a_watch_counts_on_time_alone(self, subject: Subject) -> None:
        run = new_run()
        async with subject.deaf.watch(*run) as watch:
            await subject.deaf.announce(*run)
            assert not await was_woken(subject, watch, SHORT_SECONDS)
