"""Agents: registered identities with a level, tools, a model and limits."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from aumos_agent_framework.core.types import AgentId, JsonObject, PrivilegeLevel, TenantId

DEFAULT_MAX_STEPS = 25


class AgentStatus(StrEnum):
    """A suspended agent starts nothing and its next tool call is refused."""

    ACTIVE = "active"
    SUSPENDED = "suspended"


@dataclass(frozen=True, slots=True)
class ToolGrant:
    """An agent's access to one tool. ``rate_limit`` counts calls per minute over all workers."""

    enabled: bool = True
    rate_limit: int | None = None


@dataclass(frozen=True, slots=True)
class ResourceLimits:
    """Bounds of one run of the agent; ``max_calls_per_minute`` bounds its tool calls over all runs.

    ``max_steps`` counts model calls; ``max_tokens`` counts prompt and completion tokens.
    """

    max_steps: int = DEFAULT_MAX_STEPS
    max_tokens: int | None = None
    max_calls_per_minute: int | None = None


@dataclass(frozen=True, slots=True)
class AgentDraft:
    """What a client says of an agent. ``model`` is ``{name, temperature?, max_tokens?, ...}``."""

    name: str
    privilege_level: PrivilegeLevel
    model: JsonObject
    instructions: str = ""
    description: str = ""
    capabilities: tuple[str, ...] = ()
    tool_access: Mapping[str, ToolGrant] = field(default_factory=dict)
    resource_limits: ResourceLimits = ResourceLimits()
    owner: str | None = None  # default: the caller


@dataclass(frozen=True, slots=True)
class Agent:
    """A registered agent; every change raises ``version`` by one."""

    id: AgentId
    tenant_id: TenantId
    name: str
    description: str
    capabilities: tuple[str, ...]
    privilege_level: PrivilegeLevel
    tool_access: Mapping[str, ToolGrant]
    resource_limits: ResourceLimits
    model: JsonObject
    instructions: str
    owner: str
    status: AgentStatus
    version: int
    created_by: str
    created_at: datetime
    updated_at: datetime
