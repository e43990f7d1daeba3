"""The table of answers to requests that may be repeated."""

from datetime import datetime

from sqlalchemy import Index
from sqlalchemy.orm import Mapped, mapped_column

from aumos_agent_framework.core.models.base import Base, Document, KeyText, TenantKey, is_short
from aumos_agent_framework.core.types import JsonValue


class IdempotencyKeyRow(Base):
    """A claimed key. ``answer`` is absent only inside the transaction that claimed the key."""

    __tablename__ = "agf_idempotency_keys"
    __table_args__ = (
        *is_short("scope", "key", "fingerprint"),
        Index("ix_agf_idempotency_keys_expires", "tenant_id", "expires_at"),
    )

    tenant_id: Mapped[TenantKey]
    scope: Mapped[str] = mapped_column(KeyText, primary_key=True)
    key: Mapped[str] = mapped_column(KeyText, primary_key=True)
    fingerprint: Mapped[str]
    answer: Mapped[JsonValue | None] = mapped_column(Document)
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
