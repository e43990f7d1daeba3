"""Bodies of the endpoints for human decisions."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import ConfigDict, Field, StringConstraints

from aumos_agent_framework.api.v1.schemas.base import Answer, Body, Notes, PageQuery
from aumos_agent_framework.core.domain.hitl import HitlFilter, HitlKind, HitlStatus, Verdict
from aumos_agent_framework.core.types import AgentId, ExecutionId, JsonObject, PrivilegeLevel, WorkflowId

_DIGEST = "9b74c9897bac770ffc029102a200c5de1f0a8c7b6d5e4f3a2b1c0d9e8f7a6b5c"
REQUEST_EXAMPLE: JsonObject = {
    "id": "0199a1ba-1e2f-7a3b-8c4d-5e6f708192a3",
    "tenant_id": "0198f0e1-2d3c-7b4a-9586-a7b8c9d0e1f2",
    "execution_id": "0199a1b9-0d1e-7f2a-8b3c-4d5e6f708192",
    "workflow_id": "0199a1b2-7c3d-7e4f-8a5b-6c7d8e9f0a1b",
    "gate_name": "tool:publish_page",
    "kind": "tool_call",
    "node": "publish",
    "agent_id": None,
    "tool": "publish_page",
    "arguments": {"title": "tidal power", "text": "Twice a day the sea comes to work."},
    "action_description": "Call publish_page.",
    "context_data": {},
    "initiated_by": "dana",
    "effective_level": 3,
    "required_level": 3,
    "approver_roles": [],
    "quorum": 1,
    "digest": _DIGEST,
    "status": "pending",
    "decisions": [],
    "decided_by": None,
    "decided_at": None,
    "decision_notes": None,
    "expires_at": "2026-11-23T09:31:02Z",
    "created_at": "2026-11-22T09:31:02Z",
}


class DecisionAnswer(Answer):
    """What one person said."""

    decided_by: str
    decision: Verdict
    notes: str | None
    decided_at: datetime


class HitlRequestAnswer(Answer):
    """One question waiting for decisions, or settled."""

    model_config = ConfigDict(json_schema_extra={"examples": [REQUEST_EXAMPLE]})

    id: UUID
    tenant_id: UUID
    execution_id: UUID
    workflow_id: UUID | None
    gate_name: str
    kind: HitlKind
    node: str
    agent_id: UUID | None
    tool: str | None
    arguments: JsonObject | None = Field(description="Exactly what will be done, for a tool call.")
    action_description: str
    context_data: JsonObject
    initiated_by: str
    effective_level: int
    required_level: int = Field(description="The level an approver needs.")
    approver_roles: list[str] = Field(description="If any, an approver needs one of them.")
    quorum: int = Field(description="How many different people must approve.")
    digest: str = Field(description="Names exactly what is approved; changes with the arguments.")
    status: HitlStatus
    decisions: list[DecisionAnswer]
    decided_by: str | None
    decided_at: datetime | None
    decision_notes: str | None
    expires_at: datetime
    created_at: datetime


class ApproveRequest(Body):
    """An approval, perhaps of edited arguments."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"notes": "reads well"}]})

    notes: Notes | None = None
    arguments: JsonObject | None = Field(default=None, description="What to do instead of what was asked.")
    digest: Annotated[str, StringConstraints(max_length=200)] | None = Field(
        default=None, description="What the approver saw; refused (409) if the request has changed since."
    )


class RejectRequest(Body):
    """A rejection."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"notes": "wrong page"}]})

    notes: Notes | None = None


class HitlListQuery(PageQuery):
    """Which open requests to list."""

    execution_id: ExecutionId | None = None
    workflow_id: WorkflowId | None = None
    agent_id: AgentId | None = None
    required_level: int | None = Field(default=None, ge=1, le=5)
    mine: bool = Field(default=False, description="Only what the caller may decide.")

    def where(self) -> HitlFilter:
        """Return what the services understand."""
        return HitlFilter(
            execution_id=self.execution_id,
            workflow_id=self.workflow_id,
            agent_id=self.agent_id,
            required_level=None if self.required_level is None else PrivilegeLevel(self.required_level),
        )
