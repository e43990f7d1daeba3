"""The table of tenants."""

from datetime import datetime

from sqlalchemy import func, text
from sqlalchemy.orm import Mapped, mapped_column

from aumos_agent_framework.core.models.base import Base, Level, TenantKey, is_level, is_short


class TenantRow(Base):
    """A tenant's settings. The tenant's own id is the key; a tenant without a row has the defaults."""

    __tablename__ = "agf_tenants"
    __table_args__ = (is_level("privilege_cap"), *is_short("name"))

    id: Mapped[TenantKey]
    name: Mapped[str | None]
    privilege_cap: Mapped[Level] = mapped_column(server_default=text("5"))
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    updated_at: Mapped[datetime] = mapped_column(server_default=func.now())
