"""Migrations up, down and up again; two at a time; roles and passwords; databases that are not safe."""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import asyncpg
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection
from sqlalchemy.ext.asyncio import create_async_engine

from aumos_agent_framework.adapters.postgres import MigrationError, downgrade, migrate
from aumos_agent_framework.adapters.postgres.engine import driver_url
from aumos_agent_framework.adapters.postgres.guard import find_faults
from aumos_agent_framework.core.errors import UnavailableError
from aumos_agent_framework.core.models import Base
from tests.databases import Database, connected, empty_database
from tests.servers import servers

TABLES = "SELECT relname FROM pg_class WHERE relname LIKE 'agf\\_%' AND relkind = 'r' ORDER BY 1"
VERSION = "SELECT version_num FROM alembic_version_agf"

# Everything that a table's definition consists of, as the server spells it.
DEFINITIONS = """
SELECT c.relname, 'column', a.attname, concat_ws(' ', format_type(a.atttypid, a.atttypmod), co.collname,
       CASE WHEN a.attnotnull THEN 'not null' END, pg_get_expr(d.adbin, d.adrelid))
FROM pg_class c
JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
LEFT JOIN pg_collation co ON co.oid = a.attcollation AND co.collname <> 'default'
LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
WHERE c.relname LIKE 'agf\\_%' AND c.relkind = 'r'
UNION ALL
SELECT c.relname, 'constraint', k.conname, pg_get_constraintdef(k.oid)
FROM pg_class c JOIN pg_constraint k ON k.conrelid = c.oid
WHERE c.relname LIKE 'agf\\_%' AND k.contype <> 'n'
UNION ALL
SELECT c.relname, 'index', i.indexrelid::regclass::text, pg_get_indexdef(i.indexrelid)
FROM pg_class c JOIN pg_index i ON i.indrelid = c.oid
WHERE c.relname LIKE 'agf\\_%'
ORDER BY 1, 2, 3
"""


@pytest.fixture
async def empty(postgres_admin_url: str) -> AsyncIterator[Database]:
    async with empty_database(postgres_admin_url) as database:
        yield database


async def fetch(url: str, query: str) -> list[tuple[Any, ...]]:
    async with connected(url) as connection:
        return [tuple(row) for row in await connection.fetch(query)]


@asynccontextmanager
async def over_sqlalchemy(database: Database) -> AsyncIterator[Any]:
    engine = create_async_engine(driver_url(database.admin_url).replace("postgresql:", "postgresql+asyncpg:"))
    async with engine.begin() as connection:
        yield connection
    await engine.dispose()


class TestUpAndDown:
    async def test_up_down_and_up_again(self, empty: Database) -> None:
        await empty.migrate()
        made = await fetch(empty.admin_url, DEFINITIONS)
        await downgrade(empty.admin_url, "base")
        assert await fetch(empty.admin_url, TABLES) == []
        await empty.migrate()
        assert await fetch(empty.admin_url, DEFINITIONS) == made

    async def test_one_step_at_a_time(self, empty: Database) -> None:
        await empty.migrate()
        counts = []
        while await fetch(empty.admin_url, VERSION):
            counts.append(len(await fetch(empty.admin_url, TABLES)))
            await downgrade(empty.admin_url, "-1")
        assert counts == [12, 10, 5]
        await empty.migrate()

    async def test_a_second_migration_changes_nothing(self, empty: Database) -> None:
        await empty.migrate()
        made = await fetch(empty.admin_url, "SELECT oid, relname FROM pg_class ORDER BY oid")
        await empty.migrate()
        assert await fetch(empty.admin_url, "SELECT oid, relname FROM pg_class ORDER BY oid") == made

    async def test_other_services_tables_are_left_alone(self, empty: Database) -> None:
        async with connected(empty.admin_url) as admin:
            await admin.execute("CREATE TABLE alembic_version (version_num text); CREATE TABLE theirs (id int)")
            await admin.execute("INSERT INTO alembic_version VALUES ('theirs')")
        await empty.migrate()
        await downgrade(empty.admin_url, "base")
        assert await fetch(empty.admin_url, "SELECT * FROM alembic_version, (SELECT count(*) FROM theirs) t") == [
            ("theirs", 0)
        ]

    async def test_a_database_of_a_newer_release_is_an_error(self, empty: Database) -> None:
        await empty.migrate()
        async with connected(empty.admin_url) as admin:
            await admin.execute("UPDATE alembic_version_agf SET version_num = 'from-the-future'")
        with pytest.raises(MigrationError, match="from-the-future"):
            await empty.migrate()


class TestModels:
    async def test_autogenerate_finds_nothing_to_do(self, database: Database) -> None:
        def differences(connection: Connection) -> list[Any]:
            options = {
                "compare_server_default": True,
                "include_name": lambda name, kind, _: kind != "table" or name.startswith("agf_"),
            }
            context = MigrationContext.configure(connection, opts=options)
            found: list[Any] = compare_metadata(context, Base.metadata)
            return found

        async with over_sqlalchemy(database) as connection:
            assert await connection.run_sync(differences) == []

    async def test_the_models_make_the_same_tables_to_the_letter(self, database: Database, empty: Database) -> None:
        async with over_sqlalchemy(empty) as connection:
            await connection.run_sync(Base.metadata.create_all)
        by_models = {row[:3]: row[3] for row in await fetch(empty.admin_url, DEFINITIONS)}
        by_migrations = {row[:3]: row[3] for row in await fetch(database.admin_url, DEFINITIONS)}
        assert by_migrations == by_models


class TestAtTheSameTime:
    async def test_migrations_in_one_process_wait_for_each_other(
        self, empty: Database, postgres_admin_url: str
    ) -> None:
        async with empty_database(postgres_admin_url) as other:
            await asyncio.gather(*(one.migrate() for one in (empty, other, empty)))
            for one in (empty, other):
                assert await fetch(one.app_url, "SELECT count(*) FROM agf_tools") == [(0,)]

    async def test_processes_that_migrate_one_server_do_not_collide(
        self, empty: Database, postgres_admin_url: str
    ) -> None:
        script = (
            "import asyncio, sys; from tests.databases import Database; asyncio.run(Database(*sys.argv[1:]).migrate())"
        )
        async with empty_database(postgres_admin_url) as other:
            processes = [
                await asyncio.create_subprocess_exec(sys.executable, "-c", script, one.name, one.admin_url)
                for one in (empty, other, empty, other)
            ]
            assert [await process.wait() for process in processes] == [0, 0, 0, 0]
            for one in (empty, other):
                assert await fetch(one.admin_url, VERSION) == [("0003",)]

    async def test_a_migration_that_does_not_end_is_waited_for_until_the_deadline(self, empty: Database) -> None:
        async with connected(empty.admin_url) as admin:
            await admin.execute("SELECT pg_advisory_lock($1)", 0x6167665F6D696772)
            with pytest.raises(UnavailableError, match="Another migration"):
                await downgrade(empty.admin_url, "base", wait_seconds=0.2)


class TestSafety:
    async def test_a_database_whose_row_security_does_not_hold_is_an_error(self, empty: Database) -> None:
        await empty.migrate()
        async with connected(empty.admin_url) as admin:
            await admin.execute("ALTER TABLE agf_tools NO FORCE ROW LEVEL SECURITY")
            await admin.execute("GRANT TRUNCATE ON agf_tools TO agf_app")
        with pytest.raises(MigrationError) as caught:
            await empty.migrate()
        assert caught.value.code == "row_security_unsafe"
        assert "table agf_tools: row security is not forced" in caught.value.message
        assert "TRUNCATE is granted to agf_app" in caught.value.message

    async def test_the_owner_owns_everything_and_nobody_can_be_it(self, database: Database) -> None:
        owners = "SELECT DISTINCT pg_get_userbyid(relowner) FROM pg_class WHERE relname ~ '^(agf|alembic)_'"
        assert await fetch(database.admin_url, owners) == [("agf_owner",)]
        login = "SELECT rolcanlogin FROM pg_roles WHERE rolname = 'agf_owner'"
        assert await fetch(database.admin_url, login) == [(False,)]


class TestLogins:
    async def test_an_app_url_of_another_user_is_refused_before_anything_happens(self, empty: Database) -> None:
        with pytest.raises(MigrationError) as caught:
            await migrate(empty.admin_url, app_url=empty.admin_url, relay_url=empty.relay_url)
        assert caught.value.code == "wrong_role"
        assert await fetch(empty.admin_url, TABLES) == []

    async def test_a_wrong_password_of_the_migration_is_an_error_at_once(self, empty: Database) -> None:
        host = urlsplit(empty.admin_url).netloc.rpartition("@")[2]
        url = f"postgresql://postgres:wrong@{host}/{empty.name}"
        with pytest.raises(MigrationError) as caught:
            await migrate(url, app_url=empty.app_url, relay_url=empty.relay_url)
        assert caught.value.code == "login_refused"
        assert "wrong" not in caught.value.message

    async def test_a_login_without_the_right_to_make_roles_is_an_error(self, database: Database) -> None:
        with pytest.raises(MigrationError) as caught:
            await migrate(database.app_url, app_url=database.app_url, relay_url=database.relay_url)
        assert caught.value.code == "roles_refused"


class TestWaiting:
    async def test_a_server_that_does_not_answer_is_unavailable_after_the_deadline(self, empty: Database) -> None:
        with pytest.raises(UnavailableError) as caught:
            await migrate(
                "postgresql://postgres:x@127.0.0.1:1/agf",
                app_url=empty.app_url,
                relay_url=empty.relay_url,
                wait_seconds=0.3,
            )
        assert caught.value.code == "database_unavailable"

    async def test_a_server_that_is_still_starting_is_waited_for(self, empty: Database) -> None:
        refused = 0
        target = urlsplit(empty.admin_url)

        async def forward(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            nonlocal refused
            if refused < 2:
                refused += 1
                writer.close()
                return
            upstream_reader, upstream_writer = await asyncio.open_connection(target.hostname, target.port)
            await asyncio.gather(pipe(reader, upstream_writer), pipe(upstream_reader, writer))

        async def pipe(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
            while data := await source.read(65536):
                sink.write(data)
            sink.close()

        async with await asyncio.start_server(forward, "127.0.0.1", 0) as server:
            port = server.sockets[0].getsockname()[1]
            url = empty.admin_url.replace(f":{target.port}/", f":{port}/")
            await migrate(url, app_url=empty.app_url, relay_url=empty.relay_url)
        assert refused == 2
        assert await fetch(empty.admin_url, VERSION) == [("0003",)]


class TestOnAServerOfItsOwn:
    """What changes the roles, which belong to the whole server."""

    async def test_a_login_with_createrole_suffices_and_passwords_are_kept_in_step(self, tmp_path: Path) -> None:
        with servers(tmp_path, "postgres") as environment:
            superuser = environment["AUMOS_AGF_DATABASE__MIGRATION_URL"]
            host = urlsplit(superuser).netloc.rpartition("@")[2]
            async with connected(superuser) as admin:
                await admin.execute("CREATE ROLE deployer LOGIN CREATEROLE PASSWORD 'deploy'")
                await admin.execute("CREATE DATABASE theirs OWNER deployer")
            deployer = f"postgresql://deployer:deploy@{host}/theirs"

            def login(role: str, password: str) -> str:
                return f"postgresql://{role}:{password}@{host}/theirs"

            relay_url = login("agf_relay", "relay")
            await migrate(deployer, app_url=login("agf_app", "first"), relay_url=relay_url)
            assert await fetch(login("agf_app", "first"), "SELECT count(*) FROM agf_tools") == [(0,)]
            assert await fetch(relay_url, "SELECT count(*) FROM agf_outbox") == [(0,)]

            await migrate(
                deployer, app_url=login("agf_app", "p%40ss%2Fword"), relay_url="postgresql://agf_relay@db/agf"
            )
            assert await fetch(login("agf_app", "p%40ss%2Fword"), "SELECT 1") == [(1,)]
            assert await fetch(relay_url, "SELECT 1") == [(1,)]  # no password named: the old one stays
            with pytest.raises(asyncpg.InvalidPasswordError):
                await fetch(login("agf_app", "first"), "SELECT 1")
            async with connected(deployer) as connection:
                assert await find_faults(connection) == []
            await downgrade(deployer, "base")
            assert await fetch(deployer, TABLES) == []
