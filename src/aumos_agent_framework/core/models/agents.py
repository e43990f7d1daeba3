"""The table of agents."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from aumos_agent_framework.core.domain.agents import AgentStatus
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


class AgentRow(Base):
    """A registered agent.

    ``capabilities`` has no index of its own: array operators are not leakproof, so PostgreSQL never uses an index
    for them beneath row security.
    """

    __tablename__ = "agf_agents"
    __table_args__ = (
        UniqueConstraint("tenant_id", "name", name="uq_agf_agents_name"),
        is_level("privilege_level"),
        is_one_of("status", AgentStatus),
        CheckConstraint("version >= 1", name="version"),
        *is_short("name", "owner", "created_by"),
        Index("ix_agf_agents_created", "tenant_id", "created_at", "id"),
        Index("ix_agf_agents_status", "tenant_id", "status", "created_at", "id"),
    )

    tenant_id: Mapped[TenantKey]
    id: Mapped[UUID] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(KeyText)
    description: Mapped[str]
    capabilities: Mapped[tuple[str, ...]] = mapped_column(Texts)
    privilege_level: Mapped[Level]
    tool_access: Mapped[JsonObject] = mapped_column(Document)
    resource_limits: Mapped[JsonObject] = mapped_column(Document)
    model: Mapped[JsonObject] = mapped_column(Document)
    instructions: Mapped[str]
    owner: Mapped[str]
    status: Mapped[str]
    version: Mapped[int]
    created_by: Mapped[str]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]
