"""Bodies of the workflow endpoints."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import ConfigDict, Field, StringConstraints

from aumos_agent_framework.api.v1.schemas.base import (
    Answer,
    Body,
    Description,
    Level,
    Name,
    PageQuery,
    Query,
    Reason,
    SessionId,
)
from aumos_agent_framework.core.domain.executions import ExecuteCommand
from aumos_agent_framework.core.domain.workflows import RunAs, WorkflowDraft
from aumos_agent_framework.core.types import ExecutionId, JsonObject, PrivilegeLevel

Version = Annotated[int, Field(strict=True, ge=1, le=2**31 - 1)]
NodeKey = Annotated[str, StringConstraints(min_length=1, max_length=100)]
Rate = Annotated[float, Field(strict=True, gt=0, le=1)]
Seconds = Annotated[float, Field(strict=True, gt=0, le=86_400)]

GRAPH_EXAMPLE: JsonObject = {
    "state": {
        "type": "object",
        "properties": {"topic": {"type": "string"}, "draft": {"type": "string"}, "receipt": {}},
        "required": ["topic"],
    },
    "entry_point": "write",
    "nodes": {
        "write": {"type": "agent", "prompt": "Write one paragraph about ${{ state.topic }}.", "output": "draft"},
        "publish": {
            "type": "tool",
            "tool": "publish_page",
            "arguments": {"title": "${{ state.topic }}", "text": "${{ state.draft }}"},
            "output": "receipt",
        },
    },
    "edges": [{"from": "write", "to": "publish"}, {"from": "publish", "to": "END"}],
}
WORKFLOW_EXAMPLE: JsonObject = {
    "name": "publish-a-page",
    "description": "Writes a paragraph and publishes it once a person has approved it.",
    "graph_definition": GRAPH_EXAMPLE,
    "agents": {"write": "writer"},
    "hitl_gates": {"write": {"when": "after", "approver_level": 3, "timeout": "PT4H"}},
    "circuit_breaker_config": {"failure_threshold": 5, "reset_timeout_seconds": 60},
    "limits": {"max_steps": 50},
    "run_as": "caller",
}
_STORED = {
    **WORKFLOW_EXAMPLE,
    "privilege_cap": None,
    "id": "0199a1b2-7c3d-7e4f-8a5b-6c7d8e9f0a1b",
    "tenant_id": "0198f0e1-2d3c-7b4a-9586-a7b8c9d0e1f2",
    "version": 1,
    "definition_hash": "5f6f0c64a5ad8d7a1c3b2e9f0d4c8b7a6958473625140f1e2d3c4b5a69788796",
    "created_by": "dana",
    "created_at": "2026-11-22T09:30:00Z",
    "updated_at": "2026-11-22T09:30:00Z",
}


class CircuitBreakerConfig(Body):
    """When a workflow's breaker opens and closes again. Stored with the version; absent fields mean the default."""

    failure_threshold: int | None = Field(default=None, strict=True, ge=1, le=1_000, description="In a row.")
    window_size: int | None = Field(default=None, strict=True, ge=1, le=10_000)
    minimum_calls: int | None = Field(default=None, strict=True, ge=1, le=10_000)
    failure_rate: Rate | None = None
    slow_call_seconds: Seconds | None = None
    slow_call_rate: Rate | None = None
    reset_timeout_seconds: Seconds | None = None
    half_open_max_calls: int | None = Field(default=None, strict=True, ge=1, le=100)


class Limits(Body):
    """Bounds of a run."""

    max_steps: int | None = Field(default=None, strict=True, ge=1, le=10_000, description="Nodes run, loops included.")


class WorkflowRequest(Body):
    """A workflow to store, change or check."""

    model_config = ConfigDict(json_schema_extra={"examples": [WORKFLOW_EXAMPLE]})

    name: Name
    description: Description = ""
    graph_definition: JsonObject = Field(
        description="The graph, version 1; its JSON Schema is at `/api/v1/schemas/workflow`."
    )
    agents: dict[NodeKey, Name] = Field(
        default_factory=dict, max_length=5_000, description="Which agent, by id or name, works at which node."
    )
    hitl_gates: dict[NodeKey, JsonObject] = Field(
        default_factory=dict, max_length=5_000, description="Where a human must decide, by node."
    )
    circuit_breaker_config: CircuitBreakerConfig = CircuitBreakerConfig()
    limits: Limits = Limits()
    run_as: RunAs = Field(
        default=RunAs.CALLER, description="Whose level bounds a run: the caller's, or `privilege_cap`."
    )
    privilege_cap: Level | None = Field(default=None, description="The highest level a run may use.")

    def to_draft(self) -> WorkflowDraft:
        """Return what the services understand."""
        return WorkflowDraft(
            name=self.name,
            description=self.description,
            graph_definition=self.graph_definition,
            agents=self.agents,
            hitl_gates=self.hitl_gates,
            circuit_breaker_config=self.circuit_breaker_config.model_dump(exclude_none=True),
            limits=self.limits.model_dump(exclude_none=True),
            run_as=self.run_as,
            privilege_cap=None if self.privilege_cap is None else PrivilegeLevel(self.privilege_cap),
        )


class WorkflowAnswer(Answer):
    """One version of a workflow."""

    model_config = ConfigDict(json_schema_extra={"examples": [_STORED]})

    id: UUID
    tenant_id: UUID
    name: str
    description: str
    version: int
    definition_hash: str = Field(description="SHA-256 over everything that decides how a run behaves.")
    graph_definition: JsonObject
    agents: dict[str, str]
    hitl_gates: dict[str, JsonObject]
    circuit_breaker_config: JsonObject
    limits: JsonObject
    run_as: RunAs
    privilege_cap: int | None
    created_by: str
    created_at: datetime
    updated_at: datetime


class Finding(Answer):
    """One place of a draft that is wrong or doubtful."""

    pointer: str = Field(description="RFC 6901 pointer into the body.")
    message: str
    code: str
    hint: str | None = None


class ValidationAnswer(Answer):
    """Everything wrong and doubtful about a draft, at once."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "valid": False,
                    "errors": [
                        {
                            "pointer": "/graph_definition/edges/1/to",
                            "message": "No node is called pubish.",
                            "code": "unknown_node",
                            "hint": "Did you mean publish?",
                        }
                    ],
                    "warnings": [],
                    "mermaid": None,
                }
            ]
        }
    )

    valid: bool
    errors: list[Finding]
    warnings: list[Finding]
    mermaid: str | None = Field(description="The graph as a Mermaid flowchart, where it can be drawn.")


class ExecuteRequest(Body):
    """A request to run a workflow."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"input_data": {"topic": "tidal power"}, "session_id": "site-relaunch"}]}
    )

    input_data: JsonObject = Field(default_factory=dict, description="The initial state.")
    session_id: SessionId | None = Field(default=None, description="Ties related executions together.")
    version: Version | None = Field(default=None, description="Default: the current one.")
    limits: Limits = Field(default=Limits(), description="May only lower the workflow's own.")

    def to_command(self) -> ExecuteCommand:
        """Return what the services understand."""
        return ExecuteCommand(
            input_data=self.input_data,
            session_id=self.session_id,
            version=self.version,
            limits=self.limits.model_dump(exclude_none=True),
        )


class CancelRunRequest(Body):
    """Which of a workflow's executions to stop."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"execution_id": "0199a1b9-0d1e-7f2a-8b3c-4d5e6f708192", "reason": "wrong topic"}]
        }
    )

    execution_id: ExecutionId
    reason: Reason | None = None


class WorkflowListQuery(PageQuery):
    """Which workflows to list."""

    name: Name | None = Field(default=None, description="Exactly this name.")


class VersionQuery(Query):
    """Which version of a workflow."""

    version: int | None = Field(default=None, ge=1, le=2**31 - 1, description="Default: the current one.")


class StatusQuery(Query):
    """Which of a workflow's executions."""

    execution_id: ExecutionId | None = Field(default=None, description="Default: the newest.")
