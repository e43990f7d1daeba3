"""Tools."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Row, Text, any_, bindparam, select, update
from sqlalchemy.dialects.postgresql import ARRAY, insert

from aumos_agent_framework.adapters.postgres.errors import DuplicateError
from aumos_agent_framework.adapters.postgres.transaction import TenantTransaction
from aumos_agent_framework.core.domain.paging import Page, PageRequest
from aumos_agent_framework.core.domain.tools import Tool, ToolIdempotency, ToolStatus
from aumos_agent_framework.core.errors import ConflictError
from aumos_agent_framework.core.models import ToolRow
from aumos_agent_framework.core.types import PrivilegeLevel, TenantId

_IMMUTABLE = ("tenant_id", "name", "created_by", "created_at")
_INSERT = insert(ToolRow)
_SELECT = select(ToolRow)
_GET = _SELECT.where(ToolRow.name == bindparam("of_name"))
_GET_MANY = _SELECT.where(ToolRow.name == any_(bindparam("names", type_=ARRAY(Text))))
_UPDATE = update(ToolRow).where(ToolRow.name == bindparam("of_name"), ToolRow.version == bindparam("of_version"))


class PostgresTools:
    """See ``ToolRepository``."""

    def __init__(self, transaction: TenantTransaction) -> None:
        self._transaction = transaction

    async def add(self, tool: Tool) -> None:
        try:
            await self._transaction.execute(_INSERT, _columns(tool))
        except DuplicateError as error:
            raise ConflictError("tool_name_taken", f"A tool named {tool.name} exists already.") from error

    async def get(self, name: str) -> Tool | None:
        row = await self._transaction.first(_GET, {"of_name": name})
        return _tool(row) if row else None

    async def get_many(self, names: Sequence[str]) -> dict[str, Tool]:
        if not names:
            return {}
        rows = await self._transaction.rows(_GET_MANY, {"names": list(names)})
        return {row.name: _tool(row) for row in rows}

    async def update(self, tool: Tool) -> None:
        columns = {name: value for name, value in _columns(tool).items() if name not in _IMMUTABLE}
        parameters = {"of_name": tool.name, "of_version": tool.version - 1}
        if not await self._transaction.changed(_UPDATE.values(columns), parameters):
            raise ConflictError("stale", f"The tool {tool.name} was changed meanwhile; read it again.")

    async def list(self, page: PageRequest, *, status: ToolStatus | None = None) -> Page[Tool]:
        query = _SELECT.order_by(ToolRow.name)
        if status is not None:
            query = query.where(ToolRow.status == status)
        return await self._transaction.page(query, page, _tool)


def _columns(tool: Tool) -> dict[str, Any]:
    return {
        "tenant_id": tool.tenant_id,
        "name": tool.name,
        "description": tool.description,
        "min_privilege_level": tool.min_privilege_level,
        "input_schema": tool.input_schema,
        "output_schema": tool.output_schema,
        "config": tool.config,
        "idempotency": tool.idempotency,
        "status": tool.status,
        "version": tool.version,
        "created_by": tool.created_by,
        "created_at": tool.created_at,
        "updated_at": tool.updated_at,
    }


def _tool(row: Row[Any]) -> Tool:
    return Tool(
        tenant_id=TenantId(row.tenant_id),
        name=row.name,
        description=row.description,
        min_privilege_level=PrivilegeLevel(row.min_privilege_level),
        input_schema=row.input_schema,
        output_schema=row.output_schema,
        config=row.config,
        idempotency=ToolIdempotency(row.idempotency),
        status=ToolStatus(row.status),
        version=row.version,
        created_by=row.created_by,
        created_at=row.created_at,
        updated_at=row.updated_at,
    )
