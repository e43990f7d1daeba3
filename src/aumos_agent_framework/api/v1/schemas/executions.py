"""Bodies of the execution endpoints."""

import re
from datetime import UTC, datetime
from typing import Annotated
from uuid import UUID

from pydantic import AfterValidator, AwareDatetime, BeforeValidator, ConfigDict, Field

from aumos_agent_framework.api.v1.schemas.base import Answer, Body, PageQuery, Reason, SessionId
from aumos_agent_framework.api.v1.schemas.hitl import DecisionAnswer
from aumos_agent_framework.core.domain.executions import ExecutionFilter, ExecutionStatus, StepStatus
from aumos_agent_framework.core.types import AgentId, JsonObject, JsonValue, WorkflowId


def _written_as_date_and_time(value: object) -> object:
    """Refuse what Pydantic would take for seconds since 1970: nobody who writes ``2026`` means that."""
    if isinstance(value, str) and not _DATE_AND_TIME.match(value):
        raise ValueError("Input should be a date and time with its offset, such as 2026-11-22T12:00:00Z")
    return value


def _in_utc(moment: datetime) -> datetime:
    try:
        return moment.astimezone(UTC)
    except OverflowError as error:
        raise ValueError("Input should be within the years 1 to 9999 in UTC") from error


_DATE_AND_TIME = re.compile(r"\d{4}-\d{2}-\d{2}[Tt ]\d{2}:")
Moment = Annotated[
    AwareDatetime,
    BeforeValidator(_written_as_date_and_time),
    AfterValidator(_in_utc),
    Field(description="RFC 3339, with its offset."),
]

USAGE_EXAMPLE: JsonObject = {"prompt_tokens": 412, "completion_tokens": 180, "model_calls": 1, "tool_calls": 0}
EXECUTION_EXAMPLE: JsonObject = {
    "id": "0199a1b9-0d1e-7f2a-8b3c-4d5e6f708192",
    "tenant_id": "0198f0e1-2d3c-7b4a-9586-a7b8c9d0e1f2",
    "workflow_id": "0199a1b2-7c3d-7e4f-8a5b-6c7d8e9f0a1b",
    "workflow_version": 1,
    "definition_hash": "5f6f0c64a5ad8d7a1c3b2e9f0d4c8b7a6958473625140f1e2d3c4b5a69788796",
    "agent_id": None,
    "status": "paused_hitl",
    "current_nodes": ["publish"],
    "input_data": {"topic": "tidal power"},
    "output_data": None,
    "error": None,
    "session_id": "site-relaunch",
    "initiated_by": "dana",
    "temporal_workflow_id": "0198f0e12d3c7b4a9586a7b8c9d0e1f2-0199a1b90d1e7f2a8b3c4d5e6f708192",
    "cancel_requested": False,
    "usage": USAGE_EXAMPLE,
    "started_at": "2026-11-22T09:31:00.120000Z",
    "completed_at": None,
    "created_at": "2026-11-22T09:31:00Z",
    "updated_at": "2026-11-22T09:31:02.480000Z",
}
_STEP_EXAMPLE: JsonObject = {
    "seq": 3,
    "parent_seq": None,
    "node": "publish",
    "kind": "gate",
    "status": "completed",
    "started_at": "2026-11-22T09:31:02Z",
    "ended_at": "2026-11-22T09:40:11Z",
    "attempts": 1,
    "input": {"topic": "tidal power", "draft": "Twice a day the sea comes to work."},
    "output": {"status": "approved"},
    "error": None,
    "hitl_request_ids": ["0199a1ba-1e2f-7a3b-8c4d-5e6f708192a3"],
    "decisions": [
        {"decided_by": "ari", "decision": "approve", "notes": "reads well", "decided_at": "2026-11-22T09:40:11Z"}
    ],
    "usage": {"prompt_tokens": 0, "completion_tokens": 0, "model_calls": 0, "tool_calls": 0},
}


class UsageAnswer(Answer):
    """What a run or a step consumed."""

    prompt_tokens: int
    completion_tokens: int
    model_calls: int
    tool_calls: int


class RunError(Answer):
    """Why a run or a step failed."""

    code: str = Field(description="Machine-readable and stable.")
    message: str
    node: str | None = Field(description="Where it happened.")


class ExecutionAnswer(Answer):
    """One run of a workflow version or of an agent."""

    model_config = ConfigDict(json_schema_extra={"examples": [EXECUTION_EXAMPLE]})

    id: UUID
    tenant_id: UUID
    workflow_id: UUID | None = Field(description="Absent for an agent's invocation.")
    workflow_version: int | None
    definition_hash: str
    agent_id: UUID | None = Field(description="Set for an agent's invocation.")
    status: ExecutionStatus
    current_nodes: list[str]
    input_data: JsonObject
    output_data: JsonObject | None
    error: RunError | None
    session_id: str | None
    initiated_by: str
    temporal_workflow_id: str
    cancel_requested: bool = Field(description="Somebody asked the run to stop; it may not have yet.")
    usage: UsageAnswer
    started_at: datetime | None
    completed_at: datetime | None
    created_at: datetime
    updated_at: datetime


class StepAnswer(Answer):
    """One step of a run: a node, or inside an agent node one model turn or one tool call."""

    model_config = ConfigDict(json_schema_extra={"examples": [_STEP_EXAMPLE]})

    seq: int = Field(description="Counts from 1 in order of start.")
    parent_seq: int | None = Field(description="The agent node's step, for its turns and calls.")
    node: str
    kind: str = Field(description="`agent`, `tool`, `approval`, `transform`, `gate`, `think` or `act`.")
    status: StepStatus
    started_at: datetime
    ended_at: datetime | None
    attempts: int
    input: JsonValue
    output: JsonValue
    error: RunError | None
    hitl_request_ids: list[UUID] = Field(description="What this step asked people.")
    decisions: list[DecisionAnswer] = Field(default=[], description="What they said, in order.")
    usage: UsageAnswer


class CancelRequest(Body):
    """Why a run should stop."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"reason": "wrong topic"}]})

    reason: Reason | None = None


class ExecutionListQuery(PageQuery):
    """Which executions to list."""

    workflow_id: WorkflowId | None = None
    agent_id: AgentId | None = None
    status: ExecutionStatus | None = None
    session_id: SessionId | None = None
    created_after: Moment | None = None
    created_before: Moment | None = None

    def where(self) -> ExecutionFilter:
        """Return what the services understand."""
        return ExecutionFilter(
            workflow_id=self.workflow_id,
            agent_id=self.agent_id,
            status=self.status,
            session_id=self.session_id,
            created_after=self.created_after,
            created_before=self.created_before,
        )
