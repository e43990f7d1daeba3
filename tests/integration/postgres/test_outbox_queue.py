"""The relay's side of the outbox, as the relay role."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest

from aumos_agent_framework.adapters.postgres import PostgresOutboxQueue, PostgresUnitOfWorkFactory
from aumos_agent_framework.core.domain.outbox import OutboxKind, OutboxMessage
from aumos_agent_framework.core.types import ExecutionId, TenantId
from tests.factories import NOW, make_message, new_id, new_tenant_id

LATER = NOW + timedelta(minutes=1)


@pytest.fixture(autouse=True)
async def _empty(admin: Any) -> None:
    """The relay sees all tenants: start each test with none of their messages."""
    await admin.execute("DELETE FROM agf_outbox")


async def put(uow: PostgresUnitOfWorkFactory, *messages: OutboxMessage) -> None:
    for message in messages:
        async with uow(message.tenant_id) as work:
            await work.outbox.add(message)
            await work.commit()


async def claim(queue: PostgresOutboxQueue, limit: int = 50) -> Sequence[OutboxMessage]:
    """Look at what is due and put it back."""
    async with queue.claim(limit, NOW) as batch:
        return batch.messages


class TestClaim:
    async def test_messages_of_all_tenants_come_oldest_first(
        self, uow: PostgresUnitOfWorkFactory, queue: PostgresOutboxQueue
    ) -> None:
        messages = [make_message(tenant_id=new_tenant_id(), payload={"z": 1, "a": [1e16]}) for _ in range(3)]
        await put(uow, *messages[::-1])
        assert await claim(queue) == tuple(messages)
        assert await claim(queue, limit=2) == tuple(messages[:2])

    async def test_what_is_not_due_yet_is_left_to_the_fast_path(
        self, uow: PostgresUnitOfWorkFactory, queue: PostgresOutboxQueue
    ) -> None:
        due = make_message(available_at=NOW)
        await put(uow, make_message(available_at=NOW + timedelta(microseconds=1)), due)
        assert await claim(queue) == (due,)

    async def test_two_relays_never_hold_the_same_message(
        self, uow: PostgresUnitOfWorkFactory, queue: PostgresOutboxQueue
    ) -> None:
        messages = tuple(make_message() for _ in range(5))
        await put(uow, *messages)
        async with queue.claim(2, NOW) as first, queue.claim(50, NOW) as second, queue.claim(50, NOW) as third:
            assert (first.messages, second.messages, third.messages) == (messages[:2], messages[2:], ())

    async def test_a_relay_that_dies_gives_its_messages_back(
        self, uow: PostgresUnitOfWorkFactory, queue: PostgresOutboxQueue
    ) -> None:
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
        assert await claim(queue) == (message,)


class TestOrderWithinAnExecution:
    async def test_a_later_message_waits_for_an_earlier_one(
        self, uow: PostgresUnitOfWorkFactory, queue: PostgresOutboxQueue
    ) -> None:
        execution_id = ExecutionId(new_id())
        start = make_message(execution_id=execution_id, kind=OutboxKind.START, available_at=LATER)
        decision = make_message(execution_id=execution_id, kind=OutboxKind.DECISION)
        elsewhere = make_message(kind=OutboxKind.DECISION)
        await put(uow, start, decision, elsewhere)
        assert await claim(queue) == (elsewhere,)

    async def test_a_later_message_waits_for_one_that_another_relay_holds(
        self, uow: PostgresUnitOfWorkFactory, queue: PostgresOutboxQueue
    ) -> None:
        execution_id = ExecutionId(new_id())
        first, second = make_message(execution_id=execution_id), make_message(execution_id=execution_id)
        await put(uow, first, second)
        async with queue.claim(50, NOW) as batch:
            assert batch.messages == (first,)
            await batch.delivered(first.id)
            assert await claim(queue) == ()
        assert await claim(queue) == (second,)

    async def test_a_start_is_first_whatever_the_clocks_said(
        self, uow: PostgresUnitOfWorkFactory, queue: PostgresOutboxQueue
    ) -> None:
        execution_id = ExecutionId(new_id())
        cancel = make_message(execution_id=execution_id, kind=OutboxKind.CANCEL)
        start = make_message(execution_id=execution_id, kind=OutboxKind.START)
        assert cancel.id < start.id
        await put(uow, start, cancel)
        assert await claim(queue) == (start,)

    async def test_executions_of_two_tenants_with_one_id_do_not_wait_for_each_other(
        self, uow: PostgresUnitOfWorkFactory, queue: PostgresOutboxQueue
    ) -> None:
        execution_id = ExecutionId(new_id())
        messages = [make_message(tenant_id=new_tenant_id(), execution_id=execution_id) for _ in range(2)]
        await put(uow, *messages)
        assert await claim(queue) == tuple(messages)


class TestMarks:
    async def test_delivered_messages_are_gone_and_the_rest_stays(
        self, uow: PostgresUnitOfWorkFactory, queue: PostgresOutboxQueue
    ) -> None:
        delivered, untouched = make_message(), make_message()
        await put(uow, delivered, untouched)
        async with queue.claim(50, NOW) as batch:
            await batch.delivered(delivered.id)
        assert await claim(queue) == (untouched,)

    async def test_failed_messages_come_back_later_and_count_the_attempt(
        self, uow: PostgresUnitOfWorkFactory, queue: PostgresOutboxQueue, admin: Any
    ) -> None:
        message = make_message(attempts=2)
        await put(uow, message)
        async with queue.claim(50, NOW) as batch:
            await batch.failed(message.id, "refused\x00" + "x" * 5000, LATER)
        assert await claim(queue) == ()
        async with queue.claim(50, LATER) as batch:
            assert [(one.id, one.attempts, one.available_at) for one in batch.messages] == [(message.id, 3, LATER)]
        kept = await admin.fetchval("SELECT last_error FROM agf_outbox")
        assert (kept[:8], len(kept)) == ("refusedx", 2000)

    async def test_an_error_in_between_keeps_every_message(
        self, uow: PostgresUnitOfWorkFactory, queue: PostgresOutboxQueue
    ) -> None:
        message = make_message()
        await put(uow, message)

        async def fail() -> None:
            async with queue.claim(50, NOW) as batch:
                await batch.delivered(message.id)
                raise OSError("from the engine, not from the database")

        with pytest.raises(OSError, match="from the engine"):
            await fail()
        assert await claim(queue) == (message,)


class TestFastPath:
    async def test_the_app_does_not_wait_for_a_message_that_the_relay_holds(
        self, uow: PostgresUnitOfWorkFactory, queue: PostgresOutboxQueue, tenant: TenantId
    ) -> None:
        message = make_message(tenant_id=tenant)
        await put(uow, message)
        async with queue.claim(50, NOW) as batch:
            async with asyncio.timeout(2), uow(tenant) as work:
                await work.outbox.delete(message.id)
                await work.commit()
            await batch.delivered(message.id)
        assert await claim(queue) == ()

    async def test_the_app_deletes_only_its_tenants_message(
        self, uow: PostgresUnitOfWorkFactory, queue: PostgresOutboxQueue, tenant: TenantId
    ) -> None:
        message = make_message(tenant_id=new_tenant_id())
        await put(uow, message)
        async with uow(tenant) as work:
            await work.outbox.delete(message.id)
            await work.commit()
        assert await claim(queue) == (message,)
