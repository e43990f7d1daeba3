"""The ledger of effects."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKeyConstraint, Index
from sqlalchemy.orm import Mapped, mapped_column

from aumos_agent_framework.core.domain.effects import EffectStatus
from aumos_agent_framework.core.models.base import (
    Base,
    Document,
    TenantKey,
    is_one_of,
    is_short,
)
from aumos_agent_framework.core.types import JsonObject, JsonValue


class EffectRow(Base):
    """One tool call's action on the world: reserved before the call, settled after it."""

    __tablename__ = "agf_effects"
    __table_args__ = (
        ForeignKeyConstraint(
            ["tenant_id", "execution_id"],
            ["agf_executions.tenant_id", "agf_executions.id"],
            name="fk_agf_effects_execution",
        ),
        ForeignKeyConstraint(
            ["tenant_id", "hitl_request_id"],
            ["agf_hitl_requests.tenant_id", "agf_hitl_requests.id"],
            name="fk_agf_effects_hitl_request",
        ),
        is_one_of("status", EffectStatus),
        CheckConstraint("attempts >= 1", name="attempts"),
        CheckConstraint("(settled_at IS NULL) = (status IN ('reserved', 'released'))", name="settled"),
        *is_short("call_id", "tool"),
        Index("ix_agf_effects_execution", "tenant_id", "execution_id"),
    )

    tenant_id: Mapped[TenantKey]
    id: Mapped[UUID] = mapped_column(primary_key=True)
    execution_id: Mapped[UUID]
    call_id: Mapped[str]
    tool: Mapped[str]
    tool_version: Mapped[int]
    agent_id: Mapped[UUID | None]
    arguments: Mapped[JsonObject] = mapped_column(Document)
    hitl_request_id: Mapped[UUID | None]
    status: Mapped[str]
    attempts: Mapped[int]
    result: Mapped[JsonValue | None] = mapped_column(Document)
    message: Mapped[str]
    reserved_at: Mapped[datetime]
    settled_at: Mapped[datetime | None]
