"""Calls per minute, counted over all workers."""

from typing import Protocol


class RateLimiter(Protocol):
    """Sliding windows of one minute."""

    async def take(self, key: str, per_minute: int) -> float:
        """Take one call from ``key``'s window.

        Args:
            key: ``<tenant id>:<what is counted>``, such as ``<tenant id>:agent:<agent id>``.
            per_minute: how many calls any minute may hold, at least 1.

        Returns:
            0.0 when taken; otherwise the seconds until a call may be taken, and nothing was taken.

        Raises:
            UnavailableError: the count cannot be kept now.
        """
        ...
