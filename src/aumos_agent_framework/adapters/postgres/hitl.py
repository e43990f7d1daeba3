"""HITL requests and decisions."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from operator import eq, le
from typing import Any
from uuid import UUID

from sqlalchemy import Row, Select, Uuid, and_, any_, bindparam, exists, func, not_, or_, select, update
from sqlalchemy.dialects.postgresql import ARRAY, insert

from aumos_agent_framework.adapters.postgres.transaction import TenantTransaction
from aumos_agent_framework.core.domain.hitl import (
    Decision,
    HitlFilter,
    HitlKind,
    HitlRequest,
    HitlStatus,
    Verdict,
)
from aumos_agent_framework.core.domain.paging import Page, PageRequest
from aumos_agent_framework.core.errors import ConflictError, UnavailableError
from aumos_agent_framework.core.models import HitlDecisionRow, HitlRequestRow
from aumos_agent_framework.core.models.base import Texts
from aumos_agent_framework.core.types import (
    AgentId,
    ExecutionId,
    HitlRequestId,
    JsonObject,
    PrivilegeLevel,
    TenantId,
    WorkflowId,
)

_IS_IT = HitlRequestRow.id == bindparam("of_id")
_IS_PENDING = HitlRequestRow.status == HitlStatus.PENDING

_INSERT = insert(HitlRequestRow).on_conflict_do_nothing()
_SELECT = select(HitlRequestRow)
_GET = _SELECT.where(_IS_IT)
_GET_LOCKED = _GET.with_for_update()
_ASKED = _SELECT.where(
    or_(
        _IS_IT,
        and_(
            HitlRequestRow.execution_id == bindparam("of_execution"),
            HitlRequestRow.call_id == bindparam("of_call"),
            HitlRequestRow.digest == bindparam("of_digest"),
        ),
    )
)
_EDIT = (
    update(HitlRequestRow)
    .where(_IS_IT, _IS_PENDING)
    .values(arguments=bindparam("edited"), digest=bindparam("edited_digest"), context_data=bindparam("edited_context"))
)
_SETTLE = (
    update(HitlRequestRow)
    .where(_IS_IT, _IS_PENDING)
    .values(
        status=bindparam("settled"),
        decided_at=bindparam("at"),
        decided_by=bindparam("by"),
        decision_notes=bindparam("notes"),
    )
)
_CONSUME = (
    update(HitlRequestRow)
    .where(_IS_IT, HitlRequestRow.status == HitlStatus.APPROVED, HitlRequestRow.consumed_at.is_(None))
    .values(consumed_at=bindparam("at"))
)
_CANCEL_OPEN = (
    update(HitlRequestRow)
    .where(HitlRequestRow.execution_id == bindparam("of_execution"), _IS_PENDING)
    .values(status=HitlStatus.CANCELLED, decided_at=bindparam("at"))
)
_OPEN_IDS = (
    select(HitlRequestRow.id)
    .where(HitlRequestRow.execution_id == bindparam("of_execution"), _IS_PENDING)
    .order_by(HitlRequestRow.created_at, HitlRequestRow.id)
)
_INSERT_DECISION = insert(HitlDecisionRow).on_conflict_do_nothing()
_DECISIONS = (
    select(HitlDecisionRow)
    .where(HitlDecisionRow.request_id == any_(bindparam("of_ids", type_=ARRAY(Uuid))))
    .order_by(HitlDecisionRow.decided_at, HitlDecisionRow.decided_by)
)


class PostgresHitl:
    """See ``HitlRepository``."""

    def __init__(self, transaction: TenantTransaction) -> None:
        self._transaction = transaction

    async def add(self, request: HitlRequest) -> HitlRequest:
        if await self._transaction.changed(_INSERT, _columns(request)):
            return request
        parameters = {
            "of_id": request.id,
            "of_execution": request.execution_id,
            "of_call": request.call_id,
            "of_digest": request.digest,
        }
        found = await self._requests(await self._transaction.rows(_ASKED, parameters))
        if not found:  # the one that was in the way has been edited between the two statements
            raise UnavailableError("lock_timeout", "The request is being changed.", retry_after_seconds=1)
        return next((one for one in found if one.id == request.id), found[0])

    async def get(self, request_id: HitlRequestId, *, for_update: bool = False) -> HitlRequest | None:
        row = await self._transaction.first(_GET_LOCKED if for_update else _GET, {"of_id": request_id})
        return (await self._requests([row]))[0] if row else None

    async def list(self, page: PageRequest, where: HitlFilter) -> Page[HitlRequest]:
        query = _filtered(where).order_by(HitlRequestRow.expires_at, HitlRequestRow.id)
        found = await self._transaction.page(query, page, lambda row: row)
        return Page(await self._requests(found.items), found.total, page)

    async def edit(
        self, request_id: HitlRequestId, arguments: JsonObject, digest: str, context_data: JsonObject
    ) -> None:
        parameters = {
            "of_id": request_id,
            "edited": arguments,
            "edited_digest": digest,
            "edited_context": context_data,
        }
        await self._transaction.execute(_EDIT, parameters)

    async def add_decision(self, request_id: HitlRequestId, decision: Decision) -> None:
        columns = {
            "tenant_id": self._transaction.tenant_id,
            "request_id": request_id,
            "decided_by": decision.decided_by,
            "decision": decision.decision,
            "notes": decision.notes,
            "decided_at": decision.decided_at,
        }
        if not await self._transaction.changed(_INSERT_DECISION, columns):
            raise ConflictError("already_decided", f"{decision.decided_by} has decided this request already.")

    async def settle(
        self, request_id: HitlRequestId, status: HitlStatus, at: datetime, by: str | None, notes: str | None
    ) -> bool:
        parameters = {"of_id": request_id, "settled": status, "at": at, "by": by, "notes": notes}
        return await self._transaction.changed(_SETTLE, parameters) == 1

    async def consume(self, request_id: HitlRequestId, at: datetime) -> bool:
        return await self._transaction.changed(_CONSUME, {"of_id": request_id, "at": at}) == 1

    async def cancel_open(self, execution_id: ExecutionId, at: datetime) -> int:
        return await self._transaction.changed(_CANCEL_OPEN, {"of_execution": execution_id, "at": at})

    async def open_ids(self, execution_id: ExecutionId) -> Sequence[HitlRequestId]:
        rows = await self._transaction.rows(_OPEN_IDS, {"of_execution": execution_id})
        return tuple(HitlRequestId(row.id) for row in rows)

    async def _requests(self, rows: Sequence[Row[Any]]) -> tuple[HitlRequest, ...]:
        """Return the requests with their decisions, which take one query for all of them."""
        if not rows:
            return ()
        votes: dict[UUID, list[Decision]] = {row.id: [] for row in rows}
        for vote in await self._transaction.rows(_DECISIONS, {"of_ids": list(votes)}):
            votes[vote.request_id].append(_decision(vote))
        return tuple(_request(row, votes) for row in rows)


def _filtered(where: HitlFilter) -> Select[Any]:
    wanted = (
        (HitlRequestRow.status, eq, where.status),
        (HitlRequestRow.execution_id, eq, where.execution_id),
        (HitlRequestRow.workflow_id, eq, where.workflow_id),
        (HitlRequestRow.agent_id, eq, where.agent_id),
        (HitlRequestRow.required_level, eq, where.required_level),
        (HitlRequestRow.required_level, le, where.decidable_level),
    )
    query = _SELECT.where(*(compare(column, value) for column, compare, value in wanted if value is not None))
    if where.decidable_by is not None:
        query = query.where(*_is_no_party(where.decidable_by))
    if where.decidable_roles is not None:
        roles = bindparam(None, sorted(where.decidable_roles), type_=Texts)
        query = query.where(
            or_(func.cardinality(HitlRequestRow.approver_roles) == 0, HitlRequestRow.approver_roles.overlap(roles))
        )
    return query


def _is_no_party(subject: str) -> tuple[Any, ...]:
    """Neither the one who started the run, nor the agent's owner, nor somebody who has voted."""
    has_voted = exists().where(
        HitlDecisionRow.tenant_id == HitlRequestRow.tenant_id,
        HitlDecisionRow.request_id == HitlRequestRow.id,
        HitlDecisionRow.decided_by == subject,
    )
    return (
        HitlRequestRow.initiated_by != subject,
        HitlRequestRow.agent_owner.is_distinct_from(subject),
        not_(has_voted),
    )


def _columns(request: HitlRequest) -> dict[str, Any]:
    return {
        "tenant_id": request.tenant_id,
        "id": request.id,
        "execution_id": request.execution_id,
        "workflow_id": request.workflow_id,
        "call_id": request.call_id,
        "gate_name": request.gate_name,
        "kind": request.kind,
        "node": request.node,
        "agent_id": request.agent_id,
        "agent_owner": request.agent_owner,
        "tool": request.tool,
        "tool_version": request.tool_version,
        "arguments": request.arguments,
        "action_description": request.action_description,
        "context_data": request.context_data,
        "initiated_by": request.initiated_by,
        "effective_level": request.effective_level,
        "required_level": request.required_level,
        "approver_roles": request.approver_roles,
        "quorum": request.quorum,
        "digest": request.digest,
        "status": request.status,
        "expires_at": request.expires_at,
        "created_at": request.created_at,
        "decided_by": request.decided_by,
        "decided_at": request.decided_at,
        "decision_notes": request.decision_notes,
        "consumed_at": request.consumed_at,
    }


def _decision(row: Row[Any]) -> Decision:
    return Decision(row.decided_by, Verdict(row.decision), row.notes, row.decided_at)


def _request(row: Row[Any], votes: Mapping[UUID, Sequence[Decision]]) -> HitlRequest:
    return HitlRequest(
        id=HitlRequestId(row.id),
        tenant_id=TenantId(row.tenant_id),
        execution_id=ExecutionId(row.execution_id),
        workflow_id=None if row.workflow_id is None else WorkflowId(row.workflow_id),
        call_id=row.call_id,
        gate_name=row.gate_name,
        kind=HitlKind(row.kind),
        node=row.node,
        agent_id=None if row.agent_id is None else AgentId(row.agent_id),
        agent_owner=row.agent_owner,
        tool=row.tool,
        tool_version=row.tool_version,
        arguments=row.arguments,
        action_description=row.action_description,
        context_data=row.context_data,
        initiated_by=row.initiated_by,
        effective_level=PrivilegeLevel(row.effective_level),
        required_level=PrivilegeLevel(row.required_level),
        approver_roles=row.approver_roles,
        quorum=row.quorum,
        digest=row.digest,
        status=HitlStatus(row.status),
        decisions=tuple(votes[row.id]),
        expires_at=row.expires_at,
        created_at=row.created_at,
        decided_by=row.decided_by,
        decided_at=row.decided_at,
        decision_notes=row.decision_notes,
        consumed_at=row.consumed_at,
    )
