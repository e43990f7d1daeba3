"""Levels: how far a call reaches, and what a tool of some level then needs. Pure; ``act`` applies it."""

from dataclasses import dataclass
from enum import StrEnum

from aumos_agent_framework.core.domain.executions import Governance
from aumos_agent_framework.core.domain.hitl import LEVEL_FIVE_QUORUM
from aumos_agent_framework.core.domain.workflows import RunAs
from aumos_agent_framework.core.types import APPROVAL_FROM, PrivilegeLevel


class Permission(StrEnum):
    """What may happen with a call."""

    ALLOW = "allow"
    DENY = "deny"
    REQUIRE_APPROVAL = "require_approval"


@dataclass(frozen=True, slots=True)
class EffectiveLevel:
    """The level that a call acts with. ``reasons`` name every bound, the deciding ones first."""

    level: PrivilegeLevel
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Decision:
    """The answer to "may this call be made", with the levels it rests on."""

    permission: Permission
    effective_level: PrivilegeLevel
    required_level: PrivilegeLevel
    reasons: tuple[str, ...]


def effective_level(
    *, tenant_cap: PrivilegeLevel, governance: Governance, agent_level: PrivilegeLevel | None
) -> EffectiveLevel:
    """Return the minimum over everyone in whose name the call is made.

    Args:
        tenant_cap: the tenant's cap as the database says now.
        governance: what the run was given at its start. A workflow that runs as itself is bounded by its cap in the
            caller's place; without a cap the caller counts all the same.
        agent_level: the agent's level as the database says now; ``None`` where no agent acts.
    """
    cap = governance.privilege_cap
    bounds = [(tenant_cap, f"the tenant's cap is {tenant_cap}")]
    if cap is not None:
        bounds.append((cap, f"the workflow's cap is {cap}"))
    if agent_level is not None:
        bounds.append((agent_level, f"the agent's level is {agent_level}"))
    if governance.run_as is RunAs.CALLER or cap is None:
        level = governance.caller_level
        bounds.append((level, f"the level of {governance.initiated_by}, who started the run, is {level}"))
    bounds.sort(key=lambda bound: bound[0])
    return EffectiveLevel(bounds[0][0], tuple(reason for _, reason in bounds))


def decide(effective: EffectiveLevel, required: PrivilegeLevel) -> Decision:
    """Say whether a call that acts with ``effective`` may reach a tool that needs ``required``."""
    if effective.level < required:
        permission, verdict = Permission.DENY, f"the tool needs level {required}, the call has {effective.level}"
    elif required >= APPROVAL_FROM:
        permission, verdict = Permission.REQUIRE_APPROVAL, f"calls of level {required} need an approval"
    else:
        permission, verdict = Permission.ALLOW, f"level {effective.level} suffices for level {required}"
    return Decision(permission, effective.level, required, (verdict, *effective.reasons))


def quorum_for(required: PrivilegeLevel) -> int:
    """Return how many different people must approve a call of this level."""
    return LEVEL_FIVE_QUORUM if required is PrivilegeLevel.SUPER_ADMIN else 1
