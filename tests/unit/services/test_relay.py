"""Delivery of what the outbox holds: nothing is lost, nothing holds up the rest."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import pytest

from aumos_agent_framework.core.domain.executions import RunPlan
from aumos_agent_framework.core.domain.outbox import OutboxKind, OutboxMessage
from aumos_agent_framework.core.errors import UnavailableError
from aumos_agent_framework.core.services.fast_path import HEAD_START, FastPath, outbox_message
from aumos_agent_framework.core.services.relay import Relay, retry_delay
from aumos_agent_framework.core.services.wire import to_json
from aumos_agent_framework.core.types import OutboxId
from tests.factories import NOW, OTHER_TENANT, TENANT, make_execution, make_message, make_plan, make_settlement, new_id
from tests.fakes.clock import FakeClock
from tests.fakes.durable_executor import RecordingExecutor
from tests.fakes.outbox_queue import InMemoryOutboxQueue
from tests.fakes.unit_of_work import InMemoryUnitOfWorkFactory

DEADLINE_SECONDS = 5.0


class Post:
    """An outbox, a relay, an engine."""

    def __init__(self) -> None:
        self.clock = FakeClock(NOW)
        self.uow = InMemoryUnitOfWorkFactory()
        self.executor = RecordingExecutor()
        self.queue = InMemoryOutboxQueue(self.uow.database)
        self.relay = Relay(
            queue=self.queue, executor=self.executor, clock=self.clock, delivery_seconds=0.05, idle_seconds=0.01
        )

    async def put(self, *messages: OutboxMessage) -> None:
        for message in messages:
            async with self.uow(message.tenant_id) as work:
                await work.outbox.add(message)
                await work.commit()

    def waiting(self) -> list[OutboxMessage]:
        rows: list[OutboxMessage] = self.uow.database.rows(TENANT, "outbox")
        return rows


@pytest.fixture
def post() -> Post:
    return Post()


class TestRunOnce:
    async def test_delivers_every_kind(self, post: Post) -> None:
        plan, settlement = make_plan(), make_settlement()
        start = make_message(kind=OutboxKind.START, payload=to_json(plan), execution_id=plan.execution_id)
        decision = make_message(kind=OutboxKind.DECISION, payload=to_json(settlement))
        cancel = make_message(kind=OutboxKind.CANCEL, payload={"reason": "because"})
        await post.put(start, decision, cancel)
        assert await post.relay.run_once() == 3
        assert post.executor.started == {plan.execution_id: plan}
        assert post.executor.settled == {decision.execution_id: [settlement]}
        assert post.executor.cancelled == {cancel.execution_id: "because"}
        assert post.waiting() == []

    async def test_leaves_what_is_not_due(self, post: Post) -> None:
        await post.put(make_message(available_at=NOW + timedelta(seconds=1)))
        assert await post.relay.run_once() == 0
        assert len(post.waiting()) == 1
        post.clock.advance(1)
        assert await post.relay.run_once() == 1

    async def test_serves_all_tenants(self, post: Post) -> None:
        await post.put(make_message(), make_message(tenant_id=OTHER_TENANT))
        assert await post.relay.run_once() == 2
        assert len(post.executor.cancelled) == 2

    async def test_takes_no_more_than_its_limit(self, post: Post) -> None:
        await post.put(*(make_message() for _ in range(3)))
        assert [await post.relay.run_once(limit=2) for _ in range(3)] == [2, 1, 0]

    async def test_keeps_what_fails_with_a_growing_delay(self, post: Post) -> None:
        post.executor.available = False
        await post.put(make_message())
        delays = []
        for _ in range(8):
            await post.relay.run_once()
            (message,) = post.waiting()
            delay = message.available_at - post.clock.now()
            delays.append(delay.total_seconds())
            post.clock.advance(delay)
        assert delays == [1, 2, 4, 8, 16, 32, 60, 60]
        post.executor.available = True
        await post.relay.run_once()
        assert post.waiting() == []

    @pytest.mark.parametrize(
        "poison",
        [
            make_message(kind=OutboxKind.START, payload={}),
            make_message(kind=OutboxKind.START, payload={"bindings": []}),
            make_message(kind=OutboxKind.DECISION, payload={"request_id": "no-uuid", "status": "approved"}),
            make_message(kind=OutboxKind.CANCEL, payload={}),
        ],
    )
    async def test_poison_holds_up_no_other(self, post: Post, poison: OutboxMessage) -> None:
        await post.put(poison, make_message(), make_message())
        await post.relay.run_once()
        assert len(post.executor.cancelled) == 2
        assert [(message.id, message.attempts) for message in post.waiting()] == [(poison.id, 1)]

    async def test_a_hanging_delivery_holds_up_no_other(self, post: Post) -> None:
        hanging = make_message()

        async def hang(message: OutboxMessage) -> None:
            if message.execution_id == hanging.execution_id:
                await asyncio.Event().wait()

        post.relay = Relay(
            queue=post.queue,
            executor=Disturbed(hang),
            clock=post.clock,
            delivery_seconds=0.05,
        )
        await post.put(hanging, *(make_message() for _ in range(20)))
        await post.relay.run_once()
        assert [message.id for message in post.waiting()] == [hanging.id]
        assert "No answer" in post.queue.batches[0].errors[hanging.id]

    async def test_two_relays_do_not_take_the_same_message(self, post: Post) -> None:
        other = Relay(queue=post.queue, executor=post.executor, clock=post.clock)
        await post.put(*(make_message() for _ in range(10)))
        counts = await asyncio.gather(post.relay.run_once(limit=6), other.run_once(limit=6))
        assert sorted(counts) == [4, 6]
        assert post.executor.calls == 10

    async def test_without_a_database_it_says_so(self, post: Post) -> None:
        post.uow.database.available = False
        with pytest.raises(UnavailableError):
            await post.relay.run_once()

    def test_the_delay_stays_bounded(self) -> None:
        assert retry_delay(10_000) == 60.0


class Disturbed(RecordingExecutor):
    """An engine where something happens before each cancellation."""

    def __init__(self, disturb: Callable[[OutboxMessage], Awaitable[None]]) -> None:
        super().__init__()
        self._disturb = disturb

    async def cancel(self, tenant_id: Any, execution_id: Any, reason: str) -> None:
        await self._disturb(make_message(tenant_id=tenant_id, execution_id=execution_id))
        await super().cancel(tenant_id, execution_id, reason)


class TestRun:
    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(DEADLINE_SECONDS):
            while not condition():  # noqa: ASYNC110 - the fakes have no event for it
                await asyncio.sleep(0.001)

    async def test_delivers_what_comes_and_stops_when_told(self, post: Post) -> None:
        stop = asyncio.Event()
        running = asyncio.create_task(post.relay.run(stop))
        await post.put(make_message())
        await self.until(lambda: len(post.executor.cancelled) == 1)
        await post.put(make_message())
        await self.until(lambda: len(post.executor.cancelled) == 2)
        stop.set()
        await asyncio.wait_for(running, DEADLINE_SECONDS)

    async def test_goes_on_at_once_after_a_full_batch(self, post: Post) -> None:
        post.relay = Relay(queue=post.queue, executor=post.executor, clock=post.clock, idle_seconds=3600)
        await post.put(*(make_message() for _ in range(51)))
        stop = asyncio.Event()
        running = asyncio.create_task(post.relay.run(stop))
        await self.until(lambda: len(post.executor.cancelled) == 51)
        stop.set()
        await asyncio.wait_for(running, DEADLINE_SECONDS)

    async def test_survives_the_database(self, post: Post, caplog: pytest.LogCaptureFixture) -> None:
        post.uow.database.available = False
        stop = asyncio.Event()
        running = asyncio.create_task(post.relay.run(stop))
        await self.until(lambda: "relay_waits" in caplog.messages)
        post.uow.database.available = True
        await post.put(make_message())
        await self.until(lambda: len(post.executor.cancelled) == 1)
        stop.set()
        await asyncio.wait_for(running, DEADLINE_SECONDS)

    async def test_survives_a_fault_of_its_own(self, post: Post, caplog: pytest.LogCaptureFixture) -> None:
        class Broken(InMemoryOutboxQueue):
            def claim(self, limit: int, now: Any) -> Any:
                raise LookupError("a bug")

        post.relay = Relay(queue=Broken(post.uow.database), executor=post.executor, clock=post.clock, idle_seconds=0.01)
        stop = asyncio.Event()
        running = asyncio.create_task(post.relay.run(stop))
        await self.until(lambda: caplog.messages.count("relay_fault") > 1)
        stop.set()
        await asyncio.wait_for(running, DEADLINE_SECONDS)


class TestFastPath:
    def start_message(self, post: Post) -> tuple[RunPlan, OutboxMessage]:
        plan = make_plan(make_execution())
        message = outbox_message(
            OutboxId(new_id()),
            OutboxKind.START,
            plan,
            tenant_id=plan.tenant_id,
            execution_id=plan.execution_id,
            now=post.clock.now(),
        )
        return plan, message

    async def test_delivers_and_removes(self, post: Post) -> None:
        plan, message = self.start_message(post)
        await post.put(message)
        await FastPath(uow=post.uow, executor=post.executor).send(message)
        assert post.executor.started == {plan.execution_id: plan}
        assert post.waiting() == []

    async def test_leaves_it_to_the_relay_when_the_engine_is_away(self, post: Post) -> None:
        plan, message = self.start_message(post)
        await post.put(message)
        post.executor.available = False
        await FastPath(uow=post.uow, executor=post.executor).send(message)
        assert post.waiting() == [message]
        post.executor.available = True
        assert await post.relay.run_once() == 0  # the head start
        post.clock.advance(HEAD_START)
        assert await post.relay.run_once() == 1
        assert post.executor.started == {plan.execution_id: plan}

    async def test_delivered_but_not_removed_is_delivered_again(self, post: Post) -> None:
        plan, message = self.start_message(post)
        await post.put(message)
        post.uow.database.available = False
        await FastPath(uow=post.uow, executor=post.executor).send(message)
        post.uow.database.available = True
        post.clock.advance(HEAD_START)
        await post.relay.run_once()
        assert post.executor.started == {plan.execution_id: plan}
        assert post.waiting() == []

    async def test_never_raises(self, post: Post, caplog: pytest.LogCaptureFixture) -> None:
        await FastPath(uow=post.uow, executor=post.executor).send(make_message(kind=OutboxKind.START, payload={}))
        assert "fast_path_fault" in caplog.messages
