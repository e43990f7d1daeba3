"""Connections to Redis or Valkey on which no call waits without end."""

import asyncio

from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from aumos_agent_framework.core.errors import UnavailableError

CALL_SECONDS = 2.0
"""How long connecting, and each answer, may take."""
MAX_CONNECTIONS = 64
HEALTH_CHECK_SECONDS = 30

FAULTS = (RedisError, OSError, TimeoutError)
"""What a call raises while the server is away or on its way back."""


def create_client(url: str) -> Redis:
    """Return a client of ``redis://``, ``rediss://`` or ``unix://``; it connects at its first call.

    One repetition without delay covers connections that a restart of the server has broken; whoever calls decides
    about more. ``aclose()`` closes all connections.

    Raises:
        ValueError: the URL is malformed.
    """
    pool = BlockingConnectionPool.from_url(
        url,
        max_connections=MAX_CONNECTIONS,
        timeout=CALL_SECONDS,
        socket_timeout=CALL_SECONDS,
        socket_connect_timeout=CALL_SECONDS,
        socket_keepalive=True,
        health_check_interval=HEALTH_CHECK_SECONDS,
        retry=Retry(NoBackoff(), 1),
    )
    return Redis.from_pool(pool)


async def ping(client: Redis) -> None:
    """Ask for a sign of life.

    Raises:
        UnavailableError: none came within ``CALL_SECONDS``.
    """
    try:
        async with asyncio.timeout(CALL_SECONDS):
            await client.ping()
    except FAULTS as error:
        raise UnavailableError("redis_unavailable", "Redis does not answer.") from error
