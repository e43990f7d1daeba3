"""The relay's view of the in-memory store's outbox."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime

from aumos_agent_framework.core.domain.outbox import OutboxKind, OutboxMessage
from aumos_agent_framework.core.errors import UnavailableError
from aumos_agent_framework.core.types import OutboxId
from tests.fakes.database import Database, Transaction


class InMemoryOutboxBatch:
    """See ``OutboxBatch``."""

    def __init__(self, held: dict[OutboxId, tuple[OutboxMessage, Transaction]]) -> None:
        self._held = held
        self.messages: Sequence[OutboxMessage] = [message for message, _ in held.values()]
        self.errors: dict[OutboxId, str] = {}

    async def delivered(self, message_id: OutboxId) -> None:
        _, transaction = self._held[message_id]
        await transaction.delete("outbox", message_id)

    async def failed(self, message_id: OutboxId, error: str, retry_at: datetime) -> None:
        message, transaction = self._held[message_id]
        self.errors[message_id] = error
        later = replace(message, attempts=message.attempts + 1, available_at=retry_at)
        await transaction.put("outbox", message_id, later)


class InMemoryOutboxQueue:
    """See ``OutboxQueue``. ``batches`` keeps what was claimed."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.batches: list[InMemoryOutboxBatch] = []

    @asynccontextmanager
    async def claim(self, limit: int, now: datetime) -> AsyncIterator[InMemoryOutboxBatch]:
        if not self._database.available:
            raise UnavailableError("database_unavailable", "The database does not answer.")
        batch = InMemoryOutboxBatch(self._lock_due(limit, now))
        self.batches.append(batch)
        transactions = [transaction for _, transaction in batch._held.values()]  # noqa: SLF001 - the batch is ours
        try:
            yield batch
            for transaction in transactions:
                await transaction.commit()
        finally:
            for transaction in transactions:
                transaction.end()

    def _lock_due(self, limit: int, now: datetime) -> dict[OutboxId, tuple[OutboxMessage, Transaction]]:
        waiting = [value for (_, table, _), value in self._database.committed.items() if table == "outbox"]
        due = [
            message
            for message in waiting
            if message.available_at <= now and not any(_goes_before(other, message) for other in waiting)
        ]
        held: dict[OutboxId, tuple[OutboxMessage, Transaction]] = {}
        for message in sorted(due, key=lambda one: one.id):
            if len(held) == limit:
                break
            transaction = Transaction(self._database, message.tenant_id)
            if transaction.try_lock("outbox", message.id):
                held[message.id] = (message, transaction)
        return held


def _goes_before(other: OutboxMessage, message: OutboxMessage) -> bool:
    of_the_same_run = (other.tenant_id, other.execution_id) == (message.tenant_id, message.execution_id)
    return (
        of_the_same_run
        and other.id != message.id
        and message.kind is not OutboxKind.START
        and (other.id < message.id or other.kind is OutboxKind.START)
    )
