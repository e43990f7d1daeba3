"""Sliding windows in Redis."""

import asyncio

from redis.asyncio import Redis

from aumos_agent_framework.adapters.redis.client import CALL_SECONDS, FAULTS
from aumos_agent_framework.core.errors import UnavailableError

WINDOW_SECONDS = 60
_MICROSECONDS = 1_000_000

# An exact log of the last calls, newest first. One round trip, and the time is the server's, so workers whose clocks
# differ share a window; the `limits` package needs a second trip for the waiting time and takes the worker's clock.
# %.0f: Lua writes large numbers with 14 digits, microseconds since 1970 have 16.
_TAKE = """
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local limit = tonumber(ARGV[1])
local window = tonumber(ARGV[2])
local oldest = redis.call('LINDEX', KEYS[1], limit - 1)
if oldest and oldest + window > now then
  return oldest + window - now
end
redis.call('LPUSH', KEYS[1], string.format('%.0f', now))
redis.call('LTRIM', KEYS[1], 0, limit - 1)
redis.call('PEXPIRE', KEYS[1], window / 1000)
return 0
"""


class RedisRateLimiter:
    """A ``RateLimiter`` that all processes on one Redis share. Keys: ``agf:{<tenant id>}:rate:<what>``."""

    def __init__(self, client: Redis, window_seconds: float = WINDOW_SECONDS) -> None:
        self._take = client.register_script(_TAKE)
        self._window_seconds = window_seconds

    async def take(self, key: str, per_minute: int) -> float:
        """Take one call from the window; see ``RateLimiter.take``.

        Raises:
            ValueError: the key names no tenant, or ``per_minute`` is less than 1.
        """
        tenant, separator, counted = key.partition(":")
        if not (tenant and separator and counted) or per_minute < 1:
            raise ValueError(f"{key!r} with {per_minute} calls a minute is no rate limit")
        try:
            async with asyncio.timeout(CALL_SECONDS):
                wait = await self._take(
                    keys=[f"agf:{{{tenant}}}:rate:{counted}"],
                    args=[per_minute, int(self._window_seconds * _MICROSECONDS)],
                )
        except FAULTS as error:
            raise UnavailableError("rate_limiter_unavailable", "Calls cannot be counted now.") from error
        return float(wait) / _MICROSECONDS
