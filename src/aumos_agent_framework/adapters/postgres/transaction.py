"""One transaction of one tenant, as the repositories use it."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from sqlalchemy import CursorResult, Executable, Row, Select, func
from sqlalchemy.ext.asyncio import AsyncConnection

from aumos_agent_framework.adapters.postgres.errors import translated
from aumos_agent_framework.core.domain.paging import Page, PageRequest
from aumos_agent_framework.core.types import TenantId

T = TypeVar("T")
Parameters = Mapping[str, Any] | Sequence[Mapping[str, Any]]


class TenantTransaction:
    """Runs statements. Row security limits them to the tenant's rows; only inserts name the tenant."""

    def __init__(self, connection: AsyncConnection, tenant_id: TenantId) -> None:
        self._connection = connection
        self._committed = False
        self.tenant_id = tenant_id

    async def commit(self) -> None:
        """Make everything durable and end."""
        self._check_open()
        self._committed = True
        with translated():
            await self._connection.commit()

    async def execute(self, statement: Executable, parameters: Parameters | None = None) -> CursorResult[Any]:
        """Run one statement; errors come out as ``translated`` says."""
        self._check_open()
        with translated():
            try:
                return await self._connection.execute(statement, parameters)
            except TimeoutError:
                # Nobody answers: give the connection up instead of waiting as long again for its rollback.
                await self._connection.invalidate()
                raise

    async def first(self, statement: Executable, parameters: Parameters | None = None) -> Row[Any] | None:
        """Return the first row, if there is one."""
        return (await self.execute(statement, parameters)).first()

    async def rows(self, statement: Executable, parameters: Parameters | None = None) -> Sequence[Row[Any]]:
        """Return all rows."""
        return (await self.execute(statement, parameters)).all()

    async def changed(self, statement: Executable, parameters: Parameters | None = None) -> int:
        """Return how many rows a statement inserted, changed or deleted."""
        return (await self.execute(statement, parameters)).rowcount

    async def page(self, query: Select[Any], request: PageRequest, to_value: Callable[[Row[Any]], T]) -> Page[T]:
        """Return one page of an ordered query."""
        counting = query.with_only_columns(func.count(), maintain_column_froms=True).order_by(None)
        total: int = (await self.execute(counting)).scalar_one()
        if request.offset >= total:
            return Page((), total, request)
        rows = await self.rows(query.limit(request.size).offset(request.offset))
        return Page(tuple(to_value(row) for row in rows), total, request)

    def _check_open(self) -> None:
        # The connection would begin another transaction, one without a tenant.
        if self._committed:
            raise RuntimeError("The unit of work has been committed; open another one.")
