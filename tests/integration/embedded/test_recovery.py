"""A server that is killed comes back by itself: on the same port, with the same data."""

import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg
from redis.asyncio import Redis
from temporalio.client import Client

from aumos_agent_framework.embedded.components import ComponentState
from aumos_agent_framework.embedded.credentials import load_or_create
from aumos_agent_framework.embedded.layout import DataDir
from tests.integration.embedded.conftest import Up
from tests.running_stack import RunningStack
from tests.waiting import eventually

BACK_SECONDS = 20


async def test_postgres_keeps_committed_rows(up: Up) -> None:
    with up("postgres") as stack:
        async with _database(stack) as connection:
            await connection.execute("CREATE TABLE kept AS SELECT 42 AS answer")
        _kill_and_wait(stack, "postgres")
        async with _database(stack) as connection:
            assert await connection.fetchval("SELECT answer FROM kept") == 42


async def test_valkey_keeps_acknowledged_writes(up: Up) -> None:
    with up("redis") as stack:
        async with _redis(stack) as client:
            await client.set("kept", "42")
        _kill_and_wait(stack, "redis")
        async with _redis(stack) as client:
            assert await client.get("kept") == b"42"


async def test_temporal_keeps_started_workflows(up: Up) -> None:
    with up("temporal") as stack:
        client = await _temporal(stack)
        await client.start_workflow("Anything", id="kept", task_queue="nobody")
        _kill_and_wait(stack, "temporal")
        client = await _temporal(stack)
        assert (await client.get_workflow_handle("kept").describe()).id == "kept"


def test_broker_comes_back_on_its_port(up: Up) -> None:
    with up("kafka") as stack:
        _kill_and_wait(stack, "kafka")


async def test_everything_is_there_after_stop_and_start(up: Up) -> None:
    with up("postgres", "redis", "temporal") as stack:
        ports = {name: status.port for name, status in stack.state().components.items()}
        async with _database(stack) as connection:
            await connection.execute("CREATE TABLE kept AS SELECT 42 AS answer")
        async with _redis(stack) as client:
            await client.set("kept", "42")
        await (await _temporal(stack)).start_workflow("Anything", id="kept", task_queue="nobody")
    with up("postgres", "redis", "temporal") as stack:
        assert {name: status.port for name, status in stack.state().components.items()} == ports
        async with _database(stack) as connection:
            assert await connection.fetchval("SELECT answer FROM kept") == 42
        async with _redis(stack) as client:
            assert await client.get("kept") == b"42"
        assert (await (await _temporal(stack)).get_workflow_handle("kept").describe()).id == "kept"


def _kill_and_wait(stack: RunningStack, name: str) -> None:
    before = stack.component(name)
    assert before.pid is not None
    os.kill(before.pid, signal.SIGKILL)

    def back() -> bool:
        now = stack.component(name)
        return now.state is ComponentState.RUNNING and now.pid != before.pid

    eventually(back, BACK_SECONDS, f"{name} runs again:\n{stack.log('supervisor')}")
    assert stack.component(name).port == before.port
    assert "restarting" in stack.log("supervisor")


def _password(stack: RunningStack, login: str) -> str:
    return str(getattr(load_or_create(DataDir(stack.data_dir).credentials), login))


@asynccontextmanager
async def _database(stack: RunningStack) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(
        host="127.0.0.1",
        port=stack.component("postgres").port,
        user="postgres",
        password=_password(stack, "postgres_superuser"),
        database="agf",
    )
    try:
        yield connection
    finally:
        await connection.close()


def _redis(stack: RunningStack) -> Redis:
    port = stack.component("redis").port
    assert port is not None
    return Redis(host="127.0.0.1", port=port, password=_password(stack, "redis"))


async def _temporal(stack: RunningStack) -> Client:
    url = stack.component("temporal").url
    assert url is not None
    return await Client.connect(url)
