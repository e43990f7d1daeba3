"""Outbox messages, and their delivery right after the commit, before the relay comes by."""

import asyncio
import logging
from datetime import datetime, timedelta

from aumos_agent_framework.core.domain.outbox import OutboxKind, OutboxMessage
from aumos_agent_framework.core.errors import AgfError
from aumos_agent_framework.core.interfaces.durable_executor import DurableExecutor
from aumos_agent_framework.core.interfaces.unit_of_work import UnitOfWorkFactory
from aumos_agent_framework.core.services.relay import deliver
from aumos_agent_framework.core.services.wire import to_json
from aumos_agent_framework.core.types import ExecutionId, OutboxId, TenantId

HEAD_START = timedelta(seconds=2)
"""How long the relay leaves a message to the fast path."""

_log = logging.getLogger(__name__)


def outbox_message(
    outbox_id: OutboxId,
    kind: OutboxKind,
    content: object,
    *,
    tenant_id: TenantId,
    execution_id: ExecutionId,
    now: datetime,
) -> OutboxMessage:
    """Return a message to one run; ``content`` is a ``RunPlan``, a ``Settlement`` or ``{"reason": ...}``."""
    return OutboxMessage(
        id=outbox_id,
        tenant_id=tenant_id,
        execution_id=execution_id,
        kind=kind,
        payload=to_json(content),
        available_at=now + HEAD_START,
    )


class FastPath:
    """Delivers a committed message at once and removes it."""

    def __init__(self, *, uow: UnitOfWorkFactory, executor: DurableExecutor) -> None:
        self._uow = uow
        self._executor = executor

    async def send(self, message: OutboxMessage) -> None:
        """Try once, within the head start. Never raises: the message is durable, and the relay repeats it."""
        try:
            async with asyncio.timeout(HEAD_START.total_seconds()):
                await deliver(self._executor, message)
                async with self._uow(message.tenant_id) as work:
                    await work.outbox.delete(message.id)
                    await work.commit()
        except (AgfError, TimeoutError) as error:
            extra = {"outbox_id": str(message.id), "kind": message.kind, "reason": str(error) or "no answer in time"}
            _log.warning("fast_path_left_to_relay", extra=extra)
        except Exception:  # noqa: BLE001 - what was accepted is accepted: the caller gets its answer whatever is wrong here
            _log.exception("fast_path_fault", extra={"outbox_id": str(message.id)})
