"""Executions and their steps."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from operator import eq, ge, lt
from typing import Any

from sqlalchemy import Row, Select, bindparam, exists, not_, select, update
from sqlalchemy.dialects.postgresql import insert

from aumos_agent_framework.adapters.postgres.transaction import TenantTransaction
from aumos_agent_framework.core.domain.executions import (
    FINAL,
    Execution,
    ExecutionError,
    ExecutionFilter,
    ExecutionStatus,
    RunEnd,
    RunPlan,
    StepRecord,
    StepStatus,
    Usage,
)
from aumos_agent_framework.core.domain.hitl import HitlStatus
from aumos_agent_framework.core.domain.paging import Page, PageRequest
from aumos_agent_framework.core.models import ExecutionRow, ExecutionStepRow, HitlRequestRow
from aumos_agent_framework.core.types import AgentId, ExecutionId, TenantId, WorkflowId

_IS_IT = ExecutionRow.id == bindparam("of_id")
_NOT_ENDED = ExecutionRow.status.not_in(sorted(FINAL))
_NOTHING_OPEN = not_(
    exists().where(
        HitlRequestRow.tenant_id == ExecutionRow.tenant_id,
        HitlRequestRow.execution_id == ExecutionRow.id,
        HitlRequestRow.status == HitlStatus.PENDING,
    )
)

_INSERT = insert(ExecutionRow)
# Everything but the plan, which is large and of no use to readers.
_SELECT = select(*(column for column in ExecutionRow.__table__.columns if column.name != "plan"))
_GET = _SELECT.where(_IS_IT)
_NEWEST_FIRST = _SELECT.order_by(ExecutionRow.created_at.desc(), ExecutionRow.id.desc())
_LOCK = select(ExecutionRow.id).where(_IS_IT).with_for_update(key_share=True)
_BEGIN = (
    update(ExecutionRow)
    .where(_IS_IT, ExecutionRow.status == ExecutionStatus.PENDING)
    .values(status=ExecutionStatus.RUNNING, started_at=bindparam("at"), updated_at=bindparam("at"))
)
_PAUSE = (
    update(ExecutionRow)
    .where(_IS_IT, _NOT_ENDED)
    .values(status=ExecutionStatus.PAUSED_HITL, current_nodes=bindparam("nodes"), updated_at=bindparam("at"))
)
_RESUME = (
    update(ExecutionRow)
    .where(_IS_IT, ExecutionRow.status == ExecutionStatus.PAUSED_HITL, _NOTHING_OPEN)
    .values(status=ExecutionStatus.RUNNING, updated_at=bindparam("at"))
)
_REQUEST_CANCEL = (
    update(ExecutionRow).where(_IS_IT, _NOT_ENDED).values(cancel_requested=True, updated_at=bindparam("at"))
)
_FINISH = (
    update(ExecutionRow)
    .where(_IS_IT, _NOT_ENDED)
    .values(
        status=bindparam("end_status"),
        output_data=bindparam("output"),
        error=bindparam("failure"),
        usage=bindparam("used"),
        current_nodes=(),
        completed_at=bindparam("at"),
        updated_at=bindparam("at"),
    )
)
_INSERT_STEP = insert(ExecutionStepRow)
_SAVE_STEP = _INSERT_STEP.on_conflict_do_update(
    index_elements=["tenant_id", "execution_id", "seq"],
    set_={
        column.name: _INSERT_STEP.excluded[column.name]
        for column in ExecutionStepRow.__table__.columns
        if not column.primary_key
    },
)
_STEPS = (
    select(ExecutionStepRow).where(ExecutionStepRow.execution_id == bindparam("of_id")).order_by(ExecutionStepRow.seq)
)


class PostgresExecutions:
    """See ``ExecutionRepository``."""

    def __init__(self, transaction: TenantTransaction) -> None:
        self._transaction = transaction

    async def add(self, execution: Execution, plan: RunPlan) -> None:
        await self._transaction.execute(_INSERT, _columns(execution) | {"plan": plan})

    async def get(self, execution_id: ExecutionId) -> Execution | None:
        row = await self._transaction.first(_GET, {"of_id": execution_id})
        return _execution(row) if row else None

    async def newest(self, workflow_id: WorkflowId) -> Execution | None:
        newest = _NEWEST_FIRST.where(ExecutionRow.workflow_id == workflow_id).limit(1)
        row = await self._transaction.first(newest)
        return _execution(row) if row else None

    async def list(self, page: PageRequest, where: ExecutionFilter) -> Page[Execution]:
        return await self._transaction.page(_filtered(where), page, _execution)

    async def begin(self, execution_id: ExecutionId, at: datetime) -> None:
        await self._transaction.execute(_BEGIN, {"of_id": execution_id, "at": at})

    async def pause(self, execution_id: ExecutionId, at: datetime, current_nodes: Sequence[str]) -> None:
        await self._lock(execution_id)
        parameters = {"of_id": execution_id, "at": at, "nodes": tuple(current_nodes)}
        await self._transaction.execute(_PAUSE, parameters)

    async def resume(self, execution_id: ExecutionId, at: datetime) -> None:
        # Two statements: each sees what was committed before it began, so the second sees what the lock waited for.
        await self._lock(execution_id)
        await self._transaction.execute(_RESUME, {"of_id": execution_id, "at": at})

    async def request_cancel(self, execution_id: ExecutionId, at: datetime) -> bool:
        return await self._transaction.changed(_REQUEST_CANCEL, {"of_id": execution_id, "at": at}) == 1

    async def finish(self, execution_id: ExecutionId, end: RunEnd, at: datetime) -> bool:
        parameters = {
            "of_id": execution_id,
            "end_status": end.status,
            "output": end.output_data,
            "failure": _as_document(end.error),
            "used": end.usage,
            "at": at,
        }
        return await self._transaction.changed(_FINISH, parameters) == 1

    async def save_steps(self, execution_id: ExecutionId, steps: Sequence[StepRecord]) -> None:
        of = {"tenant_id": self._transaction.tenant_id, "execution_id": execution_id}
        if steps:
            await self._transaction.execute(_SAVE_STEP, [of | _step_columns(step) for step in steps])

    async def steps(self, execution_id: ExecutionId) -> Sequence[StepRecord]:
        return tuple(_step(row) for row in await self._transaction.rows(_STEPS, {"of_id": execution_id}))

    async def _lock(self, execution_id: ExecutionId) -> None:
        await self._transaction.execute(_LOCK, {"of_id": execution_id})


def _filtered(where: ExecutionFilter) -> Select[Any]:
    wanted = (
        (ExecutionRow.workflow_id, eq, where.workflow_id),
        (ExecutionRow.agent_id, eq, where.agent_id),
        (ExecutionRow.status, eq, where.status),
        (ExecutionRow.session_id, eq, where.session_id),
        (ExecutionRow.created_at, ge, where.created_after),
        (ExecutionRow.created_at, lt, where.created_before),
    )
    return _NEWEST_FIRST.where(*(compare(column, value) for column, compare, value in wanted if value is not None))


def _as_document(error: ExecutionError | None) -> dict[str, Any] | None:
    return None if error is None else asdict(error)


def _as_error(document: dict[str, Any] | None) -> ExecutionError | None:
    return None if document is None else ExecutionError(**document)


def _columns(execution: Execution) -> dict[str, Any]:
    return {
        "tenant_id": execution.tenant_id,
        "id": execution.id,
        "workflow_id": execution.workflow_id,
        "workflow_version": execution.workflow_version,
        "definition_hash": execution.definition_hash,
        "agent_id": execution.agent_id,
        "status": execution.status,
        "current_nodes": execution.current_nodes,
        "input_data": execution.input_data,
        "output_data": execution.output_data,
        "error": _as_document(execution.error),
        "session_id": execution.session_id,
        "initiated_by": execution.initiated_by,
        "temporal_workflow_id": execution.temporal_workflow_id,
        "usage": execution.usage,
        "cancel_requested": execution.cancel_requested,
        "created_at": execution.created_at,
        "updated_at": execution.updated_at,
        "started_at": execution.started_at,
        "completed_at": execution.completed_at,
    }


def _execution(row: Row[Any]) -> Execution:
    return Execution(
        id=ExecutionId(row.id),
        tenant_id=TenantId(row.tenant_id),
        workflow_id=None if row.workflow_id is None else WorkflowId(row.workflow_id),
        workflow_version=row.workflow_version,
        definition_hash=row.definition_hash,
        agent_id=None if row.agent_id is None else AgentId(row.agent_id),
        status=ExecutionStatus(row.status),
        current_nodes=row.current_nodes,
        input_data=row.input_data,
        output_data=row.output_data,
        error=_as_error(row.error),
        session_id=row.session_id,
        initiated_by=row.initiated_by,
        temporal_workflow_id=row.temporal_workflow_id,
        usage=Usage(**row.usage),
        cancel_requested=row.cancel_requested,
        created_at=row.created_at,
        updated_at=row.updated_at,
        started_at=row.started_at,
        completed_at=row.completed_at,
    )


def _step_columns(step: StepRecord) -> dict[str, Any]:
    return {
        "seq": step.seq,
        "node": step.node,
        "kind": step.kind,
        "status": step.status,
        "started_at": step.started_at,
        "ended_at": step.ended_at,
        "attempts": step.attempts,
        "input": step.input,
        "output": step.output,
        "error": _as_document(step.error),
        "hitl_request_ids": step.hitl_request_ids,
        "usage": step.usage,
        "parent_seq": step.parent_seq,
    }


def _step(row: Row[Any]) -> StepRecord:
    return StepRecord(
        seq=row.seq,
        node=row.node,
        kind=row.kind,
        status=StepStatus(row.status),
        started_at=row.started_at,
        ended_at=row.ended_at,
        attempts=row.attempts,
        input=row.input,
        output=row.output,
        error=_as_error(row.error),
        hitl_request_ids=row.hitl_request_ids,
        usage=Usage(**row.usage),
        parent_seq=row.parent_seq,
    )
