"""The table of messages on their way to Temporal."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, Index, func
from sqlalchemy.orm import Mapped, mapped_column

from aumos_agent_framework.core.domain.outbox import OutboxKind
from aumos_agent_framework.core.models.base import Base, Document, TenantKey, is_one_of
from aumos_agent_framework.core.types import JsonObject


class OutboxRow(Base):
    """One message, removed when delivered. No foreign key: it lives for seconds and is written with its execution."""

    __tablename__ = "agf_outbox"
    __table_args__ = (
        is_one_of("kind", OutboxKind),
        CheckConstraint("attempts >= 0", name="attempts"),
        Index("ix_agf_outbox_order", "id"),
        Index("ix_agf_outbox_execution", "tenant_id", "execution_id", "id"),
    )

    tenant_id: Mapped[TenantKey]
    id: Mapped[UUID] = mapped_column(primary_key=True)
    execution_id: Mapped[UUID]
    kind: Mapped[str]
    payload: Mapped[JsonObject] = mapped_column(Document)
    available_at: Mapped[datetime]
    attempts: Mapped[int]
    last_error: Mapped[str | None]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
