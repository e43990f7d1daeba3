"""Repositories in memory of what runs leave: executions, requests, effects, messages, answers."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, TypeVar

from aumos_agent_framework.core.domain.effects import Effect
from aumos_agent_framework.core.domain.executions import (
    Execution,
    ExecutionFilter,
    ExecutionStatus,
    RunEnd,
    RunPlan,
    StepRecord,
)
from aumos_agent_framework.core.domain.hitl import Decision, HitlFilter, HitlRequest, HitlStatus
from aumos_agent_framework.core.domain.idempotency import IdempotencyKey
from aumos_agent_framework.core.domain.outbox import OutboxMessage
from aumos_agent_framework.core.domain.paging import Page, PageRequest
from aumos_agent_framework.core.errors import ConflictError, InvalidInputError, Problem
from aumos_agent_framework.core.types import (
    EffectId,
    ExecutionId,
    HitlRequestId,
    JsonObject,
    OutboxId,
    WorkflowId,
)
from tests.fakes.database import Transaction
from tests.fakes.repositories_registry import check_tenant, cut, newest_first

T = TypeVar("T")


class InMemoryExecutions:
    """See ``ExecutionRepository``."""

    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction

    async def add(self, execution: Execution, plan: RunPlan) -> None:
        check_tenant(self._transaction, execution.tenant_id)
        await self._transaction.put("executions", execution.id, execution)
        await self._transaction.put("plans", execution.id, plan)

    async def get(self, execution_id: ExecutionId) -> Execution | None:
        found: Execution | None = await self._transaction.get("executions", execution_id)
        return found

    async def newest(self, workflow_id: WorkflowId) -> Execution | None:
        runs = [run for run in await self._transaction.all("executions") if run.workflow_id == workflow_id]
        return next(iter(newest_first(runs)), None)

    async def list(self, page: PageRequest, where: ExecutionFilter) -> Page[Execution]:
        found = [run for run in await self._transaction.all("executions") if _matches_execution(run, where)]
        return cut(newest_first(found), page)

    async def begin(self, execution_id: ExecutionId, at: datetime) -> None:
        run = await self._locked(execution_id)
        if run is not None and run.status is ExecutionStatus.PENDING:
            await self._write(replace(run, status=ExecutionStatus.RUNNING, started_at=at, updated_at=at))

    async def pause(self, execution_id: ExecutionId, at: datetime, current_nodes: Sequence[str]) -> None:
        run = await self._locked(execution_id)
        if run is not None and not run.status.final:
            paused = ExecutionStatus.PAUSED_HITL
            await self._write(replace(run, status=paused, current_nodes=tuple(current_nodes), updated_at=at))

    async def resume(self, execution_id: ExecutionId, at: datetime) -> None:
        run = await self._locked(execution_id)
        if run is None or run.status is not ExecutionStatus.PAUSED_HITL:
            return
        if not await open_request_ids(self._transaction, execution_id):
            await self._write(replace(run, status=ExecutionStatus.RUNNING, updated_at=at))

    async def request_cancel(self, execution_id: ExecutionId, at: datetime) -> bool:
        run = await self._locked(execution_id)
        if run is None or run.status.final:
            return False
        await self._write(replace(run, cancel_requested=True, updated_at=at))
        return True

    async def finish(self, execution_id: ExecutionId, end: RunEnd, at: datetime) -> bool:
        run = await self._locked(execution_id)
        if run is None or run.status.final:
            return False
        ended = replace(
            run,
            status=end.status,
            output_data=end.output_data,
            error=end.error,
            usage=end.usage,
            current_nodes=(),
            completed_at=at,
            updated_at=at,
        )
        await self._write(ended)
        return True

    async def save_steps(self, execution_id: ExecutionId, steps: Sequence[StepRecord]) -> None:
        for step in steps:
            await self._transaction.put("steps", (execution_id, step.seq), (execution_id, step))

    async def steps(self, execution_id: ExecutionId) -> Sequence[StepRecord]:
        stored = [step for of, step in await self._transaction.all("steps") if of == execution_id]
        return tuple(sorted(stored, key=lambda step: step.seq))

    async def _locked(self, execution_id: ExecutionId) -> Execution | None:
        found: Execution | None = await self._transaction.get_for_update("executions", execution_id)
        return found

    async def _write(self, run: Execution) -> None:
        await self._transaction.put("executions", run.id, run)


class InMemoryHitl:
    """See ``HitlRepository``."""

    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction

    async def add(self, request: HitlRequest) -> HitlRequest:
        check_tenant(self._transaction, request.tenant_id)
        asked = (request.execution_id, request.call_id, request.digest)
        await self._transaction.lock("hitl.asked", asked)
        await self._transaction.lock("hitl", request.id)
        for stored in await self._transaction.all("hitl"):
            if stored.id == request.id or (stored.execution_id, stored.call_id, stored.digest) == asked:
                existing: HitlRequest = stored
                return existing
        await self._transaction.put("hitl", request.id, request)
        return request

    async def get(self, request_id: HitlRequestId, *, for_update: bool = False) -> HitlRequest | None:
        read = self._transaction.get_for_update if for_update else self._transaction.get
        found: HitlRequest | None = await read("hitl", request_id)
        return found

    async def list(self, page: PageRequest, where: HitlFilter) -> Page[HitlRequest]:
        found = [one for one in await self._transaction.all("hitl") if _matches_request(one, where)]
        return cut(sorted(found, key=lambda one: (one.expires_at, one.id)), page)

    async def edit(
        self, request_id: HitlRequestId, arguments: JsonObject, digest: str, context_data: JsonObject
    ) -> None:
        request = await self.get(request_id, for_update=True)
        if request is not None and request.status is HitlStatus.PENDING:
            await self._write(replace(request, arguments=arguments, digest=digest, context_data=context_data))

    async def add_decision(self, request_id: HitlRequestId, decision: Decision) -> None:
        request = await self.get(request_id, for_update=True)
        if request is None:
            raise LookupError(request_id)
        if any(vote.decided_by == decision.decided_by for vote in request.decisions):
            raise ConflictError("already_decided", f"{decision.decided_by} has decided already.")
        await self._write(replace(request, decisions=(*request.decisions, decision)))

    async def settle(
        self, request_id: HitlRequestId, status: HitlStatus, at: datetime, by: str | None, notes: str | None
    ) -> bool:
        request = await self.get(request_id, for_update=True)
        if request is None or request.status is not HitlStatus.PENDING:
            return False
        await self._write(replace(request, status=status, decided_at=at, decided_by=by, decision_notes=notes))
        return True

    async def consume(self, request_id: HitlRequestId, at: datetime) -> bool:
        request = await self.get(request_id, for_update=True)
        if request is None or request.status is not HitlStatus.APPROVED or request.consumed_at is not None:
            return False
        await self._write(replace(request, consumed_at=at))
        return True

    async def cancel_open(self, execution_id: ExecutionId, at: datetime) -> int:
        cancelled = 0
        for request_id in await self.open_ids(execution_id):
            cancelled += await self.settle(request_id, HitlStatus.CANCELLED, at, None, None)
        return cancelled

    async def open_ids(self, execution_id: ExecutionId) -> Sequence[HitlRequestId]:
        return await open_request_ids(self._transaction, execution_id)

    async def _write(self, request: HitlRequest) -> None:
        await self._transaction.put("hitl", request.id, request)


class InMemoryEffects:
    """See ``EffectRepository``."""

    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction

    async def get(self, effect_id: EffectId, *, for_update: bool = False) -> Effect | None:
        read = self._transaction.get_for_update if for_update else self._transaction.get
        found: Effect | None = await read("effects", effect_id)
        return found

    async def reserve(self, effect: Effect) -> bool:
        check_tenant(self._transaction, effect.tenant_id)
        await self._transaction.lock("effects", effect.id)
        if await self.get(effect.id) is not None:
            return False
        await self._transaction.put("effects", effect.id, effect)
        return True

    async def update(self, effect: Effect) -> None:
        stored = await self.get(effect.id, for_update=True)
        if stored is None:
            return
        written = replace(
            stored,
            status=effect.status,
            attempts=effect.attempts,
            result=effect.result,
            message=effect.message,
            settled_at=effect.settled_at,
        )
        await self._transaction.put("effects", effect.id, written)


class InMemoryOutbox:
    """See ``OutboxRepository``."""

    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction

    async def add(self, message: OutboxMessage) -> None:
        check_tenant(self._transaction, message.tenant_id)
        if await self._transaction.get("outbox", message.id) is not None:
            raise ValueError(f"The outbox has a message {message.id} already.")
        await self._transaction.put("outbox", message.id, message)

    async def delete(self, message_id: OutboxId) -> None:
        await self._transaction.delete("outbox", message_id)


class InMemoryIdempotency:
    """See ``IdempotencyRepository``. Answers are kept for as long as the store lives."""

    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction

    async def claim(self, key: IdempotencyKey, as_type: type[T]) -> T | None:
        if not self._transaction.try_lock("idempotency", (key.scope, key.key)):
            raise ConflictError("idempotency_in_progress", "The first request with this key is still under way.")
        stored = await self._transaction.get("idempotency", (key.scope, key.key))
        if stored is None:
            return None
        fingerprint, answer = stored
        if fingerprint != key.fingerprint:
            problem = Problem("", "This key came with another request.", "idempotency_key_reused")
            raise InvalidInputError("The idempotency key is used.", [problem], code="idempotency_key_reused")
        if not isinstance(answer, as_type):
            raise TypeError(f"The stored answer is a {type(answer).__name__}, not a {as_type.__name__}.")
        return answer

    async def answer(self, key: IdempotencyKey, value: object) -> None:
        await self._transaction.put("idempotency", (key.scope, key.key), (key.fingerprint, value))


async def open_request_ids(transaction: Transaction, execution_id: ExecutionId) -> tuple[HitlRequestId, ...]:
    """Return the pending requests of a run, oldest first."""
    pending = [
        request
        for request in await transaction.all("hitl")
        if request.execution_id == execution_id and request.status is HitlStatus.PENDING
    ]
    return tuple(one.id for one in sorted(pending, key=lambda one: (one.created_at, one.id)))


def _matches_execution(run: Execution, where: ExecutionFilter) -> bool:
    return (
        _same(where.workflow_id, run.workflow_id)
        and _same(where.agent_id, run.agent_id)
        and _same(where.status, run.status)
        and _same(where.session_id, run.session_id)
        and (where.created_after is None or run.created_at >= where.created_after)
        and (where.created_before is None or run.created_at < where.created_before)
    )


def _matches_request(one: HitlRequest, where: HitlFilter) -> bool:
    return (
        _same(where.status, one.status)
        and _same(where.execution_id, one.execution_id)
        and _same(where.workflow_id, one.workflow_id)
        and _same(where.agent_id, one.agent_id)
        and _same(where.required_level, one.required_level)
        and _decidable(one, where)
    )


def _decidable(one: HitlRequest, where: HitlFilter) -> bool:
    if where.decidable_by is not None:
        parties = {one.initiated_by, one.agent_owner, *(vote.decided_by for vote in one.decisions)}
        if where.decidable_by in parties:
            return False
    if where.decidable_level is not None and one.required_level > where.decidable_level:
        return False
    roles = where.decidable_roles
    return roles is None or not one.approver_roles or not roles.isdisjoint(one.approver_roles)


def _same(wanted: Any, actual: Any) -> bool:
    return wanted is None or wanted == actual
