"""Human decisions: requests, gates, votes."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from aumos_agent_framework.core.types import (
    AgentId,
    ExecutionId,
    HitlRequestId,
    JsonObject,
    PrivilegeLevel,
    TenantId,
    WorkflowId,
)

DEFAULT_DEADLINE = timedelta(hours=24)
LEVEL_FIVE_QUORUM = 2


class HitlKind(StrEnum):
    """What a request asks about."""

    GATE = "gate"
    TOOL_CALL = "tool_call"


class HitlStatus(StrEnum):
    """The first compare-and-set away from ``pending`` settles a request for ever."""

    PENDING = "pending"
    APPROVED = "approved"
    REJECTED = "rejected"
    EXPIRED = "expired"
    CANCELLED = "cancelled"


class Verdict(StrEnum):
    """One person's decision."""

    APPROVE = "approve"
    REJECT = "reject"


@dataclass(frozen=True, slots=True)
class Decision:
    """One person's vote on one request."""

    decided_by: str
    decision: Verdict
    notes: str | None
    decided_at: datetime


@dataclass(frozen=True, slots=True)
class Gate:
    """A place where a human must decide, as the definition says it (parsed from its JSON)."""

    name: str
    before: bool
    condition: str | None
    approver_level: PrivilegeLevel
    approver_roles: tuple[str, ...]
    quorum: int
    timeout: timedelta
    description: str | None = None


@dataclass(frozen=True, slots=True)
class HitlRequest:
    """One question waiting for decisions.

    ``call_id`` names the place in the run that asks (stable over retries): at most one request exists for a call id
    and set of arguments. ``digest`` is SHA-256 over what is being approved (see ``core.services.digest``);
    ``consumed_at`` is set when the approval is used, once.
    """

    id: HitlRequestId
    tenant_id: TenantId
    execution_id: ExecutionId
    workflow_id: WorkflowId | None
    call_id: str
    gate_name: str
    kind: HitlKind
    node: str
    agent_id: AgentId | None
    agent_owner: str | None
    tool: str | None
    tool_version: int | None
    arguments: JsonObject | None
    action_description: str
    context_data: JsonObject
    initiated_by: str
    effective_level: PrivilegeLevel
    required_level: PrivilegeLevel
    approver_roles: tuple[str, ...]
    quorum: int
    digest: str
    status: HitlStatus
    decisions: tuple[Decision, ...]
    expires_at: datetime
    created_at: datetime
    decided_by: str | None = None
    decided_at: datetime | None = None
    decision_notes: str | None = None
    consumed_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class HitlFilter:
    """Which requests to list; ``None`` means any."""

    status: HitlStatus | None = HitlStatus.PENDING
    execution_id: ExecutionId | None = None
    workflow_id: WorkflowId | None = None
    agent_id: AgentId | None = None
    required_level: PrivilegeLevel | None = None
    decidable_by: str | None = None  # a subject: leaves out what this person may not decide (see also level, roles)
    decidable_level: PrivilegeLevel | None = None
    decidable_roles: frozenset[str] | None = None


@dataclass(frozen=True, slots=True)
class Settlement:
    """What a run is told of a settled request."""

    request_id: HitlRequestId
    status: HitlStatus
    decided_by: str | None = None
    notes: str | None = None


@dataclass(frozen=True, slots=True)
class OpenGateCommand:
    """A run has reached a gate. ``call_id`` is the same on every repetition."""

    tenant_id: TenantId
    execution_id: ExecutionId
    workflow_id: WorkflowId | None
    node: str
    call_id: str
    gate: Gate
    initiated_by: str
    agent_id: AgentId | None
    context_data: JsonObject  # the state as the approver should see it
    current_nodes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class OpenedRequest:
    """What a run needs to know to wait for a request. ``status`` may be settled already."""

    request_id: HitlRequestId
    status: HitlStatus
    expires_in_seconds: float
