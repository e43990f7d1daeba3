"""Calls per minute, counted in this process by a test's clock."""

from collections import defaultdict
from collections.abc import Callable
from datetime import datetime, timedelta

from aumos_agent_framework.core.errors import UnavailableError
from aumos_agent_framework.core.interfaces.clock import Clock

WINDOW = timedelta(minutes=1)


class FakeRateLimiter:
    """See ``RateLimiter``. ``available = False`` makes every call fail; ``while_taking`` happens during each call."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.available = True
        self.while_taking: Callable[[], None] = lambda: None
        self.taken: defaultdict[str, list[datetime]] = defaultdict(list)

    async def take(self, key: str, per_minute: int) -> float:
        if not self.available:
            raise UnavailableError("limiter_unavailable", "The rate limiter does not answer.")
        self.while_taking()
        now = self._clock.now()
        window = self.taken[key] = [at for at in self.taken[key] if at > now - WINDOW]
        if len(window) < per_minute:
            window.append(now)
            return 0.0
        return (window[-per_minute] + WINDOW - now).total_seconds()
