"""A small transactional store in memory: what the fakes of the unit of work and of the outbox queue stand on.

It behaves like PostgreSQL at READ COMMITTED as far as the services can tell: a transaction sees what is committed and
what it wrote itself; a write locks its row until the transaction ends; who wants a locked row waits for it. Values are
copied on the way in and out, so that nothing is shared with the caller.
"""

import asyncio
from collections import deque
from collections.abc import Hashable
from copy import deepcopy
from enum import Enum
from typing import Any

from aumos_agent_framework.core.errors import UnavailableError
from aumos_agent_framework.core.types import TenantId

LOCK_DEADLINE_SECONDS = 5.0
_DELETED = object()

Row = tuple[TenantId, str, Hashable]


class CommitFault(Enum):
    """How a commit fails: before anything is durable, or with the answer lost after all of it is."""

    LOST = "lost"
    UNACKNOWLEDGED = "unacknowledged"


class Database:
    """Committed rows of all tenants, and who holds which row.

    ``commit_faults`` is consumed from the left, one per commit (``None`` is a commit that works); ``available = False``
    makes every new transaction fail.
    """

    def __init__(self) -> None:
        self.committed: dict[Row, Any] = {}
        self.owners: dict[Row, Transaction] = {}
        self.commit_faults: deque[CommitFault | None] = deque()
        self.available = True
        self.commits = 0

    def rows(self, tenant_id: TenantId, table: str) -> list[Any]:
        """Return the committed values of one table, in order of insertion."""
        return [
            deepcopy(value)
            for (tenant, name, _), value in self.committed.items()
            if tenant == tenant_id and name == table
        ]

    def overwrite(self, tenant_id: TenantId, table: str, key: Hashable, value: object) -> None:
        """Change a row behind the repositories' back, as someone with a database console would."""
        self.committed[tenant_id, table, key] = deepcopy(value)


class Transaction:
    """One open transaction of one tenant."""

    def __init__(self, database: Database, tenant_id: TenantId) -> None:
        if not database.available:
            raise UnavailableError("database_unavailable", "The database does not answer.")
        self.tenant_id = tenant_id
        self._database = database
        self._own: dict[Row, Any] = {}
        self._held: set[Row] = set()
        self._ended = asyncio.Event()

    async def get(self, table: str, key: Hashable) -> Any:
        """Return the row's value, or ``None``."""
        await self._turn()
        row = (self.tenant_id, table, key)
        value = self._own.get(row, self._database.committed.get(row))
        return None if value is _DELETED else deepcopy(value)

    async def get_for_update(self, table: str, key: Hashable) -> Any:
        """Return the row's value as it is once it is locked; where there is no row, nothing is locked."""
        if await self.get(table, key) is None:
            return None
        await self.lock(table, key)
        return await self.get(table, key)

    async def all(self, table: str) -> list[Any]:
        """Return the values of one table."""
        await self._turn()
        merged = self._database.committed | self._own
        return [
            deepcopy(value)
            for (tenant, name, _), value in merged.items()
            if tenant == self.tenant_id and name == table and value is not _DELETED
        ]

    async def put(self, table: str, key: Hashable, value: object) -> None:
        """Write a row, locking it."""
        await self.lock(table, key)
        self._own[self.tenant_id, table, key] = deepcopy(value)

    async def delete(self, table: str, key: Hashable) -> None:
        """Remove a row, locking it."""
        await self.lock(table, key)
        self._own[self.tenant_id, table, key] = _DELETED

    async def lock(self, table: str, key: Hashable) -> None:
        """Lock a row, whether it exists or not; wait for another transaction that holds it.

        Raises:
            UnavailableError: ``lock_timeout`` when the other does not end, as in a deadlock.
        """
        await self._turn()
        try:
            async with asyncio.timeout(LOCK_DEADLINE_SECONDS):
                while not self.try_lock(table, key):
                    await self._database.owners[self.tenant_id, table, key].ended()
        except TimeoutError:
            raise UnavailableError("lock_timeout", f"Row {key} of {table} stays locked.") from None

    def try_lock(self, table: str, key: Hashable) -> bool:
        """Lock a row if nobody else holds it."""
        row = (self.tenant_id, table, key)
        if self._database.owners.setdefault(row, self) is not self:
            return False
        self._held.add(row)
        return True

    async def commit(self) -> None:
        """Make the writes visible to all and end."""
        await self._turn()
        fault = self._database.commit_faults.popleft() if self._database.commit_faults else None
        if fault is CommitFault.LOST or not self._database.available:
            self.end()
            raise UnavailableError("database_unavailable", "The database went away before the commit.")
        for row, value in self._own.items():
            if value is _DELETED:
                self._database.committed.pop(row, None)
            else:
                self._database.committed[row] = value
        self._database.commits += 1
        self.end()
        if fault is CommitFault.UNACKNOWLEDGED:
            raise UnavailableError("database_unavailable", "The database went away after the commit.")

    def end(self) -> None:
        """Give back all rows; what was not committed is gone."""
        for row in self._held:
            del self._database.owners[row]
        self._held.clear()
        self._own.clear()
        self._ended.set()

    async def ended(self) -> None:
        """Wait until the transaction has ended."""
        await self._ended.wait()

    async def _turn(self) -> None:
        """Let other tasks run, as a round trip to a server would."""
        if self._ended.is_set():
            raise RuntimeError("The transaction has ended.")
        await asyncio.sleep(0)
