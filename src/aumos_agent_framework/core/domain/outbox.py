"""Messages that leave the database: written with the state they belong to, delivered at least once."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from aumos_agent_framework.core.types import ExecutionId, JsonObject, OutboxId, TenantId


class OutboxKind(StrEnum):
    """What delivery means."""

    START = "start"  # payload: the run plan
    DECISION = "decision"  # payload: a settlement
    CANCEL = "cancel"  # payload: {reason}


@dataclass(frozen=True, slots=True)
class OutboxMessage:
    """One message to Temporal about one execution. Delivery is idempotent by execution and request id."""

    id: OutboxId
    tenant_id: TenantId
    execution_id: ExecutionId
    kind: OutboxKind
    payload: JsonObject
    available_at: datetime  # the relay leaves it to the fast path until then
    attempts: int = 0
