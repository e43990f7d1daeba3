"""The unit of work in memory, with the semantics that the ports' docstrings promise."""

from types import TracebackType
from typing import Self

from aumos_agent_framework.core.domain.identity import Tenant
from aumos_agent_framework.core.interfaces.repositories import (
    AgentRepository,
    EffectRepository,
    ExecutionRepository,
    HitlRepository,
    IdempotencyRepository,
    OutboxRepository,
    TenantRepository,
    ToolRepository,
    WorkflowRepository,
)
from aumos_agent_framework.core.types import TenantId
from tests.fakes.database import Database, Transaction
from tests.fakes.repositories_registry import (
    InMemoryAgents,
    InMemoryTenants,
    InMemoryTools,
    InMemoryWorkflows,
)
from tests.fakes.repositories_runs import (
    InMemoryEffects,
    InMemoryExecutions,
    InMemoryHitl,
    InMemoryIdempotency,
    InMemoryOutbox,
)


class InMemoryUnitOfWork:
    """One transaction; not to be used again after it has ended."""

    tenants: TenantRepository
    agents: AgentRepository
    tools: ToolRepository
    workflows: WorkflowRepository
    executions: ExecutionRepository
    hitl: HitlRepository
    effects: EffectRepository
    outbox: OutboxRepository
    idempotency: IdempotencyRepository

    def __init__(self, database: Database, tenant_id: TenantId) -> None:
        self._database = database
        self._tenant_id = tenant_id
        self._transaction: Transaction | None = None

    async def __aenter__(self) -> Self:
        transaction = self._transaction = Transaction(self._database, self._tenant_id)
        self.tenants = InMemoryTenants(transaction)
        self.agents = InMemoryAgents(transaction)
        self.tools = InMemoryTools(transaction)
        self.workflows = InMemoryWorkflows(transaction)
        self.executions = InMemoryExecutions(transaction)
        self.hitl = InMemoryHitl(transaction)
        self.effects = InMemoryEffects(transaction)
        self.outbox = InMemoryOutbox(transaction)
        self.idempotency = InMemoryIdempotency(transaction)
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None
    ) -> None:
        if self._transaction is not None:
            self._transaction.end()

    async def commit(self) -> None:
        """Make everything visible to others."""
        if self._transaction is None:
            raise RuntimeError("The unit of work has not been entered.")
        await self._transaction.commit()


class InMemoryUnitOfWorkFactory:
    """Opens units of work over one ``Database``, which tests may look into and break."""

    def __init__(self, database: Database | None = None) -> None:
        self.database = database or Database()

    def __call__(self, tenant_id: TenantId) -> InMemoryUnitOfWork:
        return InMemoryUnitOfWork(self.database, tenant_id)

    def set_tenant(self, tenant: Tenant) -> None:
        """Give a tenant settings of its own."""
        self.database.overwrite(tenant.id, "tenants", tenant.id, tenant)
