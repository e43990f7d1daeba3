"""The catalog guard finds nothing in what the migrations make, and finds each seeded break."""

from typing import Any

import pytest

from aumos_agent_framework.adapters.postgres.guard import find_faults
from tests.databases import connected, empty_database

SETTING = "nullif(current_setting('app.current_tenant', true), '')::uuid"

# Pairs: what is broken, what the guard must say. The rollback undoes them all, those of roles too.
TABLES = (
    ("ALTER TABLE agf_tools DISABLE ROW LEVEL SECURITY", "table agf_tools: row security is not enabled"),
    ("ALTER TABLE agf_tools NO FORCE ROW LEVEL SECURITY", "table agf_tools: row security is not forced"),
    (
        "ALTER TABLE agf_tools DROP CONSTRAINT pk_agf_tools, ALTER tenant_id DROP NOT NULL",
        "agf_tools: no column tenant_id",
    ),
    ("CREATE TABLE agf_new (tenant_id uuid NOT NULL)", "table agf_new: row security is not enabled"),
    ("CREATE TABLE agf_plain (id uuid PRIMARY KEY)", "table agf_plain: no column tenant_id"),
    ("CREATE TABLE agf_keyless (tenant_id uuid NOT NULL)", "table agf_keyless: no primary key"),
)
POLICIES = (
    ("DROP POLICY tenant_isolation ON agf_tools", "table agf_tools: no tenant's policy"),
    ("ALTER POLICY tenant_isolation ON agf_tools USING (true)", "policy tenant_isolation is not the tenant's policy"),
    (
        "ALTER POLICY tenant_isolation ON agf_tools WITH CHECK (true)",
        "policy tenant_isolation is not the tenant's policy",
    ),
    ("ALTER POLICY tenant_isolation ON agf_tools TO agf_app", "policy tenant_isolation is not the tenant's policy"),
    (
        (
            "ALTER POLICY tenant_isolation ON agf_tools"
            " USING (tenant_id = (SELECT current_setting('app.current_tenant', true)::uuid))"
        ),
        "policy tenant_isolation is not the tenant's policy",
    ),
    (f"ALTER POLICY tenant_isolation ON agf_tools USING (tenant_id = {SETTING})", "is not the tenant's policy"),
    (
        f"ALTER POLICY tenant_isolation ON agf_tenants USING (true OR id = (SELECT {SETTING}))",
        "is not the tenant's policy",
    ),
    ("CREATE POLICY extra ON agf_tools FOR SELECT USING (true)", "table agf_tools: policy extra is not"),
    ("CREATE POLICY extra ON agf_agents TO agf_relay USING (true)", "table agf_agents: policy extra is not"),
    ("CREATE POLICY extra ON agf_outbox TO agf_app USING (true)", "table agf_outbox: policy extra is not"),
    ("CREATE POLICY extra ON agf_outbox TO agf_relay USING (true)", "table agf_outbox: more policies"),
)
KEYS = (
    ("ALTER TABLE agf_agents ADD UNIQUE (name)", "table agf_agents: unique index agf_agents_name_key does not begin"),
    (
        "CREATE UNIQUE INDEX agf_expression ON agf_agents ((tenant_id::text), name)",
        "unique index agf_expression does not",
    ),
    (
        "ALTER TABLE agf_outbox DROP CONSTRAINT pk_agf_outbox, ADD PRIMARY KEY (id, tenant_id)",
        "agf_outbox_pkey does not begin",
    ),
    (
        (
            "ALTER TABLE agf_effects ADD CONSTRAINT loose"
            " FOREIGN KEY (agent_id, tenant_id) REFERENCES agf_agents (id, tenant_id)"
        ),
        "foreign key loose does not begin",
    ),
    ("CREATE TABLE other (t uuid, i uuid, FOREIGN KEY (t, i) REFERENCES agf_agents)", "refers to it from outside"),
)
CODE = (
    ("CREATE VIEW agf_view AS SELECT * FROM agf_tools", "view agf_view: not security_invoker"),
    ("CREATE VIEW innocent AS SELECT * FROM agf_tools", "view innocent: not security_invoker"),
    ("CREATE VIEW agf_view WITH (security_invoker = false) AS SELECT 1", "view agf_view: not security_invoker"),
    ("CREATE MATERIALIZED VIEW summary AS SELECT * FROM agf_tools", "materialized view summary"),
    ("CREATE FUNCTION f() RETURNS int LANGUAGE sql SECURITY DEFINER RETURN 1", "function f(): SECURITY DEFINER"),
    ("CREATE RULE sneaky AS ON INSERT TO agf_tools DO ALSO NOTHING", "table agf_tools: rewrite rule sneaky"),
)
ROLES = (
    ("ALTER ROLE agf_app BYPASSRLS", "role agf_app: bypasses row security"),
    ("ALTER ROLE agf_relay BYPASSRLS", "role agf_relay: bypasses row security"),
    ("ALTER ROLE agf_owner BYPASSRLS", "role agf_owner: bypasses row security"),
    ("ALTER ROLE agf_app SUPERUSER", "role agf_app: superuser"),
    ("ALTER ROLE agf_app CREATEROLE", "role agf_app: may create roles"),
    ("ALTER ROLE agf_app REPLICATION", "role agf_app: may replicate"),
    ("ALTER ROLE agf_owner LOGIN", "role agf_owner: may log in"),
    ("ALTER ROLE agf_relay RENAME TO somebody", "role agf_relay: does not exist"),
    ("ALTER ROLE agf_app SET app.current_tenant = '11111111-1111-7111-8111-111111111111'", "fixes app.current_tenant"),
    ("GRANT agf_owner TO agf_app", "role agf_app: is a member of agf_owner"),
    ("GRANT agf_relay TO agf_app", "role agf_app: is a member of agf_relay"),
    ("GRANT pg_read_all_data TO agf_app", "role agf_app: is a member of pg_read_all_data"),
    (
        "CREATE ROLE between; GRANT between TO agf_app; GRANT agf_owner TO between",
        "role agf_app: is a member of agf_owner",
    ),
    ("ALTER TABLE agf_tools OWNER TO agf_app", "role agf_app: owns table agf_tools"),
    ("CREATE TABLE mine (); ALTER TABLE mine OWNER TO agf_relay", "role agf_relay: owns table mine"),
    ("GRANT CREATE ON SCHEMA public TO agf_app", "role agf_app: may create in schema public"),
    ("GRANT CREATE ON SCHEMA public TO PUBLIC", "role agf_relay: may create in schema public"),
)
GRANTS = (
    ("GRANT TRUNCATE ON agf_tools TO agf_app", "table agf_tools: TRUNCATE is granted to agf_app"),
    ("GRANT REFERENCES ON agf_tools TO agf_app", "table agf_tools: REFERENCES is granted to agf_app"),
    ("GRANT TRIGGER ON agf_tools TO agf_app", "table agf_tools: TRIGGER is granted to agf_app"),
    ("GRANT REFERENCES (name) ON agf_tools TO agf_app", "table agf_tools: REFERENCES is granted to agf_app"),
    ("GRANT SELECT ON agf_tools TO agf_app WITH GRANT OPTION", "table agf_tools: SELECT is granted to agf_app"),
    ("GRANT UPDATE ON agf_tools TO agf_app", "table agf_tools: agf_app may change the tenant of a row"),
    ("GRANT UPDATE (id) ON agf_tenants TO agf_app", "table agf_tenants: agf_app may change the tenant of a row"),
    ("GRANT SELECT ON alembic_version_agf TO agf_app", "table alembic_version_agf: SELECT is granted to agf_app"),
    ("GRANT SELECT ON agf_tools TO PUBLIC", "table agf_tools: SELECT is granted to PUBLIC"),
    ("GRANT SELECT (name) ON agf_tools TO PUBLIC", "table agf_tools: SELECT is granted to PUBLIC"),
    ("GRANT SELECT ON agf_tools TO agf_relay", "table agf_tools: SELECT is granted to agf_relay"),
    ("GRANT SELECT (name) ON agf_tools TO agf_relay", "table agf_tools: SELECT is granted to agf_relay"),
    ("GRANT INSERT ON agf_outbox TO agf_relay", "table agf_outbox: INSERT is granted to agf_relay"),
    (
        "CREATE ROLE crew; GRANT TRUNCATE ON agf_tools TO crew; ALTER ROLE agf_app INHERIT; GRANT crew TO agf_app",
        "table agf_tools: agf_app may TRUNCATE",
    ),
    (
        "ALTER DEFAULT PRIVILEGES FOR ROLE agf_owner GRANT SELECT ON TABLES TO PUBLIC",
        "default privileges of agf_owner: SELECT",
    ),
    (
        "ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT ALL ON TABLES TO agf_app",
        "TRUNCATE on new tables is granted to agf_app",
    ),
)


async def test_a_migrated_database_has_no_faults(admin: Any) -> None:
    assert await find_faults(admin) == []


@pytest.mark.parametrize(("statement", "fault"), [*TABLES, *POLICIES, *KEYS, *CODE, *ROLES, *GRANTS])
async def test_a_seeded_break_is_named(admin: Any, statement: str, fault: str) -> None:
    transaction = admin.transaction()
    await transaction.start()
    try:
        await admin.execute(statement)
        faults = await find_faults(admin)
    finally:
        await transaction.rollback()
    assert [found for found in faults if fault in found], faults


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE VIEW agf_view WITH (security_invoker) AS SELECT * FROM agf_tools",
        "CREATE FUNCTION f() RETURNS int LANGUAGE sql RETURN 1",
        "CREATE TABLE unrelated (id int PRIMARY KEY)",
        "CREATE INDEX agf_some_index ON agf_tools (version)",
    ],
)
async def test_what_is_harmless_is_no_fault(admin: Any, statement: str) -> None:
    transaction = admin.transaction()
    await transaction.start()
    try:
        await admin.execute(statement)
        assert await find_faults(admin) == []
    finally:
        await transaction.rollback()


async def test_an_empty_database_is_a_fault(postgres_admin_url: str) -> None:
    async with empty_database(postgres_admin_url) as database, connected(database.admin_url) as admin:
        assert "no agf_ table exists" in await find_faults(admin)
