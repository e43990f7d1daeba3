"""Tools: something with an effect or a lookup, registered with the level it needs."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from aumos_agent_framework.core.types import EffectId, JsonObject, JsonValue, PrivilegeLevel, TenantId


class ToolIdempotency(StrEnum):
    """What happens when the same call reaches the tool twice."""

    IDEMPOTENT = "idempotent"  # twice is as good as once
    KEY = "key"  # the tool drops repeats of an idempotency key
    NONE = "none"  # twice is two effects


class ToolStatus(StrEnum):
    """``disabled`` tools refuse every call."""

    ACTIVE = "active"
    DISABLED = "disabled"


@dataclass(frozen=True, slots=True)
class ToolDraft:
    """What a client says of a tool. ``config`` is the validated ``{type: http|python, ...}`` of CONTRACT.md."""

    name: str
    description: str
    min_privilege_level: PrivilegeLevel
    input_schema: JsonObject
    config: JsonObject
    output_schema: JsonObject | None = None
    idempotency: ToolIdempotency = ToolIdempotency.NONE


@dataclass(frozen=True, slots=True)
class Tool:
    """A registered tool; every change raises ``version`` by one."""

    tenant_id: TenantId
    name: str
    description: str
    min_privilege_level: PrivilegeLevel
    input_schema: JsonObject
    output_schema: JsonObject | None
    config: JsonObject
    idempotency: ToolIdempotency
    status: ToolStatus
    version: int
    created_by: str
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class ToolSpec:
    """What a model and a plan need to know of a tool, pinned when a run starts."""

    name: str
    description: str
    input_schema: JsonObject
    short: bool  # finishes within a few seconds: may run as a local activity


@dataclass(frozen=True, slots=True)
class ToolCallContext:
    """What a tool may know of the call. ``effect_id`` is the idempotency key that a repeated attempt repeats."""

    tenant_id: TenantId
    effect_id: EffectId
    attempt: int
    traceparent: str | None = None


class ToolOutcomeKind(StrEnum):
    """How a call ended, as far as its effect on the world is known."""

    DONE = "done"
    ERROR = "error"  # the tool said no, or broke in its own code; it is not repeated, the agent may see why
    RETRYABLE = "retryable"  # it may or may not have happened; safe to repeat for this tool
    UNKNOWN = "unknown"  # it may or may not have happened; not safe to repeat


@dataclass(frozen=True, slots=True)
class ToolOutcome:
    """A call's end. ``result`` for ``done``; ``message`` otherwise, fit to be shown to an agent.

    ``done`` with a ``message``: the call took place, and the message says why its result is of no use.
    """

    kind: ToolOutcomeKind
    result: JsonValue = None
    message: str = ""
