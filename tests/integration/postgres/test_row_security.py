"""Every table × select, insert, update, delete × own, other, unset, empty, malformed tenant, as the app role.

The tables come from the catalog: a new one is tried without being listed here, and fails until it holds a row.
"""

# ruff: noqa: S608 - the names in these statements come from the catalog

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import asyncpg
import pytest

from aumos_agent_framework.adapters.postgres import PostgresUnitOfWorkFactory
from aumos_agent_framework.core.models import Base
from aumos_agent_framework.core.types import TenantId
from tests.databases import Database, connected
from tests.factories import new_tenant_id
from tests.integration.postgres.rows import fill

OPERATIONS = ("select", "insert", "update", "delete")
SETTINGS = ("own", "other", "unset", "empty", "malformed")
REFUSED = "row security"
NOT_GRANTED = "no right"
BROKEN = "no tenant's id"


@dataclass(frozen=True)
class Table:
    """A table as the catalog describes it to the app role."""

    name: str
    tenant_column: str
    granted: frozenset[str]
    updatable: str | None


TABLES = """
SELECT c.relname AS name,
       CASE c.relname WHEN 'agf_tenants' THEN 'id' ELSE 'tenant_id' END AS tenant_column,
       array_remove(ARRAY[
           CASE WHEN has_table_privilege($1, c.oid, 'SELECT') THEN 'select' END,
           CASE WHEN has_table_privilege($1, c.oid, 'INSERT') THEN 'insert' END,
           CASE WHEN has_any_column_privilege($1, c.oid, 'UPDATE') THEN 'update' END,
           CASE WHEN has_table_privilege($1, c.oid, 'DELETE') THEN 'delete' END
       ], NULL) AS granted,
       (SELECT min(a.attname) FROM pg_attribute a
        WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
          AND has_column_privilege($1, c.oid, a.attnum, 'UPDATE')) AS updatable
FROM pg_class c
WHERE c.relname LIKE 'agf\\_%' AND c.relkind IN ('r', 'p')
ORDER BY c.relname
"""


async def tables_for(admin: Any, role: str) -> list[Table]:
    rows = await admin.fetch(TABLES, role)
    return [Table(row["name"], row["tenant_column"], frozenset(row["granted"]), row["updatable"]) for row in rows]


@pytest.fixture
async def tenants(uow: PostgresUnitOfWorkFactory) -> tuple[TenantId, TenantId]:
    """Two tenants with a row in every table."""
    both = (new_tenant_id(), new_tenant_id())
    for tenant in both:
        await fill(uow, tenant)
    return both


async def attempt(connection: Any, setting: str | None, statement: str, *arguments: object) -> int | str:
    """Return how many rows a statement touched under a tenant's setting, or why none; nothing is kept."""
    transaction = connection.transaction()
    await transaction.start()
    try:
        if setting is not None:
            await connection.execute("SELECT set_config('app.current_tenant', $1, true)", setting)
        return len(await connection.fetch(statement, *arguments))
    except asyncpg.InsufficientPrivilegeError as error:
        return REFUSED if "row-level security" in str(error) else NOT_GRANTED
    except asyncpg.InvalidTextRepresentationError:
        return BROKEN
    finally:
        await transaction.rollback()


@asynccontextmanager
async def taken_out(admin: Any, table: Table, tenant: TenantId) -> AsyncIterator[str]:
    """Yield the tenant's row as JSON while the table does not hold it, so that it can be inserted."""
    await admin.execute("SET session_replication_role = replica")  # foreign keys look away
    removed = await admin.fetchval(
        f"DELETE FROM {table.name} t WHERE {table.tenant_column} = $1 RETURNING to_jsonb(t)::text", tenant
    )
    try:
        yield removed
    finally:
        await admin.execute(
            f"INSERT INTO {table.name} SELECT * FROM jsonb_populate_record(NULL::{table.name}, $1)", removed
        )
        await admin.execute("SET session_replication_role = origin")


async def attempt_on(
    connection: Any, admin: Any, table: Table, operation: str, owner: TenantId, setting: str | None
) -> int | str:
    """Attempt an operation on the owner's row of a table."""
    own = f"{table.tenant_column} = '{owner}'"
    if operation == "insert":
        async with taken_out(admin, table, owner) as row:
            insert = f"INSERT INTO {table.name} SELECT * FROM jsonb_populate_record(NULL::{table.name}, $1)"
            # RETURNING would ask for more than the right to insert.
            return await attempt(connection, setting, f"WITH new AS ({insert} RETURNING 1) SELECT FROM new", row)
    column = table.updatable or table.tenant_column
    statements = {
        "select": f"SELECT 1 FROM {table.name} WHERE {own}",
        "update": f"UPDATE {table.name} SET {column} = {column} WHERE {own} RETURNING 1",
        "delete": f"DELETE FROM {table.name} WHERE {own} RETURNING 1",
    }
    return await attempt(connection, setting, statements[operation])


def expected(table: Table, operation: str, setting: str) -> int | str:
    if operation not in table.granted:
        return NOT_GRANTED
    if setting == "malformed":
        return BROKEN
    if setting == "own":
        return 1
    return REFUSED if operation == "insert" else 0


async def test_the_catalog_and_the_models_agree_on_the_tables(admin: Any) -> None:
    assert [table.name for table in await tables_for(admin, "agf_app")] == sorted(Base.metadata.tables)


async def test_every_table_holds_a_row_of_each_tenant(admin: Any, tenants: tuple[TenantId, TenantId]) -> None:
    missing = [
        (table.name, index)
        for table in await tables_for(admin, "agf_app")
        for index, tenant in enumerate(tenants)
        if not await admin.fetchval(f"SELECT count(*) FROM {table.name} WHERE {table.tenant_column} = $1", tenant)
    ]
    assert missing == []


@pytest.mark.parametrize("setting", SETTINGS)
@pytest.mark.parametrize("operation", OPERATIONS)
async def test_the_app_reaches_its_tenants_rows_and_no_other(
    app: Any, admin: Any, tenants: tuple[TenantId, TenantId], operation: str, setting: str
) -> None:
    own, other = tenants
    values = {"own": str(own), "other": str(other), "unset": None, "empty": "", "malformed": "no-uuid"}
    tables = await tables_for(admin, "agf_app")
    found = {table.name: await attempt_on(app, admin, table, operation, own, values[setting]) for table in tables}
    assert found == {table.name: expected(table, operation, setting) for table in tables}


@pytest.mark.parametrize("operation", ["select", "update", "delete"])
async def test_without_a_condition_still_only_own_rows(
    app: Any, admin: Any, tenants: tuple[TenantId, TenantId], operation: str
) -> None:
    own, _ = tenants
    for table in await tables_for(admin, "agf_app"):
        if operation not in table.granted:
            continue
        column = table.updatable
        statements = {
            "select": f"SELECT {table.tenant_column} FROM {table.name}",
            "update": f"UPDATE {table.name} SET {column} = {column} RETURNING {table.tenant_column}",
            "delete": f"DELETE FROM {table.name} RETURNING {table.tenant_column}",
        }
        assert await attempt(app, str(own), statements[operation]) == 1, table.name


async def test_the_setting_does_not_outlive_its_transaction(app: Any, tenants: tuple[TenantId, TenantId]) -> None:
    own, _ = tenants
    assert await attempt(app, str(own), "SELECT 1 FROM agf_tools") == 1
    assert await app.fetchval("SELECT current_setting('app.current_tenant', true)") == ""
    assert await app.fetchval("SELECT count(*) FROM agf_tools") == 0


@pytest.mark.parametrize(
    "statement",
    [
        "TRUNCATE agf_outbox",
        "ALTER TABLE agf_outbox NO FORCE ROW LEVEL SECURITY",
        "CREATE TABLE t ()",
        "SET ROLE agf_owner",
        "ALTER ROLE agf_app BYPASSRLS",
    ],
)
async def test_the_app_cannot_get_around(app: Any, statement: str) -> None:
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await app.execute(statement)


async def test_turning_row_security_off_shows_an_error_and_no_rows(
    app: Any, tenants: tuple[TenantId, TenantId]
) -> None:
    async with app.transaction():
        await app.execute("SET LOCAL row_security = off")
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await app.fetch("SELECT * FROM agf_tools")


async def test_the_owner_is_bound_too(admin: Any, tenants: tuple[TenantId, TenantId]) -> None:
    await admin.execute("SET ROLE agf_owner")
    found = {
        table.name: await admin.fetchval(f"SELECT count(*) FROM {table.name}")
        for table in await tables_for(admin, "agf_app")
    }
    await admin.execute("RESET ROLE")
    assert set(found.values()) == {0}


@pytest.mark.parametrize(
    ("table", "column"),
    [
        ("agf_hitl_requests", "required_level"),
        ("agf_hitl_requests", "quorum"),
        ("agf_hitl_requests", "initiated_by"),
        ("agf_hitl_requests", "approver_roles"),
        ("agf_hitl_decisions", "decided_by"),
        ("agf_hitl_decisions", "decision"),
        ("agf_executions", "initiated_by"),
        ("agf_executions", "plan"),
        ("agf_workflow_versions", "graph_definition"),
        ("agf_effects", "arguments"),
        ("agf_tenants", "privilege_cap"),
    ],
)
async def test_what_decides_is_written_once(
    app: Any, tenants: tuple[TenantId, TenantId], table: str, column: str
) -> None:
    assert await attempt(app, str(tenants[0]), f"UPDATE {table} SET {column} = {column} RETURNING 1") == NOT_GRANTED


async def test_the_relay_reaches_the_outbox_of_all_and_nothing_else(
    database: Database, admin: Any, tenants: tuple[TenantId, TenantId]
) -> None:
    tables = await tables_for(admin, "agf_relay")
    async with connected(database.relay_url) as relay:
        found = {
            (table.name, operation): await attempt_on(relay, admin, table, operation, tenants[0], None)
            for table in tables
            for operation in OPERATIONS
        }
    everything = {(table.name, operation): NOT_GRANTED for table in tables for operation in OPERATIONS}
    reached = {("agf_outbox", operation): 1 for operation in ("select", "update", "delete")}
    assert found == everything | reached
