"""Workflows: stored, versioned definitions."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from aumos_agent_framework.core.errors import Problem
from aumos_agent_framework.core.types import JsonObject, PrivilegeLevel, TenantId, WorkflowId


class RunAs(StrEnum):
    """Whose level bounds a run: the caller's, or the cap that the publisher gave the workflow."""

    CALLER = "caller"
    WORKFLOW = "workflow"


@dataclass(frozen=True, slots=True)
class WorkflowDraft:
    """What a client says of a workflow, before validation; shapes as in CONTRACT.md."""

    name: str
    graph_definition: JsonObject
    description: str = ""
    agents: Mapping[str, str] = field(default_factory=dict)  # node -> agent id or name
    hitl_gates: Mapping[str, JsonObject] = field(default_factory=dict)  # node -> gate
    circuit_breaker_config: JsonObject = field(default_factory=dict)
    limits: JsonObject = field(default_factory=dict)
    run_as: RunAs = RunAs.CALLER
    privilege_cap: PrivilegeLevel | None = None


@dataclass(frozen=True, slots=True)
class Workflow:
    """One version of a workflow. ``definition_hash`` addresses everything that decides how a run behaves."""

    id: WorkflowId
    tenant_id: TenantId
    name: str
    description: str
    version: int
    definition_hash: str
    graph_definition: JsonObject
    agents: Mapping[str, str]
    hitl_gates: Mapping[str, JsonObject]
    circuit_breaker_config: JsonObject
    limits: JsonObject
    run_as: RunAs
    privilege_cap: PrivilegeLevel | None
    created_by: str
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class ValidationReport:
    """Everything wrong and doubtful about a draft at once."""

    errors: tuple[Problem, ...]
    warnings: tuple[Problem, ...]
    mermaid: str | None

    @property
    def valid(self) -> bool:
        """Whether the draft may be stored and run."""
        return not self.errors
