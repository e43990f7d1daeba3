"""Queries, one repository per noun. All are scoped to the unit of work's tenant; foreign rows do not exist."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol, TypeVar

from aumos_agent_framework.core.domain.agents import Agent, AgentStatus
from aumos_agent_framework.core.domain.effects import Effect
from aumos_agent_framework.core.domain.executions import (
    Execution,
    ExecutionFilter,
    RunEnd,
    RunPlan,
    StepRecord,
)
from aumos_agent_framework.core.domain.hitl import Decision, HitlFilter, HitlRequest, HitlStatus
from aumos_agent_framework.core.domain.idempotency import IdempotencyKey
from aumos_agent_framework.core.domain.identity import Tenant
from aumos_agent_framework.core.domain.outbox import OutboxMessage
from aumos_agent_framework.core.domain.paging import Page, PageRequest
from aumos_agent_framework.core.domain.tools import Tool, ToolStatus
from aumos_agent_framework.core.domain.workflows import Workflow
from aumos_agent_framework.core.types import (
    AgentId,
    EffectId,
    ExecutionId,
    HitlRequestId,
    JsonObject,
    OutboxId,
    WorkflowId,
)

T = TypeVar("T")


class TenantRepository(Protocol):
    """The tenant's own settings."""

    async def current(self) -> Tenant:
        """Return the tenant's settings, the defaults where it has no row."""
        ...

    async def ensure(self, name: str) -> None:
        """Create the tenant's row if it has none; an existing row is left alone."""
        ...


class AgentRepository(Protocol):
    """Agents; names are unique within a tenant."""

    async def add(self, agent: Agent) -> None:
        """Insert. Raises ``ConflictError`` (``agent_name_taken``) for a taken name."""
        ...

    async def get(self, agent_id: AgentId) -> Agent | None: ...

    async def resolve(self, references: Sequence[str]) -> dict[str, Agent]:
        """Map each reference (an id or a name) that exists to its agent, in one query."""
        ...

    async def update(self, agent: Agent) -> None:
        """Write all fields where the stored version is ``agent.version - 1``; else ``ConflictError`` (``stale``)."""
        ...

    async def list(
        self, page: PageRequest, *, status: AgentStatus | None = None, capability: str | None = None
    ) -> Page[Agent]:
        """Newest first."""
        ...


class ToolRepository(Protocol):
    """Tools; the name is the key within a tenant."""

    async def add(self, tool: Tool) -> None:
        """Insert. Raises ``ConflictError`` (``tool_name_taken``) for a taken name."""
        ...

    async def get(self, name: str) -> Tool | None: ...

    async def get_many(self, names: Sequence[str]) -> dict[str, Tool]:
        """Return those of the names that exist, in one query."""
        ...

    async def update(self, tool: Tool) -> None:
        """Write all fields where the stored version is ``tool.version - 1``; else ``ConflictError`` (``stale``)."""
        ...

    async def list(self, page: PageRequest, *, status: ToolStatus | None = None) -> Page[Tool]:
        """By name."""
        ...


class WorkflowRepository(Protocol):
    """Workflows and their immutable versions; names are unique within a tenant."""

    async def add(self, workflow: Workflow) -> None:
        """Insert version 1. Raises ``ConflictError`` (``workflow_name_taken``) for a taken name."""
        ...

    async def add_version(self, workflow: Workflow) -> None:
        """Insert ``workflow.version`` and make it current, where the current one is one less; else ``stale``."""
        ...

    async def get(self, workflow_id: WorkflowId, version: int | None = None) -> Workflow | None:
        """Return the current version, or the one named."""
        ...

    async def list(self, page: PageRequest, *, name: str | None = None) -> Page[Workflow]:
        """Current versions, newest workflow first."""
        ...

    async def versions(self, workflow_id: WorkflowId, page: PageRequest) -> Page[Workflow]:
        """Newest version first."""
        ...


class ExecutionRepository(Protocol):
    """Executions and their steps."""

    async def add(self, execution: Execution, plan: RunPlan) -> None:
        """Insert a new execution with what it is pinned to."""
        ...

    async def get(self, execution_id: ExecutionId) -> Execution | None: ...

    async def newest(self, workflow_id: WorkflowId) -> Execution | None: ...

    async def list(self, page: PageRequest, where: ExecutionFilter) -> Page[Execution]:
        """Newest first."""
        ...

    async def begin(self, execution_id: ExecutionId, at: datetime) -> None:
        """``pending`` to ``running``; any other status is left alone."""
        ...

    async def pause(self, execution_id: ExecutionId, at: datetime, current_nodes: Sequence[str]) -> None:
        """To ``paused_hitl``, unless the run has ended. Locks the run's row until the transaction ends, in any case."""
        ...

    async def resume(self, execution_id: ExecutionId, at: datetime) -> None:
        """``paused_hitl`` to ``running`` if no request of the run is pending.

        Locks the run's row first and looks for open requests after that, so that a request opened at the same time
        (whose transaction has paused the run) is seen.
        """
        ...

    async def request_cancel(self, execution_id: ExecutionId, at: datetime) -> bool:
        """Mark that the run should stop. ``False`` when it has ended."""
        ...

    async def finish(self, execution_id: ExecutionId, end: RunEnd, at: datetime) -> bool:
        """Write the end once; ``False`` when the run has ended already."""
        ...

    async def save_steps(self, execution_id: ExecutionId, steps: Sequence[StepRecord]) -> None:
        """Insert or replace steps by ``seq``."""
        ...

    async def steps(self, execution_id: ExecutionId) -> Sequence[StepRecord]:
        """Return the stored steps by ``seq``."""
        ...


class HitlRepository(Protocol):
    """Requests and decisions."""

    async def add(self, request: HitlRequest) -> HitlRequest:
        """Insert, or return the request that is there already: with this id, or this execution, call id and digest."""
        ...

    async def get(self, request_id: HitlRequestId, *, for_update: bool = False) -> HitlRequest | None:
        """Return the request with its decisions, locked until the transaction ends if asked."""
        ...

    async def list(self, page: PageRequest, where: HitlFilter) -> Page[HitlRequest]:
        """Earliest deadline first."""
        ...

    async def edit(
        self, request_id: HitlRequestId, arguments: JsonObject, digest: str, context_data: JsonObject
    ) -> None:
        """Replace what a pending request would approve."""
        ...

    async def add_decision(self, request_id: HitlRequestId, decision: Decision) -> None:
        """Record one vote. Raises ``ConflictError`` (``already_decided``) if this person has voted."""
        ...

    async def settle(
        self, request_id: HitlRequestId, status: HitlStatus, at: datetime, by: str | None, notes: str | None
    ) -> bool:
        """Compare-and-set from ``pending``; ``False`` when another decision was first."""
        ...

    async def consume(self, request_id: HitlRequestId, at: datetime) -> bool:
        """Use an approved request once; ``False`` when it is not approved or has been used."""
        ...

    async def cancel_open(self, execution_id: ExecutionId, at: datetime) -> int:
        """Cancel all pending requests of a run; returns how many."""
        ...

    async def open_ids(self, execution_id: ExecutionId) -> Sequence[HitlRequestId]:
        """Pending requests of a run, oldest first."""
        ...


class EffectRepository(Protocol):
    """The ledger."""

    async def get(self, effect_id: EffectId, *, for_update: bool = False) -> Effect | None: ...

    async def reserve(self, effect: Effect) -> bool:
        """Insert; ``False`` when the id exists (another attempt was first)."""
        ...

    async def update(self, effect: Effect) -> None:
        """Write status, attempts, result, message and settled_at."""
        ...


class OutboxRepository(Protocol):
    """Messages written with the state they belong to."""

    async def add(self, message: OutboxMessage) -> None: ...

    async def delete(self, message_id: OutboxId) -> None:
        """Remove a delivered message; one that is gone is fine."""
        ...


class IdempotencyRepository(Protocol):
    """Answers to requests that may be repeated, kept for 24 hours."""

    async def claim(self, key: IdempotencyKey, as_type: type[T]) -> T | None:
        """Claim the key in this transaction.

        Returns:
            ``None`` when this transaction is the first; else the stored answer.

        Raises:
            ConflictError: ``idempotency_in_progress`` while another transaction holds the key.
            InvalidInputError: code ``idempotency_key_reused`` for another fingerprint.
        """
        ...

    async def answer(self, key: IdempotencyKey, value: object) -> None:
        """Store the answer of a claimed key: a frozen dataclass of ``core.domain``."""
        ...
