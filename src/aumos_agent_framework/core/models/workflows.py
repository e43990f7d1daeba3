"""The tables of workflows: one row per name, one immutable row per version."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKeyConstraint, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from aumos_agent_framework.core.domain.workflows import RunAs
from aumos_agent_framework.core.models.base import (
    Base,
    Document,
    KeyText,
    Level,
    TenantKey,
    is_level,
    is_one_of,
    is_short,
)
from aumos_agent_framework.core.types import JsonObject


class WorkflowRow(Base):
    """A workflow's identity: the name it has now and its current version."""

    __tablename__ = "agf_workflows"
    __table_args__ = (
        UniqueConstraint("tenant_id", "name", name="uq_agf_workflows_name"),
        CheckConstraint("current_version >= 1", name="current_version"),
        *is_short("name"),
        Index("ix_agf_workflows_created", "tenant_id", "created_at", "id"),
    )

    tenant_id: Mapped[TenantKey]
    id: Mapped[UUID] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(KeyText)
    current_version: Mapped[int]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]


class WorkflowVersionRow(Base):
    """One version, never changed after it is written. Executions name the version they run."""

    __tablename__ = "agf_workflow_versions"
    __table_args__ = (
        ForeignKeyConstraint(
            ["tenant_id", "workflow_id"],
            ["agf_workflows.tenant_id", "agf_workflows.id"],
            name="fk_agf_workflow_versions_workflow",
        ),
        is_level("privilege_cap"),
        is_one_of("run_as", RunAs),
        CheckConstraint("version >= 1", name="version"),
        *is_short("name", "created_by"),
    )

    tenant_id: Mapped[TenantKey]
    workflow_id: Mapped[UUID] = mapped_column(primary_key=True)
    version: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    name: Mapped[str]
    description: Mapped[str]
    definition_hash: Mapped[str]
    graph_definition: Mapped[JsonObject] = mapped_column(Document)
    agents: Mapped[JsonObject] = mapped_column(Document)
    hitl_gates: Mapped[JsonObject] = mapped_column(Document)
    circuit_breaker_config: Mapped[JsonObject] = mapped_column(Document)
    limits: Mapped[JsonObject] = mapped_column(Document)
    run_as: Mapped[str]
    privilege_cap: Mapped[Level | None]
    created_by: Mapped[str]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]
