"""Answers to requests that may be repeated."""

import hashlib
from datetime import timedelta
from functools import lru_cache
from typing import Any, TypeVar

from pydantic import TypeAdapter
from sqlalchemy import BigInteger, and_, bindparam, delete, func, literal, not_, null, or_, select, tuple_, update
from sqlalchemy.dialects.postgresql import insert

from aumos_agent_framework.adapters.postgres.transaction import TenantTransaction
from aumos_agent_framework.core.domain.idempotency import IdempotencyKey
from aumos_agent_framework.core.errors import ConflictError, InvalidInputError, Problem
from aumos_agent_framework.core.models import IdempotencyKeyRow
from aumos_agent_framework.core.types import TenantId

T = TypeVar("T")
RETENTION = timedelta(hours=24)
_PURGED_AT_ONCE = 10
"""Each new answer removes up to so many expired ones: more than are added, so that the table stays small by itself."""

_Row = IdempotencyKeyRow
_IS_IT = (_Row.scope == bindparam("of_scope"), _Row.key == bindparam("of_key"))
_GOT_LOCK = func.pg_try_advisory_xact_lock(bindparam("lock", type_=BigInteger))

# One statement: the row is inserted only by the holder of the key's lock, so that nobody ever waits on a row of a
# transaction under way. A row is free again when it has expired, or was claimed and never answered.
_claimed = insert(_Row).from_select(
    ["tenant_id", "scope", "key", "fingerprint", "created_at", "expires_at"],
    select(
        bindparam("of_tenant", type_=_Row.tenant_id.type),
        bindparam("of_scope", type_=_Row.scope.type),
        bindparam("of_key", type_=_Row.key.type),
        bindparam("of_fingerprint", type_=_Row.fingerprint.type),
        func.now(),
        func.now() + literal(RETENTION),
    ).where(_GOT_LOCK),
)
_CLAIM = _claimed.on_conflict_do_update(
    index_elements=["tenant_id", "scope", "key"],
    set_={
        "fingerprint": _claimed.excluded.fingerprint,
        "answer": null(),
        "created_at": _claimed.excluded.created_at,
        "expires_at": _claimed.excluded.expires_at,
    },
    where=or_(_Row.expires_at <= func.now(), _Row.answer.is_(None)),
)
_STORED = select(_Row.fingerprint, _Row.answer).where(*_IS_IT, _Row.expires_at > func.now(), _Row.answer.is_not(None))
_expired = delete(_Row).where(
    tuple_(_Row.scope, _Row.key).in_(
        select(_Row.scope, _Row.key)
        .where(_Row.expires_at <= func.now(), not_(and_(*_IS_IT)))
        .order_by(_Row.expires_at)
        .limit(_PURGED_AT_ONCE)
        .with_for_update(skip_locked=True)
    )
)
_ANSWER = update(_Row).where(*_IS_IT).values(answer=bindparam("of_answer")).add_cte(_expired.cte("expired"))


class PostgresIdempotency:
    """See ``IdempotencyRepository``. Answers are kept as JSON and validated when they are read back."""

    def __init__(self, transaction: TenantTransaction) -> None:
        self._transaction = transaction

    async def claim(self, key: IdempotencyKey, as_type: type[T]) -> T | None:
        tenant_id = self._transaction.tenant_id
        claimed = await self._transaction.changed(
            _CLAIM,
            {
                "of_tenant": tenant_id,
                "of_scope": key.scope,
                "of_key": key.key,
                "of_fingerprint": key.fingerprint,
                "lock": _lock_of(tenant_id, key),
            },
        )
        if claimed:
            return None
        stored: T = await self._stored(key, as_type)
        return stored

    async def answer(self, key: IdempotencyKey, value: object) -> None:
        kind: Any = type(value)
        answer = _adapter(kind).dump_python(value, mode="json")
        parameters = {"of_scope": key.scope, "of_key": key.key, "of_answer": answer}
        if not await self._transaction.changed(_ANSWER, parameters):
            raise LookupError("An answer is stored for a claimed key only.")

    async def _stored(self, key: IdempotencyKey, as_type: Any) -> Any:
        row = await self._transaction.first(_STORED, {"of_scope": key.scope, "of_key": key.key})
        if row is None:
            message = "The first request with this idempotency key is still under way."
            raise ConflictError("idempotency_in_progress", message, retryable=True)
        if row.fingerprint != key.fingerprint:
            problem = Problem("", "This idempotency key came with another request.", "idempotency_key_reused")
            raise InvalidInputError(problem.message, [problem], code=problem.code)
        return _adapter(as_type).validate_python(row.answer)


@lru_cache(maxsize=32)
def _adapter(kind: Any) -> TypeAdapter[Any]:
    """Return a type's adapter; making one takes milliseconds, and there are a handful of kinds."""
    return TypeAdapter(kind)


def _lock_of(tenant_id: TenantId, key: IdempotencyKey) -> int:
    """Return the number of the key's advisory lock: two keys share one with a chance of 2^-64."""
    name = "\x1f".join((str(tenant_id), key.scope, key.key)).encode()
    return int.from_bytes(hashlib.sha256(name).digest()[:8], signed=True)
