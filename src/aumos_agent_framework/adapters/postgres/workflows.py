"""Workflows and their versions."""

from typing import Any

from sqlalchemy import Row, and_, select, update
from sqlalchemy.dialects.postgresql import insert

from aumos_agent_framework.adapters.postgres.errors import DuplicateError
from aumos_agent_framework.adapters.postgres.transaction import TenantTransaction
from aumos_agent_framework.core.domain.paging import Page, PageRequest
from aumos_agent_framework.core.domain.workflows import RunAs, Workflow
from aumos_agent_framework.core.errors import ConflictError
from aumos_agent_framework.core.models import WorkflowRow, WorkflowVersionRow
from aumos_agent_framework.core.types import PrivilegeLevel, TenantId, WorkflowId

_INSERT = insert(WorkflowRow)
_INSERT_VERSION = insert(WorkflowVersionRow)
_VERSIONS = select(WorkflowVersionRow)
_CURRENT = _VERSIONS.join(
    WorkflowRow,
    and_(
        WorkflowRow.tenant_id == WorkflowVersionRow.tenant_id,
        WorkflowRow.id == WorkflowVersionRow.workflow_id,
        WorkflowRow.current_version == WorkflowVersionRow.version,
    ),
)


class PostgresWorkflows:
    """See ``WorkflowRepository``."""

    def __init__(self, transaction: TenantTransaction) -> None:
        self._transaction = transaction

    async def add(self, workflow: Workflow) -> None:
        identity = {
            "tenant_id": workflow.tenant_id,
            "id": workflow.id,
            "name": workflow.name,
            "current_version": workflow.version,
            "created_at": workflow.created_at,
            "updated_at": workflow.updated_at,
        }
        try:
            await self._transaction.execute(_INSERT, identity)
        except DuplicateError as error:
            raise _name_taken(workflow.name) from error
        await self._transaction.execute(_INSERT_VERSION, _columns(workflow))

    async def add_version(self, workflow: Workflow) -> None:
        advance = (
            update(WorkflowRow)
            .where(WorkflowRow.id == workflow.id, WorkflowRow.current_version == workflow.version - 1)
            .values(name=workflow.name, current_version=workflow.version, updated_at=workflow.updated_at)
        )
        try:
            advanced = await self._transaction.changed(advance)
        except DuplicateError as error:
            raise _name_taken(workflow.name) from error
        if not advanced:
            raise ConflictError("stale", f"The workflow {workflow.id} was changed meanwhile; read it again.")
        await self._transaction.execute(_INSERT_VERSION, _columns(workflow))

    async def get(self, workflow_id: WorkflowId, version: int | None = None) -> Workflow | None:
        query = _CURRENT if version is None else _VERSIONS.where(WorkflowVersionRow.version == version)
        row = await self._transaction.first(query.where(WorkflowVersionRow.workflow_id == workflow_id))
        return _workflow(row) if row else None

    async def list(self, page: PageRequest, *, name: str | None = None) -> Page[Workflow]:
        query = _CURRENT.order_by(WorkflowRow.created_at.desc(), WorkflowRow.id.desc())
        if name is not None:
            query = query.where(WorkflowRow.name == name)
        return await self._transaction.page(query, page, _workflow)

    async def versions(self, workflow_id: WorkflowId, page: PageRequest) -> Page[Workflow]:
        query = _VERSIONS.where(WorkflowVersionRow.workflow_id == workflow_id)
        return await self._transaction.page(query.order_by(WorkflowVersionRow.version.desc()), page, _workflow)


def _name_taken(name: str) -> ConflictError:
    return ConflictError("workflow_name_taken", f"A workflow named {name} exists already.")


def _columns(workflow: Workflow) -> dict[str, Any]:
    return {
        "tenant_id": workflow.tenant_id,
        "workflow_id": workflow.id,
        "version": workflow.version,
        "name": workflow.name,
        "description": workflow.description,
        "definition_hash": workflow.definition_hash,
        "graph_definition": workflow.graph_definition,
        "agents": workflow.agents,
        "hitl_gates": workflow.hitl_gates,
        "circuit_breaker_config": workflow.circuit_breaker_config,
        "limits": workflow.limits,
        "run_as": workflow.run_as,
        "privilege_cap": workflow.privilege_cap,
        "created_by": workflow.created_by,
        "created_at": workflow.created_at,
        "updated_at": workflow.updated_at,
    }


def _workflow(row: Row[Any]) -> Workflow:
    return Workflow(
        id=WorkflowId(row.workflow_id),
        tenant_id=TenantId(row.tenant_id),
        name=row.name,
        description=row.description,
        version=row.version,
        definition_hash=row.definition_hash,
        graph_definition=row.graph_definition,
        agents=row.agents,
        hitl_gates=row.hitl_gates,
        circuit_breaker_config=row.circuit_breaker_config,
        limits=row.limits,
        run_as=RunAs(row.run_as),
        privilege_cap=None if row.privilege_cap is None else PrivilegeLevel(row.privilege_cap),
        created_by=row.created_by,
        created_at=row.created_at,
        updated_at=row.updated_at,
    )
