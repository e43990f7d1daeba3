"""``RateLimiter``: the same promises from the fake and from Valkey."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass

import pytest

from aumos_agent_framework.adapters.redis.client import create_client
from aumos_agent_framework.adapters.redis.rate_limiter import RedisRateLimiter
from aumos_agent_framework.core.errors import UnavailableError
from aumos_agent_framework.core.interfaces.rate_limiter import RateLimiter
from tests.factories import new_tenant_id
from tests.fakes.clock import FakeClock
from tests.fakes.rate_limiter import FakeRateLimiter

SHORT_WINDOW_SECONDS = 0.2


@dataclass
class Subject:
    """A limiter, one whose server is away, and a way to let time pass."""

    limiter: RateLimiter
    broken: RateLimiter
    window_seconds: float
    wait: Callable[[float], Awaitable[None]]


@pytest.fixture
def fake() -> Subject:
    clock = FakeClock()

    async def wait(seconds: float) -> None:
        clock.advance(seconds)

    broken = FakeRateLimiter(clock)
    broken.available = False
    return Subject(FakeRateLimiter(clock), broken, 60.0, wait)


@pytest.fixture
async def real(redis_url: str) -> AsyncIterator[Subject]:
    client = create_client(redis_url)
    nobody = create_client("redis://127.0.0.1:1")
    yield Subject(
        RedisRateLimiter(client, SHORT_WINDOW_SECONDS),
        RedisRateLimiter(nobody),
        SHORT_WINDOW_SECONDS,
        asyncio.sleep,  # the window is the server's time: nothing else makes it pass
    )
    await client.aclose()
    await nobody.aclose()


@pytest.fixture(params=["fake", "real"])
def subject(request: pytest.FixtureRequest) -> Subject:
    chosen: Subject = request.getfixturevalue(request.param)
    return chosen


def a_key(kind: str = "agent") -> str:
    return f"{new_tenant_id()}:{kind}:1"


class TestTake:
    async def test_grants_as_many_calls_as_allowed_and_then_says_how_long_to_wait(self, subject: Subject) -> None:
        key = a_key()
        granted = [await subject.limiter.take(key, 3) for _ in range(3)]
        wait = await subject.limiter.take(key, 3)
        assert granted == [0.0, 0.0, 0.0]
        assert 0 < wait <= subject.window_seconds

    async def test_a_refused_call_takes_nothing(self, subject: Subject) -> None:
        key = a_key()
        await subject.limiter.take(key, 1)
        first = await subject.limiter.take(key, 1)
        second = await subject.limiter.take(key, 1)
        assert 0 < second <= first

    async def test_a_call_after_the_wait_is_granted(self, subject: Subject) -> None:
        key = a_key()
        await subject.limiter.take(key, 1)
        await subject.wait(await subject.limiter.take(key, 1) + 0.001)
        assert await subject.limiter.take(key, 1) == 0.0

    async def test_the_window_slides_instead_of_starting_anew(self, subject: Subject) -> None:
        key = a_key()
        await subject.limiter.take(key, 2)
        await subject.wait(subject.window_seconds / 2)
        await subject.limiter.take(key, 2)
        await subject.wait(await subject.limiter.take(key, 2) + 0.001)
        assert await subject.limiter.take(key, 2) == 0.0
        assert await subject.limiter.take(key, 2) > 0

    async def test_keys_and_tenants_count_apart(self, subject: Subject) -> None:
        first, other_kind, other_tenant = a_key(), a_key("tool"), a_key()
        await subject.limiter.take(first, 1)
        assert await subject.limiter.take(first, 1) > 0
        assert await subject.limiter.take(other_kind, 1) == 0.0
        assert await subject.limiter.take(other_tenant, 1) == 0.0

    async def test_a_lowered_limit_counts_the_calls_made_before(self, subject: Subject) -> None:
        key = a_key()
        for _ in range(3):
            await subject.limiter.take(key, 5)
        assert await subject.limiter.take(key, 2) > 0
        assert await subject.limiter.take(key, 4) == 0.0

    async def test_concurrent_calls_get_no_more_than_allowed(self, subject: Subject) -> None:
        key = a_key()
        waits = await asyncio.gather(*(subject.limiter.take(key, 5) for _ in range(20)))
        assert waits.count(0.0) == 5

    async def test_says_unavailable_when_nothing_can_be_counted(self, subject: Subject) -> None:
        with pytest.raises(UnavailableError):
            await subject.broken.take(a_key(), 1)
