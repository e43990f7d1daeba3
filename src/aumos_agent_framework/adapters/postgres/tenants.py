"""The tenant's own settings."""

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert

from aumos_agent_framework.adapters.postgres.transaction import TenantTransaction
from aumos_agent_framework.core.domain.identity import Tenant
from aumos_agent_framework.core.models import TenantRow
from aumos_agent_framework.core.types import PrivilegeLevel

_CURRENT = select(TenantRow.name, TenantRow.privilege_cap)
_ENSURE = insert(TenantRow).on_conflict_do_nothing()


class PostgresTenants:
    """See ``TenantRepository``."""

    def __init__(self, transaction: TenantTransaction) -> None:
        self._transaction = transaction

    async def current(self) -> Tenant:
        row = await self._transaction.first(_CURRENT)
        if row is None:
            return Tenant(self._transaction.tenant_id, None)
        return Tenant(self._transaction.tenant_id, row.name, PrivilegeLevel(row.privilege_cap))

    async def ensure(self, name: str) -> None:
        await self._transaction.execute(_ENSURE, {"id": self._transaction.tenant_id, "name": name})
