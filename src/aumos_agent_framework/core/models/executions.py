"""The tables of executions and their steps."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKeyConstraint, Index, Uuid, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from aumos_agent_framework.core.domain.executions import ExecutionStatus, StepStatus
from aumos_agent_framework.core.models.base import (
    Base,
    Document,
    TenantKey,
    Texts,
    is_one_of,
    is_short,
)
from aumos_agent_framework.core.types import JsonObject, JsonValue


class ExecutionRow(Base):
    """One run.

    ``plan`` is everything the run was pinned to; lists do not read it. Workflow version and agent carry no foreign
    key: the check would lock one popular row for every run that starts, and the app role cannot delete either.
    """

    __tablename__ = "agf_executions"
    __table_args__ = (
        is_one_of("status", ExecutionStatus),
        CheckConstraint("(workflow_id IS NULL) = (workflow_version IS NULL)", name="workflow"),
        *is_short("session_id", "initiated_by", "temporal_workflow_id"),
        Index("ix_agf_executions_created", "tenant_id", "created_at", "id"),
        Index("ix_agf_executions_status", "tenant_id", "status", "created_at", "id"),
        Index(
            "ix_agf_executions_workflow",
            "tenant_id",
            "workflow_id",
            "created_at",
            "id",
            postgresql_where=text("workflow_id IS NOT NULL"),
        ),
        Index(
            "ix_agf_executions_agent",
            "tenant_id",
            "agent_id",
            "created_at",
            "id",
            postgresql_where=text("agent_id IS NOT NULL"),
        ),
        Index(
            "ix_agf_executions_session",
            "tenant_id",
            "session_id",
            "created_at",
            "id",
            postgresql_where=text("session_id IS NOT NULL"),
        ),
    )

    tenant_id: Mapped[TenantKey]
    id: Mapped[UUID] = mapped_column(primary_key=True)
    workflow_id: Mapped[UUID | None]
    workflow_version: Mapped[int | None]
    definition_hash: Mapped[str]
    agent_id: Mapped[UUID | None]
    status: Mapped[str]
    current_nodes: Mapped[tuple[str, ...]] = mapped_column(Texts)
    input_data: Mapped[JsonObject] = mapped_column(Document)
    output_data: Mapped[JsonObject | None] = mapped_column(Document)
    error: Mapped[JsonObject | None] = mapped_column(Document)
    session_id: Mapped[str | None]
    initiated_by: Mapped[str]
    temporal_workflow_id: Mapped[str]
    usage: Mapped[JsonObject] = mapped_column(Document)
    cancel_requested: Mapped[bool]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]
    started_at: Mapped[datetime | None]
    completed_at: Mapped[datetime | None]
    plan: Mapped[JsonObject] = mapped_column(Document)


class ExecutionStepRow(Base):
    """One step of a run, numbered in order of start; written when the run pauses and when it ends."""

    __tablename__ = "agf_execution_steps"
    __table_args__ = (
        ForeignKeyConstraint(
            ["tenant_id", "execution_id"],
            ["agf_executions.tenant_id", "agf_executions.id"],
            name="fk_agf_execution_steps_execution",
        ),
        is_one_of("status", StepStatus),
        CheckConstraint("seq >= 1", name="seq"),
        CheckConstraint("attempts >= 0", name="attempts"),
    )

    tenant_id: Mapped[TenantKey]
    execution_id: Mapped[UUID] = mapped_column(primary_key=True)
    seq: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    node: Mapped[str]
    kind: Mapped[str]
    status: Mapped[str]
    started_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    attempts: Mapped[int]
    input: Mapped[JsonValue | None] = mapped_column(Document)
    output: Mapped[JsonValue | None] = mapped_column(Document)
    error: Mapped[JsonObject | None] = mapped_column(Document)
    hitl_request_ids: Mapped[tuple[UUID, ...]] = mapped_column(ARRAY(Uuid, as_tuple=True))
    usage: Mapped[JsonObject] = mapped_column(Document)
    parent_seq: Mapped[int | None]
