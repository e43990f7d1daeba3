"""The relay's side of the outbox: all tenants, this table only."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any

from sqlalchemy import Executable, bindparam, delete, exists, not_, or_, select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine
from sqlalchemy.orm import aliased

from aumos_agent_framework.adapters.postgres.engine import connected
from aumos_agent_framework.adapters.postgres.errors import translated
from aumos_agent_framework.adapters.postgres.outbox import message_of
from aumos_agent_framework.core.domain.outbox import OutboxKind, OutboxMessage
from aumos_agent_framework.core.models import OutboxRow
from aumos_agent_framework.core.types import OutboxId

_earlier = aliased(OutboxRow)
# The order within an execution is kept: nothing is handed out while an earlier message of the execution waits, even
# one that another relay holds. A start is first whatever the clocks of the processes that wrote the ids said.
_IS_NEXT = not_(
    exists().where(
        _earlier.tenant_id == OutboxRow.tenant_id,
        _earlier.execution_id == OutboxRow.execution_id,
        _earlier.id != OutboxRow.id,
        OutboxRow.kind != OutboxKind.START,
        or_(_earlier.id < OutboxRow.id, _earlier.kind == OutboxKind.START),
    )
)
_CLAIM = (
    select(OutboxRow)
    .where(OutboxRow.available_at <= bindparam("now"), _IS_NEXT)
    .order_by(OutboxRow.id)
    .limit(bindparam("most"))
    .with_for_update(of=OutboxRow, skip_locked=True)
)
_IS_IT = (OutboxRow.tenant_id == bindparam("of_tenant"), OutboxRow.id == bindparam("of_id"))
_DELIVERED = delete(OutboxRow).where(*_IS_IT)
_FAILED = (
    update(OutboxRow)
    .where(*_IS_IT)
    .values(attempts=OutboxRow.attempts + 1, available_at=bindparam("retry_at"), last_error=bindparam("reason"))
)
# The relay holds the rows while it delivers them; the limit for idle transactions is meant for forgotten ones.
_PATIENCE = text("SET LOCAL idle_in_transaction_session_timeout = '15min'")
_MAX_ERROR_LENGTH = 2_000


class PostgresOutboxBatch:
    """See ``OutboxBatch``."""

    def __init__(self, connection: AsyncConnection, messages: Sequence[OutboxMessage]) -> None:
        self._connection = connection
        self._tenants = {message.id: message.tenant_id for message in messages}
        self.messages = messages

    async def delivered(self, message_id: OutboxId) -> None:
        await self._mark(_DELIVERED, message_id)

    async def failed(self, message_id: OutboxId, error: str, retry_at: datetime) -> None:
        reason = error.replace("\x00", "")[:_MAX_ERROR_LENGTH]
        await self._mark(_FAILED, message_id, retry_at=retry_at, reason=reason)

    async def _mark(self, statement: Executable, message_id: OutboxId, **values: Any) -> None:
        with translated():
            which = {"of_tenant": self._tenants[message_id], "of_id": message_id}
            await self._connection.execute(statement, which | values)


class PostgresOutboxQueue:
    """See ``OutboxQueue``. The engine logs in as ``agf_relay``."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    @asynccontextmanager
    async def claim(self, limit: int, now: datetime) -> AsyncIterator[PostgresOutboxBatch]:
        async with connected(self._engine) as connection:
            with translated():
                await connection.execute(_PATIENCE)
                rows = await connection.execute(_CLAIM, {"now": now, "most": limit})
            yield PostgresOutboxBatch(connection, tuple(message_of(row) for row in rows))
            with translated():
                await connection.commit()
