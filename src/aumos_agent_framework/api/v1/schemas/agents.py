"""Bodies of the agent endpoints."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import ConfigDict, Field, StrictBool, StringConstraints

from aumos_agent_framework.api.v1.schemas.base import (
    ABSENT,
    Answer,
    Body,
    Changes,
    Description,
    Level,
    Name,
    PageQuery,
    Part,
    ToolName,
)
from aumos_agent_framework.core.domain.agents import (
    DEFAULT_MAX_STEPS,
    AgentDraft,
    AgentStatus,
    ResourceLimits,
    ToolGrant,
)
from aumos_agent_framework.core.types import JsonObject, JsonValue, PrivilegeLevel

Capability = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._:-]{0,99}$")]
Instructions = Annotated[str, StringConstraints(max_length=100_000)]
Subject = Annotated[str, StringConstraints(min_length=1, max_length=255)]
Word = Annotated[str, StringConstraints(max_length=255)]
Fraction = Annotated[float, Field(strict=True, ge=0, le=1)]
Penalty = Annotated[float, Field(strict=True, ge=-2, le=2)]
Tokens = Annotated[int, Field(strict=True, ge=1, le=2**31 - 1)]
PerMinute = Annotated[int, Field(strict=True, ge=1, le=1_000_000)]

AGENT_EXAMPLE: JsonObject = {
    "name": "writer",
    "description": "Writes short texts.",
    "capabilities": ["writing"],
    "privilege_level": 3,
    "tool_access": {"publish_page": {"enabled": True, "rate_limit": 60}},
    "resource_limits": {"max_steps": 10, "max_tokens": 20_000, "max_calls_per_minute": 120},
    "model": {"name": "scripted", "temperature": 0.2},
    "instructions": "Write plainly, in one paragraph.",
}
_STORED = {
    **AGENT_EXAMPLE,
    "id": "0199a1b0-5b6c-7d7e-8f90-a1b2c3d4e5f6",
    "tenant_id": "0198f0e1-2d3c-7b4a-9586-a7b8c9d0e1f2",
    "owner": "dana",
    "status": "active",
    "version": 1,
    "created_by": "dana",
    "created_at": "2026-11-22T09:00:00Z",
    "updated_at": "2026-11-22T09:00:00Z",
}


class ToolGrantBody(Part):
    """Access to one tool."""

    enabled: StrictBool = True
    rate_limit: PerMinute | None = Field(default=None, description="Calls per minute, counted over all workers.")

    def to_domain(self) -> ToolGrant:
        """Return the grant."""
        return ToolGrant(enabled=self.enabled, rate_limit=self.rate_limit)


ToolAccess = Annotated[dict[ToolName, ToolGrantBody], Field(max_length=500)]


class ResourceLimitsBody(Part):
    """Bounds of one run of the agent; ``max_calls_per_minute`` bounds its tool calls over all runs."""

    max_steps: int = Field(default=DEFAULT_MAX_STEPS, strict=True, ge=1, le=10_000, description="Model calls.")
    max_tokens: Tokens | None = Field(default=None, description="Prompt and completion tokens together.")
    max_calls_per_minute: PerMinute | None = None

    def to_domain(self) -> ResourceLimits:
        """Return the limits."""
        return ResourceLimits(
            max_steps=self.max_steps, max_tokens=self.max_tokens, max_calls_per_minute=self.max_calls_per_minute
        )


class ModelBody(Part):
    """The model and its parameters, by the names of the chat completions format; what is left out is the server's."""

    name: Annotated[str, StringConstraints(min_length=1, max_length=200)]
    temperature: Annotated[float, Field(strict=True, ge=0, le=2)] | None = None
    top_p: Fraction | None = None
    max_tokens: Tokens | None = Field(default=None, description="Of one answer.")
    max_completion_tokens: Tokens | None = Field(default=None, description="Of one answer, thoughts included.")
    stop: JsonValue = Field(default=None, description="A text, or up to four.")
    seed: Annotated[int, Field(strict=True)] | None = None
    user: Word | None = None
    presence_penalty: Penalty | None = None
    frequency_penalty: Penalty | None = None
    logit_bias: dict[str, float] | None = None
    response_format: JsonObject | None = None
    parallel_tool_calls: StrictBool | None = None
    reasoning_effort: Word | None = None
    verbosity: Word | None = None
    service_tier: Word | None = None
    metadata: dict[str, str] | None = None
    top_k: Annotated[int, Field(strict=True)] | None = None
    min_p: Fraction | None = None
    repetition_penalty: Annotated[float, Field(strict=True, gt=0)] | None = None
    chat_template_kwargs: JsonObject | None = None

    def to_domain(self) -> JsonObject:
        """Return the model as it was written."""
        return self.model_dump(exclude_unset=True)


class AgentRequest(Body):
    """An agent to register."""

    model_config = ConfigDict(json_schema_extra={"examples": [AGENT_EXAMPLE]})

    name: Name
    description: Description = ""
    capabilities: tuple[Capability, ...] = Field(default=(), max_length=100)
    privilege_level: Level
    tool_access: ToolAccess = Field(default_factory=dict, description="The tools it may call, by name.")
    resource_limits: ResourceLimitsBody = ResourceLimitsBody()
    model: ModelBody
    instructions: Instructions = ""
    owner: Subject | None = Field(
        default=None, description="Answers for the agent, never approves for it. Default: you."
    )

    def to_draft(self) -> AgentDraft:
        """Return what the services understand."""
        return AgentDraft(
            name=self.name,
            description=self.description,
            capabilities=self.capabilities,
            privilege_level=PrivilegeLevel(self.privilege_level),
            tool_access=_grants(self.tool_access),
            resource_limits=self.resource_limits.to_domain(),
            model=self.model.to_domain(),
            instructions=self.instructions,
            owner=self.owner,
        )


class AgentChanges(Changes):
    """What to change of an agent."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"instructions": "Write plainly, in two sentences."}]})

    name: Name = ABSENT
    description: Description = ABSENT
    capabilities: tuple[Capability, ...] = Field(default=ABSENT, max_length=100)
    privilege_level: Level = ABSENT
    resource_limits: ResourceLimitsBody = ABSENT
    model: ModelBody = ABSENT
    instructions: Instructions = ABSENT
    owner: Subject = ABSENT


class ToolAccessRequest(Body):
    """The tools an agent may call from now on; replaces what it had."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"tool_access": {"publish_page": {"enabled": True, "rate_limit": 30}}}]}
    )

    tool_access: ToolAccess

    def to_grants(self) -> Mapping[str, ToolGrant]:
        """Return what the services understand."""
        return _grants(self.tool_access)


class ToolGrantAnswer(Answer):
    """Access to one tool."""

    enabled: bool
    rate_limit: int | None


class ResourceLimitsAnswer(Answer):
    """Bounds of one run of the agent."""

    max_steps: int
    max_tokens: int | None
    max_calls_per_minute: int | None


class AgentAnswer(Answer):
    """A registered agent."""

    model_config = ConfigDict(json_schema_extra={"examples": [_STORED]})

    id: UUID
    tenant_id: UUID
    name: str
    description: str
    capabilities: list[str]
    privilege_level: int
    tool_access: dict[str, ToolGrantAnswer]
    resource_limits: ResourceLimitsAnswer
    model: JsonObject
    instructions: str
    owner: str
    status: AgentStatus
    version: int = Field(description="Rises by one with every change.")
    created_by: str
    created_at: datetime
    updated_at: datetime


class AgentListQuery(PageQuery):
    """Which agents to list."""

    status: AgentStatus | None = None
    capability: Capability | None = None


def _grants(access: Mapping[str, ToolGrantBody]) -> dict[str, ToolGrant]:
    return {tool: grant.to_domain() for tool, grant in access.items()}
