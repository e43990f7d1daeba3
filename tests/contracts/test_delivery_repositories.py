"""What the outbox and the idempotency keys promise, of PostgreSQL and of the fake alike."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from aumos_agent_framework.core.domain.executions import (
    Execution,
    ExecutionError,
    ExecutionStatus,
    Usage,
)
from aumos_agent_framework.core.domain.workflows import Workflow
from aumos_agent_framework.core.errors import ConflictError, InvalidInputError
from aumos_agent_framework.core.interfaces.unit_of_work import UnitOfWorkFactory
from aumos_agent_framework.core.types import TenantId
from tests.factories import (
    NOW,
    make_agent,
    make_execution,
    make_key,
    make_message,
    make_request,
    make_tool,
    make_workflow,
    new_tenant_id,
)


class TestOutbox:
    async def test_a_message_is_gone_after_delete_and_stays_gone(
        self, uow: UnitOfWorkFactory, tenant: TenantId
    ) -> None:
        message = make_message(tenant_id=tenant)
        async with uow(tenant) as work:
            await work.outbox.add(message)
            await work.commit()
        for _ in range(2):
            async with uow(tenant) as work:
                await work.outbox.delete(message.id)
                await work.commit()
        async with uow(tenant) as work:
            await work.outbox.add(message)  # the id is free, so the row is gone


class TestIdempotency:
    async def test_the_first_claim_is_free_and_the_answer_comes_back(
        self, uow: UnitOfWorkFactory, tenant: TenantId
    ) -> None:
        key = make_key()
        run = make_execution(
            tenant_id=tenant,
            current_nodes=("a",),
            status=ExecutionStatus.COMPLETED,
            error=ExecutionError("c", "m", None),
            usage=Usage(1, 2, 3, 4),
            output_data={"big": 1e16, "list": [1, 2.0, None]},
            started_at=NOW + timedelta(microseconds=1),
        )
        async with uow(tenant) as work:
            assert await work.idempotency.claim(key, Execution) is None
            await work.idempotency.answer(key, run)
            await work.commit()
        async with uow(tenant) as work:
            assert await work.idempotency.claim(key, Execution) == run
        async with uow(tenant) as work:
            assert await work.idempotency.claim(key, Execution) == run

    @pytest.mark.parametrize("value", [make_agent(), make_tool(), make_workflow(), make_request()])
    async def test_every_noun_comes_back_exactly(self, uow: UnitOfWorkFactory, tenant: TenantId, value: object) -> None:
        key = make_key()
        async with uow(tenant) as work:
            await work.idempotency.claim(key, type(value))
            await work.idempotency.answer(key, value)
            await work.commit()
        async with uow(tenant) as work:
            found = await work.idempotency.claim(key, type(value))
        assert found == value
        assert repr(found).replace("TzInfo(0)", "datetime.timezone.utc") == repr(value)

    async def test_a_key_with_another_fingerprint_is_refused(self, uow: UnitOfWorkFactory, tenant: TenantId) -> None:
        key = make_key()
        async with uow(tenant) as work:
            await work.idempotency.claim(key, Workflow)
            await work.idempotency.answer(key, make_workflow())
            await work.commit()
        async with uow(tenant) as work:
            with pytest.raises(InvalidInputError) as caught:
                await work.idempotency.claim(replace(key, fingerprint="0" * 64), Workflow)
        assert caught.value.code == "idempotency_key_reused"

    async def test_a_claim_under_way_is_a_conflict(self, uow: UnitOfWorkFactory, tenant: TenantId) -> None:
        key = make_key()
        async with uow(tenant) as first, uow(tenant) as second:
            await first.idempotency.claim(key, Workflow)
            with pytest.raises(ConflictError) as caught:
                await second.idempotency.claim(key, Workflow)
        assert caught.value.code == "idempotency_in_progress"

    async def test_two_claims_at_the_same_time_have_one_winner(self, uow: UnitOfWorkFactory, tenant: TenantId) -> None:
        key, ready = make_key(), asyncio.Barrier(4)

        async def attempt() -> str:
            async with uow(tenant) as work:
                await ready.wait()
                try:
                    claimed = await work.idempotency.claim(key, Workflow) is None
                except ConflictError as error:
                    claimed, outcome = False, error.code
                else:
                    outcome = "claimed" if claimed else "answered"
                await ready.wait()  # the winner holds the key until all have tried
                return outcome

        outcomes = await asyncio.gather(*(attempt() for _ in range(4)))
        assert sorted(outcomes) == ["claimed", *["idempotency_in_progress"] * 3]

    async def test_a_claim_that_rolled_back_is_free_again(self, uow: UnitOfWorkFactory, tenant: TenantId) -> None:
        key = make_key()
        for _ in range(2):
            async with uow(tenant) as work:
                assert await work.idempotency.claim(key, Workflow) is None
                await work.idempotency.answer(key, make_workflow())

    async def test_scopes_and_tenants_do_not_share_keys(self, uow: UnitOfWorkFactory, tenant: TenantId) -> None:
        key = make_key()
        async with uow(tenant) as work:
            await work.idempotency.claim(key, Workflow)
            await work.idempotency.answer(key, make_workflow())
            await work.commit()
        async with uow(tenant) as work:
            assert await work.idempotency.claim(replace(key, scope="POST /agents dev"), Workflow) is None
        async with uow(new_tenant_id()) as work:
            assert await work.idempotency.claim(key, Workflow) is None
