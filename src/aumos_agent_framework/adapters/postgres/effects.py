"""The ledger of effects."""

from typing import Any

from sqlalchemy import Row, bindparam, select, update
from sqlalchemy.dialects.postgresql import insert

from aumos_agent_framework.adapters.postgres.transaction import TenantTransaction
from aumos_agent_framework.core.domain.effects import Effect, EffectStatus
from aumos_agent_framework.core.models import EffectRow
from aumos_agent_framework.core.types import AgentId, EffectId, ExecutionId, HitlRequestId, TenantId

_IS_IT = EffectRow.id == bindparam("of_id")
_GET = select(EffectRow).where(_IS_IT)
_GET_LOCKED = _GET.with_for_update()
_RESERVE = insert(EffectRow).on_conflict_do_nothing()
_UPDATE = (
    update(EffectRow)
    .where(_IS_IT)
    .values(
        status=bindparam("to_status"),
        attempts=bindparam("to_attempts"),
        result=bindparam("to_result"),
        message=bindparam("to_message"),
        settled_at=bindparam("to_settled_at"),
    )
)


class PostgresEffects:
    """See ``EffectRepository``."""

    def __init__(self, transaction: TenantTransaction) -> None:
        self._transaction = transaction

    async def get(self, effect_id: EffectId, *, for_update: bool = False) -> Effect | None:
        row = await self._transaction.first(_GET_LOCKED if for_update else _GET, {"of_id": effect_id})
        return _effect(row) if row else None

    async def reserve(self, effect: Effect) -> bool:
        return await self._transaction.changed(_RESERVE, _columns(effect)) == 1

    async def update(self, effect: Effect) -> None:
        parameters = {
            "of_id": effect.id,
            "to_status": effect.status,
            "to_attempts": effect.attempts,
            "to_result": effect.result,
            "to_message": effect.message,
            "to_settled_at": effect.settled_at,
        }
        await self._transaction.execute(_UPDATE, parameters)


def _columns(effect: Effect) -> dict[str, Any]:
    return {
        "tenant_id": effect.tenant_id,
        "id": effect.id,
        "execution_id": effect.execution_id,
        "call_id": effect.call_id,
        "tool": effect.tool,
        "tool_version": effect.tool_version,
        "agent_id": effect.agent_id,
        "arguments": effect.arguments,
        "hitl_request_id": effect.hitl_request_id,
        "status": effect.status,
        "attempts": effect.attempts,
        "result": effect.result,
        "message": effect.message,
        "reserved_at": effect.reserved_at,
        "settled_at": effect.settled_at,
    }


def _effect(row: Row[Any]) -> Effect:
    return Effect(
        id=EffectId(row.id),
        tenant_id=TenantId(row.tenant_id),
        execution_id=ExecutionId(row.execution_id),
        call_id=row.call_id,
        tool=row.tool,
        tool_version=row.tool_version,
        agent_id=None if row.agent_id is None else AgentId(row.agent_id),
        arguments=row.arguments,
        hitl_request_id=None if row.hitl_request_id is None else HitlRequestId(row.hitl_request_id),
        status=EffectStatus(row.status),
        attempts=row.attempts,
        result=row.result,
        message=row.message,
        reserved_at=row.reserved_at,
        settled_at=row.settled_at,
    )
