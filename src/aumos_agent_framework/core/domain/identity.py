"""Who is calling."""

from dataclasses import dataclass

from aumos_agent_framework.core.types import PrivilegeLevel, TenantId


@dataclass(frozen=True, slots=True)
class Caller:
    """The authenticated subject of a request, as its token says. The tenant comes from nowhere else."""

    tenant_id: TenantId
    subject: str
    level: PrivilegeLevel
    roles: frozenset[str] = frozenset()
    scopes: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Tenant:
    """A tenant's settings. A tenant without a row has the defaults."""

    id: TenantId
    name: str | None
    privilege_cap: PrivilegeLevel = PrivilegeLevel.SUPER_ADMIN
