"""The tables of human decisions: requests and votes."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKeyConstraint, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from aumos_agent_framework.core.domain.hitl import HitlKind, HitlStatus, Verdict
from aumos_agent_framework.core.models.base import (
    Base,
    Document,
    KeyText,
    Level,
    TenantKey,
    Texts,
    is_level,
    is_one_of,
    is_short,
)
from aumos_agent_framework.core.types import JsonObject


class HitlRequestRow(Base):
    """One question. ``digest`` binds what is being approved now; it changes when an approver edits the arguments."""

    __tablename__ = "agf_hitl_requests"
    __table_args__ = (
        ForeignKeyConstraint(
            ["tenant_id", "execution_id"],
            ["agf_executions.tenant_id", "agf_executions.id"],
            name="fk_agf_hitl_requests_execution",
        ),
        UniqueConstraint("tenant_id", "execution_id", "call_id", "digest", name="uq_agf_hitl_requests_asked"),
        is_one_of("kind", HitlKind),
        is_one_of("status", HitlStatus),
        is_level("effective_level"),
        is_level("required_level"),
        CheckConstraint("quorum >= 1", name="quorum"),
        CheckConstraint("(decided_at IS NULL) = (status = 'pending')", name="decided"),
        CheckConstraint("consumed_at IS NULL OR status = 'approved'", name="consumed"),
        *is_short("call_id", "digest", "initiated_by", "agent_owner", "decided_by"),
        Index("ix_agf_hitl_requests_inbox", "tenant_id", "status", "expires_at", "id"),
        Index("ix_agf_hitl_requests_workflow", "tenant_id", "workflow_id", "expires_at", "id"),
        Index("ix_agf_hitl_requests_agent", "tenant_id", "agent_id", "expires_at", "id"),
    )

    tenant_id: Mapped[TenantKey]
    id: Mapped[UUID] = mapped_column(primary_key=True)
    execution_id: Mapped[UUID]
    workflow_id: Mapped[UUID | None]
    call_id: Mapped[str] = mapped_column(KeyText)
    gate_name: Mapped[str]
    kind: Mapped[str]
    node: Mapped[str]
    agent_id: Mapped[UUID | None]
    agent_owner: Mapped[str | None]
    tool: Mapped[str | None]
    tool_version: Mapped[int | None]
    arguments: Mapped[JsonObject | None] = mapped_column(Document)
    action_description: Mapped[str]
    context_data: Mapped[JsonObject] = mapped_column(Document)
    initiated_by: Mapped[str]
    effective_level: Mapped[Level]
    required_level: Mapped[Level]
    approver_roles: Mapped[tuple[str, ...]] = mapped_column(Texts)
    quorum: Mapped[int]
    digest: Mapped[str] = mapped_column(KeyText)
    status: Mapped[str]
    expires_at: Mapped[datetime]
    created_at: Mapped[datetime]
    decided_by: Mapped[str | None]
    decided_at: Mapped[datetime | None]
    decision_notes: Mapped[str | None]
    consumed_at: Mapped[datetime | None]


class HitlDecisionRow(Base):
    """One person's vote; a person votes once on a request."""

    __tablename__ = "agf_hitl_decisions"
    __table_args__ = (
        ForeignKeyConstraint(
            ["tenant_id", "request_id"],
            ["agf_hitl_requests.tenant_id", "agf_hitl_requests.id"],
            name="fk_agf_hitl_decisions_request",
        ),
        is_one_of("decision", Verdict),
        *is_short("decided_by"),
    )

    tenant_id: Mapped[TenantKey]
    request_id: Mapped[UUID] = mapped_column(primary_key=True)
    decided_by: Mapped[str] = mapped_column(KeyText, primary_key=True)
    decision: Mapped[str]
    notes: Mapped[str | None]
    decided_at: Mapped[datetime]
