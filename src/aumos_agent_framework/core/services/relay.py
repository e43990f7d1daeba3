"""Delivering what the outbox holds to the durable engine, again and again until it got through."""

import asyncio
import logging
from datetime import timedelta

from aumos_agent_framework.core.domain.executions import RunPlan
from aumos_agent_framework.core.domain.hitl import Settlement
from aumos_agent_framework.core.domain.outbox import OutboxKind, OutboxMessage
from aumos_agent_framework.core.errors import AgfError
from aumos_agent_framework.core.interfaces.clock import Clock
from aumos_agent_framework.core.interfaces.durable_executor import DurableExecutor
from aumos_agent_framework.core.interfaces.outbox_queue import OutboxBatch, OutboxQueue
from aumos_agent_framework.core.services.wire import from_json

DELIVERY_SECONDS = 5.0
IDLE_SECONDS = 0.5
FIRST_RETRY_SECONDS = 1.0
LAST_RETRY_SECONDS = 60.0
CONCURRENT_DELIVERIES = 10
BATCH_SIZE = 50
_log = logging.getLogger(__name__)


async def deliver(executor: DurableExecutor, message: OutboxMessage) -> None:
    """Hand one message to the engine. Idempotent, as the engine's methods are.

    Raises:
        UnavailableError: the engine is away.
        ValueError, TypeError, KeyError: the payload cannot be read.
    """
    match message.kind:
        case OutboxKind.START:
            await executor.start(from_json(RunPlan, message.payload))
        case OutboxKind.DECISION:
            settlement = from_json(Settlement, message.payload)
            await executor.settle(message.tenant_id, message.execution_id, settlement)
        case OutboxKind.CANCEL:
            await executor.cancel(message.tenant_id, message.execution_id, message.payload["reason"])


def retry_delay(attempts: int) -> float:
    """Return the seconds to wait after this many failures: 1, 2, 4, ... up to 60."""
    doublings = min(attempts - 1, 10)
    return float(min(FIRST_RETRY_SECONDS * 2**doublings, LAST_RETRY_SECONDS))


class Relay:
    """Repeats what the fast path did not get through. Any number of relays may run at once."""

    def __init__(
        self,
        *,
        queue: OutboxQueue,
        executor: DurableExecutor,
        clock: Clock,
        delivery_seconds: float = DELIVERY_SECONDS,
        idle_seconds: float = IDLE_SECONDS,
    ) -> None:
        self._queue = queue
        self._executor = executor
        self._clock = clock
        self._delivery_seconds = delivery_seconds
        self._idle_seconds = idle_seconds

    async def run(self, stop: asyncio.Event) -> None:
        """Deliver until ``stop`` is set: at once again after a full batch, else after half a second.

        Nothing ends the loop but ``stop`` and cancellation: with the database or the engine away it logs and goes on.
        """
        while not stop.is_set():
            if await self._run_once_surviving() < BATCH_SIZE:
                await self._idle(stop)

    async def run_once(self, limit: int = BATCH_SIZE) -> int:
        """Try to deliver up to ``limit`` due messages, some at a time; return how many were due.

        A message that fails, or takes longer than ``delivery_seconds``, is kept for later and holds up no other. A
        crash in here delivers some messages twice.

        Raises:
            UnavailableError: the database is away.
        """
        async with self._queue.claim(limit, self._clock.now()) as batch:
            turns = asyncio.Semaphore(CONCURRENT_DELIVERIES)
            faults = await asyncio.gather(*(self._attempt(message, turns) for message in batch.messages))
            for message, fault in zip(batch.messages, faults, strict=True):
                await self._mark(batch, message, fault)
            return len(batch.messages)

    async def _attempt(self, message: OutboxMessage, turns: asyncio.Semaphore) -> str | None:
        """Return why the delivery failed, or ``None``."""
        async with turns:
            try:
                async with asyncio.timeout(self._delivery_seconds):
                    await deliver(self._executor, message)
            except TimeoutError:
                return f"No answer within {self._delivery_seconds} s."
            except AgfError as error:
                return error.message
            except Exception as error:  # noqa: BLE001 - a poison message holds up no other
                _log.exception("outbox_message_unreadable", extra={"outbox_id": str(message.id)})
                return f"{type(error).__name__}: {error}"
        return None

    async def _mark(self, batch: OutboxBatch, message: OutboxMessage, fault: str | None) -> None:
        if fault is None:
            await batch.delivered(message.id)
            return
        delay = retry_delay(message.attempts + 1)
        extra = {"outbox_id": str(message.id), "kind": message.kind, "attempts": message.attempts + 1, "reason": fault}
        _log.warning("outbox_delivery_failed", extra=extra)
        await batch.failed(message.id, fault, self._clock.now() + timedelta(seconds=delay))

    async def _run_once_surviving(self) -> int:
        try:
            return await self.run_once()
        except AgfError as error:
            _log.warning("relay_waits", extra={"reason": error.message})
        except Exception:  # noqa: BLE001 - without a relay nothing that was missed is ever delivered
            _log.exception("relay_fault")
        return 0

    async def _idle(self, stop: asyncio.Event) -> None:
        try:
            async with asyncio.timeout(self._idle_seconds):
                await stop.wait()
        except TimeoutError:
            return
