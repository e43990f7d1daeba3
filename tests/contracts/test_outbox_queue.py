"""What ``core/interfaces/outbox_queue.py`` promises, of PostgreSQL and of the fake alike."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from aumos_agent_framework.adapters.postgres import PostgresOutboxQueue, create_engine
from aumos_agent_framework.core.domain.outbox import OutboxKind, OutboxMessage
from aumos_agent_framework.core.interfaces.outbox_queue import OutboxQueue
from aumos_agent_framework.core.interfaces.unit_of_work import UnitOfWorkFactory
from aumos_agent_framework.core.types import ExecutionId
from tests.databases import Database, connected
from tests.factories import NOW, make_message, new_id, new_tenant_id
from tests.fakes.outbox_queue import InMemoryOutboxQueue
from tests.fakes.unit_of_work import InMemoryUnitOfWorkFactory

LATER = NOW + timedelta(minutes=1)


@pytest.fixture
async def queue(uow: UnitOfWorkFactory, request: pytest.FixtureRequest) -> AsyncIterator[OutboxQueue]:
    """The queue over the same store as ``uow``, without the messages of earlier tests: it sees all tenants."""
    if isinstance(uow, InMemoryUnitOfWorkFactory):
        yield InMemoryOutboxQueue(uow.database)
        return
    database: Database = request.getfixturevalue("database")
    async with connected(database.admin_url) as admin:
        await admin.execute("DELETE FROM agf_outbox")
    engine = create_engine(database.relay_url, 3)
    yield PostgresOutboxQueue(engine)
    await engine.dispose()


async def put(uow: UnitOfWorkFactory, *messages: OutboxMessage) -> None:
    for message in messages:
        async with uow(message.tenant_id) as work:
            await work.outbox.add(message)
            await work.commit()


async def claim(queue: OutboxQueue, limit: int = 50) -> list[OutboxMessage]:
    """Look at what is due and put it back."""
    async with queue.claim(limit, NOW) as batch:
        return list(batch.messages)


class TestClaim:
    async def test_messages_of_all_tenants_come_oldest_first(self, uow: UnitOfWorkFactory, queue: OutboxQueue) -> None:
        messages = [make_message(tenant_id=new_tenant_id(), payload={"z": 1, "a": [1e16]}) for _ in range(3)]
        await put(uow, *messages[::-1])
        assert await claim(queue) == messages
        assert await claim(queue, limit=2) == messages[:2]

    async def test_what_is_not_due_yet_is_left_to_the_fast_path(
        self, uow: UnitOfWorkFactory, queue: OutboxQueue
    ) -> None:
        due = make_message(available_at=NOW)
        await put(uow, make_message(available_at=NOW + timedelta(microseconds=1)), due)
        assert await claim(queue) == [due]

    async def test_two_relays_never_hold_the_same_message(self, uow: UnitOfWorkFactory, queue: OutboxQueue) -> None:
        messages = [make_message() for _ in range(5)]
        await put(uow, *messages)
        async with queue.claim(2, NOW) as first, queue.claim(50, NOW) as second, queue.claim(50, NOW) as third:
            held = [list(batch.messages) for batch in (first, second, third)]
        assert held == [messages[:2], messages[2:], []]

    async def test_a_relay_that_dies_gives_its_messages_back(self, uow: UnitOfWorkFactory, queue: OutboxQueue) -> None:
        message = make_message()
        await put(uow, message)
        holding = asyncio.Event()

        async def hold() -> None:
            async with queue.claim(1, NOW) as batch:
                await batch.delivered(message.id)
                holding.set()
                await asyncio.Event().wait()

        task = asyncio.create_task(hold())
        await holding.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert await claim(queue) == [message]


class TestOrderWithinAnExecution:
    async def test_a_later_message_waits_for_an_earlier_one(self, uow: UnitOfWorkFactory, queue: OutboxQueue) -> None:
        execution_id = ExecutionId(new_id())
        start = make_message(execution_id=execution_id, kind=OutboxKind.START, available_at=LATER)
        decision = make_message(execution_id=execution_id, kind=OutboxKind.DECISION)
        elsewhere = make_message(kind=OutboxKind.DECISION)
        await put(uow, start, decision, elsewhere)
        assert await claim(queue) == [elsewhere]

    async def test_a_later_message_waits_for_one_that_another_relay_holds(
        self, uow: UnitOfWorkFactory, queue: OutboxQueue
    ) -> None:
        execution_id = ExecutionId(new_id())
        first, second = make_message(execution_id=execution_id), make_message(execution_id=execution_id)
        await put(uow, first, second)
        async with queue.claim(50, NOW) as batch:
            assert list(batch.messages) == [first]
            await batch.delivered(first.id)
            assert await claim(queue) == []
        assert await claim(queue) == [second]

    async def test_a_start_is_first_whatever_the_clocks_said(self, uow: UnitOfWorkFactory, queue: OutboxQueue) -> None:
        execution_id = ExecutionId(new_id())
        cancel = make_message(execution_id=execution_id, kind=OutboxKind.CANCEL)
        start = make_message(execution_id=execution_id, kind=OutboxKind.START)
        assert cancel.id < start.id
        await put(uow, start, cancel)
        assert await claim(queue) == [start]

    async def test_executions_of_two_tenants_with_one_id_do_not_wait_for_each_other(
        self, uow: UnitOfWorkFactory, queue: OutboxQueue
    ) -> None:
        execution_id = ExecutionId(new_id())
        messages = [make_message(tenant_id=new_tenant_id(), execution_id=execution_id) for _ in range(2)]
        await put(uow, *messages)
        assert await claim(queue) == messages


class TestMarks:
    async def test_delivered_messages_are_gone_and_the_rest_stays(
        self, uow: UnitOfWorkFactory, queue: OutboxQueue
    ) -> None:
        delivered, untouched = make_message(), make_message()
        await put(uow, delivered, untouched)
        async with queue.claim(50, NOW) as batch:
            await batch.delivered(delivered.id)
        assert await claim(queue) == [untouched]

    async def test_failed_messages_come_back_later_and_count_the_attempt(
        self, uow: UnitOfWorkFactory, queue: OutboxQueue
    ) -> None:
        message = make_message(attempts=2)
        await put(uow, message)
        async with queue.claim(50, NOW) as batch:
            await batch.failed(message.id, "refused", LATER)
        assert await claim(queue) == []
        async with queue.claim(50, LATER) as batch:
            assert [(one.id, one.attempts, one.available_at) for one in batch.messages] == [(message.id, 3, LATER)]

    async def test_an_error_in_between_keeps_every_message(self, uow: UnitOfWorkFactory, queue: OutboxQueue) -> None:
        message = make_message()
        await put(uow, message)

        async def fail() -> None:
            async with queue.claim(50, NOW) as batch:
                await batch.delivered(message.id)
                raise OSError("from the engine, not from the database")

        with pytest.raises(OSError, match="from the engine"):
            await fail()
        assert await claim(queue) == [message]
