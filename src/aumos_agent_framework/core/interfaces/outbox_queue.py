"""The relay's view of the outbox: all tenants, this table only."""

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from typing import Protocol

from aumos_agent_framework.core.domain.outbox import OutboxMessage
from aumos_agent_framework.core.types import OutboxId


class OutboxBatch(Protocol):
    """Messages locked by one relay until the context ends."""

    messages: Sequence[OutboxMessage]

    async def delivered(self, message_id: OutboxId) -> None:
        """Remove the message when the context ends."""
        ...

    async def failed(self, message_id: OutboxId, error: str, retry_at: datetime) -> None:
        """Keep the message for later and count the attempt."""
        ...


class OutboxQueue(Protocol):
    """Claims due messages; several relays may run at once and never hold the same message."""

    def claim(self, limit: int, now: datetime) -> AbstractAsyncContextManager[OutboxBatch]:
        """Lock up to ``limit`` due messages, oldest first, until the context ends, then commit what was marked.

        The order within an execution is kept: a message is left out while an earlier one of its execution waits, and
        a start goes before everything else. An error in the context leaves all messages as they were.
        """
        ...
