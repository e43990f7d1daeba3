"""Transactions. No unit of work exists without a tenant."""

from types import TracebackType
from typing import Protocol, Self

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


class UnitOfWork(Protocol):
    """One transaction of one tenant. Leaving without ``commit`` rolls back; nothing is visible to others before."""

    @property
    def tenants(self) -> TenantRepository: ...

    @property
    def agents(self) -> AgentRepository: ...

    @property
    def tools(self) -> ToolRepository: ...

    @property
    def workflows(self) -> WorkflowRepository: ...

    @property
    def executions(self) -> ExecutionRepository: ...

    @property
    def hitl(self) -> HitlRepository: ...

    @property
    def effects(self) -> EffectRepository: ...

    @property
    def outbox(self) -> OutboxRepository: ...

    @property
    def idempotency(self) -> IdempotencyRepository: ...

    async def __aenter__(self) -> Self: ...

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None
    ) -> None: ...

    async def commit(self) -> None:
        """Make everything durable. Raises ``UnavailableError`` when the database is away."""
        ...


class UnitOfWorkFactory(Protocol):
    """Opens units of work: ``async with uow(tenant_id) as work: ...``."""

    def __call__(self, tenant_id: TenantId) -> UnitOfWork: ...
