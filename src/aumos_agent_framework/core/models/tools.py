"""The table of tools."""

from datetime import datetime

from sqlalchemy import CheckConstraint, Index
from sqlalchemy.orm import Mapped, mapped_column

from aumos_agent_framework.core.domain.tools import ToolIdempotency, ToolStatus
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


class ToolRow(Base):
    """A registered tool; the name is the key within a tenant."""

    __tablename__ = "agf_tools"
    __table_args__ = (
        is_level("min_privilege_level"),
        is_one_of("idempotency", ToolIdempotency),
        is_one_of("status", ToolStatus),
        CheckConstraint("version >= 1", name="version"),
        *is_short("name", "created_by"),
        Index("ix_agf_tools_status", "tenant_id", "status", "name"),
    )

    tenant_id: Mapped[TenantKey]
    name: Mapped[str] = mapped_column(KeyText, primary_key=True)
    description: Mapped[str]
    min_privilege_level: Mapped[Level]
    input_schema: Mapped[JsonObject] = mapped_column(Document)
    output_schema: Mapped[JsonObject | None] = mapped_column(Document)
    config: Mapped[JsonObject] = mapped_column(Document)
    idempotency: Mapped[str]
    status: Mapped[str]
    version: Mapped[int]
    created_by: Mapped[str]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]
