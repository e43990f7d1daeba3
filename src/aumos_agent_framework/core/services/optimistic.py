"""Read, change, write where another writer may be first."""

from collections.abc import Awaitable, Callable
from typing import TypeVar

from aumos_agent_framework.core.errors import ConflictError

T = TypeVar("T")
WRITE_ATTEMPTS = 5


async def repeat_stale(write: Callable[[], Awaitable[T]]) -> T:
    """Run a whole read-change-write again while another writer was first, up to five times in all.

    A kill switch must not lose against an edit of a description.

    Raises:
        ConflictError: ``stale`` after the last time; any other at once.
    """
    for _ in range(WRITE_ATTEMPTS - 1):
        try:
            return await write()
        except ConflictError as error:
            if error.code != "stale":
                raise
    return await write()
