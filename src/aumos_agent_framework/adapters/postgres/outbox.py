"""The tenant's side of the outbox: writing messages with the state they belong to."""

from typing import Any

from sqlalchemy import Row, bindparam, delete, select
from sqlalchemy.dialects.postgresql import insert

from aumos_agent_framework.adapters.postgres.transaction import TenantTransaction
from aumos_agent_framework.core.domain.outbox import OutboxKind, OutboxMessage
from aumos_agent_framework.core.models import OutboxRow
from aumos_agent_framework.core.types import ExecutionId, OutboxId, TenantId

_INSERT = insert(OutboxRow)
# A message that the relay holds is left to it: it is delivering it too, and will remove it.
_DELETE = delete(OutboxRow).where(
    OutboxRow.id.in_(select(OutboxRow.id).where(OutboxRow.id == bindparam("of_id")).with_for_update(skip_locked=True))
)


class PostgresOutbox:
    """See ``OutboxRepository``."""

    def __init__(self, transaction: TenantTransaction) -> None:
        self._transaction = transaction

    async def add(self, message: OutboxMessage) -> None:
        await self._transaction.execute(_INSERT, _columns(message))

    async def delete(self, message_id: OutboxId) -> None:
        await self._transaction.execute(_DELETE, {"of_id": message_id})


def _columns(message: OutboxMessage) -> dict[str, Any]:
    return {
        "tenant_id": message.tenant_id,
        "id": message.id,
        "execution_id": message.execution_id,
        "kind": message.kind,
        "payload": message.payload,
        "available_at": message.available_at,
        "attempts": message.attempts,
    }


def message_of(row: Row[Any]) -> OutboxMessage:
    """Return the message that a row holds."""
    return OutboxMessage(
        id=OutboxId(row.id),
        tenant_id=TenantId(row.tenant_id),
        execution_id=ExecutionId(row.execution_id),
        kind=OutboxKind(row.kind),
        payload=row.payload,
        available_at=row.available_at,
        attempts=row.attempts,
    )
