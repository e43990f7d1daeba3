"""Bodies of the tool endpoints."""

from datetime import datetime
from uuid import UUID

from pydantic import ConfigDict, Field

from aumos_agent_framework.api.v1.schemas.base import (
    ABSENT,
    Answer,
    Body,
    Changes,
    Description,
    Level,
    PageQuery,
    ToolName,
)
from aumos_agent_framework.core.domain.tools import ToolDraft, ToolIdempotency, ToolStatus
from aumos_agent_framework.core.types import JsonObject, PrivilegeLevel

TOOL_EXAMPLE: JsonObject = {
    "name": "publish_page",
    "description": "Puts a page on the public site.",
    "min_privilege_level": 3,
    "input_schema": {
        "type": "object",
        "properties": {"title": {"type": "string"}, "text": {"type": "string"}},
        "required": ["title", "text"],
        "additionalProperties": False,
    },
    "config": {"type": "http", "method": "POST", "url": "https://site.example.com/pages", "timeout": 20},
    "idempotency": "key",
}
_STORED = {
    **TOOL_EXAMPLE,
    "tenant_id": "0198f0e1-2d3c-7b4a-9586-a7b8c9d0e1f2",
    "output_schema": None,
    "status": "active",
    "version": 1,
    "created_by": "dana",
    "created_at": "2026-11-22T08:55:00Z",
    "updated_at": "2026-11-22T08:55:00Z",
}


class ToolRequest(Body):
    """A tool to register. What is left out of a Python tool comes from its function."""

    model_config = ConfigDict(json_schema_extra={"examples": [TOOL_EXAMPLE]})

    name: ToolName
    description: Description = Field(default="", description="What it does, for models and approvers.")
    min_privilege_level: Level = Field(description="Below it calls are denied; from 3 up each call needs approval.")
    input_schema: JsonObject = Field(default_factory=dict, description="JSON Schema of the arguments.")
    output_schema: JsonObject | None = Field(default=None, description="JSON Schema of the result.")
    config: JsonObject = Field(description="`{type: http, method, url, …}` or `{type: python, ref}`.")
    idempotency: ToolIdempotency = Field(
        default=ToolIdempotency.NONE,
        description="`idempotent`: twice is as good as once. `key`: drops repeats of the Idempotency-Key header. "
        "`none`: a call whose outcome is unknown is never repeated.",
    )

    def to_draft(self) -> ToolDraft:
        """Return what the services understand."""
        return ToolDraft(
            name=self.name,
            description=self.description,
            min_privilege_level=PrivilegeLevel(self.min_privilege_level),
            input_schema=self.input_schema,
            output_schema=self.output_schema,
            config=self.config,
            idempotency=self.idempotency,
        )


class ToolChanges(Changes):
    """What to change of a tool."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"description": "Puts a page on the public web site."}]})

    description: Description = ABSENT
    min_privilege_level: Level = ABSENT
    input_schema: JsonObject = ABSENT
    output_schema: JsonObject | None = ABSENT
    config: JsonObject = ABSENT
    idempotency: ToolIdempotency = ABSENT
    status: ToolStatus = ABSENT


class ToolAnswer(Answer):
    """A registered tool."""

    model_config = ConfigDict(json_schema_extra={"examples": [_STORED]})

    tenant_id: UUID
    name: str
    description: str
    min_privilege_level: int
    input_schema: JsonObject
    output_schema: JsonObject | None
    config: JsonObject
    idempotency: ToolIdempotency
    status: ToolStatus
    version: int = Field(description="Rises by one with every change.")
    created_by: str
    created_at: datetime
    updated_at: datetime


class ToolListQuery(PageQuery):
    """Which tools to list."""

    status: ToolStatus | None = None
