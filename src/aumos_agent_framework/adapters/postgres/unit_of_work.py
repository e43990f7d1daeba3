"""Transactions on PostgreSQL. There is none without a tenant."""

from types import TracebackType
from typing import Self

from sqlalchemy.ext.asyncio import AsyncEngine

from aumos_agent_framework.adapters.postgres.agents import PostgresAgents
from aumos_agent_framework.adapters.postgres.effects import PostgresEffects
from aumos_agent_framework.adapters.postgres.engine import connected
from aumos_agent_framework.adapters.postgres.executions import PostgresExecutions
from aumos_agent_framework.adapters.postgres.hitl import PostgresHitl
from aumos_agent_framework.adapters.postgres.idempotency import PostgresIdempotency
from aumos_agent_framework.adapters.postgres.outbox import PostgresOutbox
from aumos_agent_framework.adapters.postgres.tenants import PostgresTenants
from aumos_agent_framework.adapters.postgres.tools import PostgresTools
from aumos_agent_framework.adapters.postgres.transaction import TenantTransaction
from aumos_agent_framework.adapters.postgres.workflows import PostgresWorkflows
from aumos_agent_framework.core.types import TenantId


class PostgresUnitOfWork:
    """See ``UnitOfWork``. Holds one connection from entering to leaving."""

    def __init__(self, engine: AsyncEngine, tenant_id: TenantId) -> None:
        self._held = connected(engine, tenant_id)
        self._tenant_id = tenant_id

    async def __aenter__(self) -> Self:
        connection = await self._held.__aenter__()
        transaction = self._transaction = TenantTransaction(connection, self._tenant_id)
        self.tenants = PostgresTenants(transaction)
        self.agents = PostgresAgents(transaction)
        self.tools = PostgresTools(transaction)
        self.workflows = PostgresWorkflows(transaction)
        self.executions = PostgresExecutions(transaction)
        self.hitl = PostgresHitl(transaction)
        self.effects = PostgresEffects(transaction)
        self.outbox = PostgresOutbox(transaction)
        self.idempotency = PostgresIdempotency(transaction)
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None
    ) -> None:
        await self._held.__aexit__(exc_type, exc, tb)

    async def commit(self) -> None:
        await self._transaction.commit()


class PostgresUnitOfWorkFactory:
    """See ``UnitOfWorkFactory``."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    def __call__(self, tenant_id: TenantId) -> PostgresUnitOfWork:
        return PostgresUnitOfWork(self._engine, tenant_id)
