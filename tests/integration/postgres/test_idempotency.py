"""How long answers are kept, and that the table does not grow without end."""

from dataclasses import replace
from typing import Any

import pytest

from aumos_agent_framework.adapters.postgres import PostgresUnitOfWorkFactory
from aumos_agent_framework.core.domain.idempotency import IdempotencyKey
from aumos_agent_framework.core.domain.tools import Tool
from aumos_agent_framework.core.types import TenantId
from tests.factories import make_key, make_tool, new_tenant_id


async def answered(uow: PostgresUnitOfWorkFactory, tenant: TenantId, **overrides: Any) -> tuple[IdempotencyKey, Tool]:
    key, tool = make_key(**overrides), make_tool(tenant_id=tenant)
    async with uow(tenant) as work:
        assert await work.idempotency.claim(key, Tool) is None
        await work.idempotency.answer(key, tool)
        await work.commit()
    return key, tool


async def expire(admin: Any, tenant: TenantId) -> None:
    """Let the tenant's answers be older than 24 hours."""
    await admin.execute(
        "UPDATE agf_idempotency_keys SET expires_at = expires_at - interval '24 hours 1 second' WHERE tenant_id = $1",
        tenant,
    )


async def count(admin: Any, tenant: TenantId) -> int:
    found: int = await admin.fetchval("SELECT count(*) FROM agf_idempotency_keys WHERE tenant_id = $1", tenant)
    return found


async def test_an_answer_is_kept_for_24_hours(uow: PostgresUnitOfWorkFactory, admin: Any, tenant: TenantId) -> None:
    await answered(uow, tenant)
    seconds = "SELECT extract(epoch FROM expires_at - created_at)::int FROM agf_idempotency_keys WHERE tenant_id = $1"
    assert await admin.fetchval(seconds, tenant) == 24 * 60 * 60


async def test_an_expired_key_is_free_for_any_request_and_keeps_its_answer(
    uow: PostgresUnitOfWorkFactory, admin: Any, tenant: TenantId
) -> None:
    key, _ = await answered(uow, tenant)
    await expire(admin, tenant)
    again, tool = replace(key, fingerprint="0" * 64), make_tool(tenant_id=tenant)
    async with uow(tenant) as work:
        assert await work.idempotency.claim(again, Tool) is None
        await work.idempotency.answer(again, tool)
        await work.commit()
    async with uow(tenant) as work:
        assert await work.idempotency.claim(again, Tool) == tool


async def test_a_claim_that_was_committed_without_an_answer_is_free_again(
    uow: PostgresUnitOfWorkFactory, tenant: TenantId
) -> None:
    key = make_key()
    for _ in range(2):
        async with uow(tenant) as work:
            assert await work.idempotency.claim(key, Tool) is None
            await work.commit()


async def test_new_answers_remove_expired_ones_of_the_tenant(
    uow: PostgresUnitOfWorkFactory, admin: Any, tenant: TenantId
) -> None:
    other = new_tenant_id()
    await answered(uow, other)
    await expire(admin, other)
    for _ in range(13):
        await answered(uow, tenant)
    await expire(admin, tenant)
    counts = []
    for _ in range(2):
        await answered(uow, tenant)
        counts.append(await count(admin, tenant))
    assert counts == [4, 2]  # ten at a time, then the rest; the new ones stay
    assert await count(admin, other) == 1


async def test_an_answer_without_a_claim_is_a_mistake_of_the_caller(
    uow: PostgresUnitOfWorkFactory, tenant: TenantId
) -> None:
    async with uow(tenant) as work:
        with pytest.raises(LookupError):
            await work.idempotency.answer(make_key(), make_tool())
