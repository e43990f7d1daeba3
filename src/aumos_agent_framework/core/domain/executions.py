"""Executions: one run of a workflow version, and its steps."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from aumos_agent_framework.core.domain.agents import ResourceLimits
from aumos_agent_framework.core.domain.tools import ToolSpec
from aumos_agent_framework.core.domain.workflows import RunAs
from aumos_agent_framework.core.types import (
    AgentId,
    ExecutionId,
    JsonObject,
    JsonValue,
    PrivilegeLevel,
    TenantId,
    WorkflowId,
)


class ExecutionStatus(StrEnum):
    """Where a run stands (CONTRACT.md, execution)."""

    PENDING = "pending"  # accepted and durable, not yet begun by a worker
    RUNNING = "running"
    PAUSED_HITL = "paused_hitl"  # at least one HITL request is open
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def final(self) -> bool:
        """Whether nothing can follow."""
        return self in FINAL


FINAL = frozenset({ExecutionStatus.COMPLETED, ExecutionStatus.FAILED, ExecutionStatus.CANCELLED})


@dataclass(frozen=True, slots=True)
class ExecutionError:
    """Why a run failed: a stable code, a text for people, and the node where it happened."""

    code: str
    message: str
    node: str | None = None


@dataclass(frozen=True, slots=True)
class Usage:
    """What a run, a step or a turn consumed."""

    prompt_tokens: int = 0
    completion_tokens: int = 0
    model_calls: int = 0
    tool_calls: int = 0

    def __add__(self, other: "Usage") -> "Usage":
        return Usage(
            self.prompt_tokens + other.prompt_tokens,
            self.completion_tokens + other.completion_tokens,
            self.model_calls + other.model_calls,
            self.tool_calls + other.tool_calls,
        )

    @property
    def tokens(self) -> int:
        """Prompt and completion tokens together."""
        return self.prompt_tokens + self.completion_tokens


@dataclass(frozen=True, slots=True)
class AgentBinding:
    """A node's agent as it was when the run started. Level, status and tool access are re-read at every effect."""

    agent_id: AgentId
    name: str
    version: int
    instructions: str
    model: JsonObject
    tools: tuple[ToolSpec, ...]
    limits: ResourceLimits


@dataclass(frozen=True, slots=True)
class Governance:
    """Whose authority a run carries. Pinned at the start; ``act`` joins it with what the database says now."""

    initiated_by: str
    caller_level: PrivilegeLevel
    run_as: RunAs
    privilege_cap: PrivilegeLevel | None
    max_steps: int


@dataclass(frozen=True, slots=True)
class RunPlan:
    """Everything a run needs, pinned: publishing version 2 never touches a run of version 1.

    ``definition`` is the parsed graph as JSON; ``bindings`` maps agent nodes to agents; ``tools`` maps tool nodes'
    tool names to specs; ``gates`` maps nodes to gates. This is the Temporal workflow's input.
    """

    tenant_id: TenantId
    execution_id: ExecutionId
    workflow_id: WorkflowId | None  # none for an agent's invocation
    workflow_name: str
    workflow_version: int | None
    definition_hash: str
    definition: JsonObject
    bindings: Mapping[str, AgentBinding]
    tools: Mapping[str, ToolSpec]
    gates: Mapping[str, JsonObject]
    governance: Governance
    input_data: JsonObject
    session_id: str | None = None


@dataclass(frozen=True, slots=True)
class Execution:
    """One run, as clients see it."""

    id: ExecutionId
    tenant_id: TenantId
    workflow_id: WorkflowId | None
    workflow_version: int | None
    definition_hash: str
    agent_id: AgentId | None  # set for an invocation
    status: ExecutionStatus
    current_nodes: tuple[str, ...]
    input_data: JsonObject
    output_data: JsonObject | None
    error: ExecutionError | None
    session_id: str | None
    initiated_by: str
    temporal_workflow_id: str
    usage: Usage
    cancel_requested: bool
    created_at: datetime
    updated_at: datetime
    started_at: datetime | None = None
    completed_at: datetime | None = None


class StepStatus(StrEnum):
    """Where one step stands."""

    RUNNING = "running"
    WAITING = "waiting"  # for a human decision
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class StepRecord:
    """One step of a run: a node, or inside an agent node one model turn (``think``) or one tool call (``act``).

    ``seq`` counts from 1 in order of start and is unique within the run. ``parent_seq`` is the agent node's step for
    its ``think`` and ``act`` steps.
    """

    seq: int
    node: str
    kind: str  # agent | tool | approval | transform | gate | think | act
    status: StepStatus
    started_at: datetime
    ended_at: datetime | None = None
    attempts: int = 1
    input: JsonValue = None
    output: JsonValue = None
    error: ExecutionError | None = None
    hitl_request_ids: tuple[UUID, ...] = ()
    usage: Usage = Usage()
    parent_seq: int | None = None


@dataclass(frozen=True, slots=True)
class RunEnd:
    """How a run ended; written once, by the workflow."""

    status: ExecutionStatus
    output_data: JsonObject | None
    error: ExecutionError | None
    usage: Usage


@dataclass(frozen=True, slots=True)
class ExecutionFilter:
    """Which executions to list; ``None`` means any."""

    workflow_id: WorkflowId | None = None
    agent_id: AgentId | None = None
    status: ExecutionStatus | None = None
    session_id: str | None = None
    created_after: datetime | None = None
    created_before: datetime | None = None


@dataclass(frozen=True, slots=True)
class ExecuteCommand:
    """A request to run a workflow. ``limits`` may only lower the workflow's own."""

    input_data: JsonObject = field(default_factory=dict)
    session_id: str | None = None
    version: int | None = None
    limits: JsonObject = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class InvokeCommand:
    """A direct run of one agent."""

    input_data: JsonObject = field(default_factory=dict)
    session_id: str | None = None
