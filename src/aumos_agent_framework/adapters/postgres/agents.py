"""Agents."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any
from uuid import UUID

from sqlalchemy import Row, Text, Uuid, any_, bindparam, or_, select, update
from sqlalchemy.dialects.postgresql import ARRAY, insert

from aumos_agent_framework.adapters.postgres.errors import DuplicateError
from aumos_agent_framework.adapters.postgres.transaction import TenantTransaction
from aumos_agent_framework.core.domain.agents import Agent, AgentStatus, ResourceLimits, ToolGrant
from aumos_agent_framework.core.domain.paging import Page, PageRequest
from aumos_agent_framework.core.errors import ConflictError
from aumos_agent_framework.core.models import AgentRow
from aumos_agent_framework.core.types import AgentId, PrivilegeLevel, TenantId

_IMMUTABLE = ("tenant_id", "id", "created_by", "created_at")
_INSERT = insert(AgentRow)
_SELECT = select(AgentRow)
_RESOLVE = _SELECT.where(
    or_(
        AgentRow.name == any_(bindparam("names", type_=ARRAY(Text))),
        AgentRow.id == any_(bindparam("ids", type_=ARRAY(Uuid))),
    )
)
_UPDATE = update(AgentRow).where(AgentRow.id == bindparam("of_id"), AgentRow.version == bindparam("of_version"))


class PostgresAgents:
    """See ``AgentRepository``."""

    def __init__(self, transaction: TenantTransaction) -> None:
        self._transaction = transaction

    async def add(self, agent: Agent) -> None:
        try:
            await self._transaction.execute(_INSERT, _columns(agent))
        except DuplicateError as error:
            raise _name_taken(agent.name) from error

    async def get(self, agent_id: AgentId) -> Agent | None:
        row = await self._transaction.first(_SELECT.where(AgentRow.id == agent_id))
        return _agent(row) if row else None

    async def resolve(self, references: Sequence[str]) -> dict[str, Agent]:
        if not references:
            return {}
        ids = {reference: agent_id for reference in references if (agent_id := _as_id(reference)) is not None}
        rows = await self._transaction.rows(_RESOLVE, {"names": list(references), "ids": list(ids.values())})
        agents = [_agent(row) for row in rows]
        by_id, by_name = {agent.id: agent for agent in agents}, {agent.name: agent for agent in agents}
        found = {one: by_id[ids[one]] if ids.get(one) in by_id else by_name.get(one) for one in references}
        return {reference: agent for reference, agent in found.items() if agent is not None}

    async def update(self, agent: Agent) -> None:
        columns = {name: value for name, value in _columns(agent).items() if name not in _IMMUTABLE}
        try:
            changed = await self._transaction.changed(
                _UPDATE.values(columns), {"of_id": agent.id, "of_version": agent.version - 1}
            )
        except DuplicateError as error:
            raise _name_taken(agent.name) from error
        if not changed:
            raise ConflictError("stale", f"The agent {agent.id} was changed meanwhile; read it again.")

    async def list(
        self, page: PageRequest, *, status: AgentStatus | None = None, capability: str | None = None
    ) -> Page[Agent]:
        query = _SELECT.order_by(AgentRow.created_at.desc(), AgentRow.id.desc())
        if status is not None:
            query = query.where(AgentRow.status == status)
        if capability is not None:
            query = query.where(AgentRow.capabilities.contains([capability]))
        return await self._transaction.page(query, page, _agent)


def _as_id(reference: str) -> AgentId | None:
    try:
        return AgentId(UUID(reference))
    except ValueError:
        return None


def _name_taken(name: str) -> ConflictError:
    return ConflictError("agent_name_taken", f"An agent named {name} exists already.")


def _columns(agent: Agent) -> dict[str, Any]:
    return {
        "tenant_id": agent.tenant_id,
        "id": agent.id,
        "name": agent.name,
        "description": agent.description,
        "capabilities": agent.capabilities,
        "privilege_level": agent.privilege_level,
        "tool_access": {name: asdict(grant) for name, grant in agent.tool_access.items()},
        "resource_limits": asdict(agent.resource_limits),
        "model": agent.model,
        "instructions": agent.instructions,
        "owner": agent.owner,
        "status": agent.status,
        "version": agent.version,
        "created_by": agent.created_by,
        "created_at": agent.created_at,
        "updated_at": agent.updated_at,
    }


def _agent(row: Row[Any]) -> Agent:
    return Agent(
        id=AgentId(row.id),
        tenant_id=TenantId(row.tenant_id),
        name=row.name,
        description=row.description,
        capabilities=row.capabilities,
        privilege_level=PrivilegeLevel(row.privilege_level),
        tool_access={name: ToolGrant(**grant) for name, grant in row.tool_access.items()},
        resource_limits=ResourceLimits(**row.resource_limits),
        model=row.model,
        instructions=row.instructions,
        owner=row.owner,
        status=AgentStatus(row.status),
        version=row.version,
        created_by=row.created_by,
        created_at=row.created_at,
        updated_at=row.updated_at,
    )
