"""Waiting for a condition with a deadline: tests never sleep for a fixed time."""

import asyncio
import time
from collections.abc import Callable

_POLL_SECONDS = 0.03


def eventually(condition: Callable[[], object], within_seconds: float, what: str) -> None:
    """Wait until ``condition`` holds; fail with ``what`` when the time is over."""
    deadline = time.monotonic() + within_seconds
    while not condition():
        assert time.monotonic() < deadline, f"Not within {within_seconds:g} s: {what}"
        time.sleep(_POLL_SECONDS)


async def soon(condition: Callable[[], object], within_seconds: float, what: str) -> None:
    """Do as ``eventually``, and let the event loop go on."""
    deadline = time.monotonic() + within_seconds
    while not condition():
        assert time.monotonic() < deadline, f"Not within {within_seconds:g} s: {what}"
        await asyncio.sleep(_POLL_SECONDS)
