"""Ids, levels and JSON shapes that every layer shares."""

from collections.abc import Mapping
from enum import IntEnum
from typing import Any, NewType
from uuid import UUID

TenantId = NewType("TenantId", UUID)
WorkflowId = NewType("WorkflowId", UUID)
ExecutionId = NewType("ExecutionId", UUID)
AgentId = NewType("AgentId", UUID)
HitlRequestId = NewType("HitlRequestId", UUID)
EffectId = NewType("EffectId", UUID)
OutboxId = NewType("OutboxId", UUID)

JsonValue = Any
JsonObject = dict[str, Any]
JsonMapping = Mapping[str, Any]


class PrivilegeLevel(IntEnum):
    """What an identity may do, from reading to platform operations (PRODUCT: five privilege levels)."""

    READ_ONLY = 1
    EXECUTE_SAFE = 2
    EXECUTE_RISKY = 3
    ADMIN = 4
    SUPER_ADMIN = 5


APPROVAL_FROM = PrivilegeLevel.EXECUTE_RISKY
"""Calls of this level and above each need a human approval."""
