"""Effects: one tool call's action on the world, recorded in the ledger."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from aumos_agent_framework.core.domain.executions import Governance
from aumos_agent_framework.core.types import (
    AgentId,
    EffectId,
    ExecutionId,
    HitlRequestId,
    JsonObject,
    JsonValue,
    TenantId,
    WorkflowId,
)


class EffectStatus(StrEnum):
    """``reserved`` while an attempt is under way (or was lost with its process); then what is known of it."""

    RESERVED = "reserved"
    RELEASED = "released"  # the last attempt ended without a result and may be repeated
    DONE = "done"  # it happened; a message says why its answer is of no use, if it is not
    FAILED = "failed"  # the tool said no: there was no effect
    UNKNOWN = "unknown"  # it may or may not have happened and must not be repeated


@dataclass(frozen=True, slots=True)
class Effect:
    """One row of the ledger. ``id`` is derived from execution and call id, so a repetition finds it."""

    id: EffectId
    tenant_id: TenantId
    execution_id: ExecutionId
    call_id: str
    tool: str
    tool_version: int
    agent_id: AgentId | None
    arguments: JsonObject
    hitl_request_id: HitlRequestId | None
    status: EffectStatus
    attempts: int
    result: JsonValue
    message: str
    reserved_at: datetime
    settled_at: datetime | None


@dataclass(frozen=True, slots=True)
class ActCommand:
    """One tool call asked of the door. ``call_id`` is unique in the run and the same on every repetition."""

    tenant_id: TenantId
    execution_id: ExecutionId
    workflow_id: WorkflowId | None
    node: str
    call_id: str
    tool: str
    arguments: JsonObject
    agent_id: AgentId | None
    governance: Governance
    hitl_request_id: HitlRequestId | None = None
    current_nodes: tuple[str, ...] = ()


class ActStatus(StrEnum):
    """What the door did."""

    DONE = "done"
    DENIED = "denied"  # level, access, status: nothing was called
    APPROVAL_REQUIRED = "approval_required"  # a HITL request is open; call again with its id when it is settled
    REJECTED = "rejected"  # the request was rejected, expired or cancelled: nothing was called
    ERROR = "error"  # the tool refused or failed; the agent may see why
    RATE_LIMITED = "rate_limited"  # nothing was called; call again after ``retry_after_seconds``
    UNKNOWN = "unknown"  # it may or may not have happened and must not be repeated


@dataclass(frozen=True, slots=True)
class ActResult:
    """The door's answer. ``result`` for ``done``; ``message`` is fit to be shown to an agent."""

    status: ActStatus
    result: JsonValue = None
    code: str = ""
    message: str = ""
    hitl_request_id: HitlRequestId | None = None
    expires_in_seconds: float = 0.0
    retry_after_seconds: float = 0.0
    attempts: int = 1
