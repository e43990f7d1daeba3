"""The outbox between two roles: what the contract tests cannot see of the relay and the fast path."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest

from aumos_agent_framework.adapters.postgres import PostgresOutboxQueue, PostgresUnitOfWorkFactory
from aumos_agent_framework.core.domain.outbox import OutboxMessage
from aumos_agent_framework.core.types import TenantId
from tests.factories import NOW, make_message, new_tenant_id

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


async def test_the_reason_of_a_failure_is_kept_within_bounds(
    uow: PostgresUnitOfWorkFactory, queue: PostgresOutboxQueue, admin: Any
) -> None:
    message = make_message()
    await put(uow, message)
    async with queue.claim(50, NOW) as batch:
        await batch.failed(message.id, "refused\x00" + "x" * 5000, LATER)
    kept = await admin.fetchval("SELECT last_error FROM agf_outbox")
    assert (kept[:8], len(kept)) == ("refusedx", 2000)


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
