"""From the service's errors to Temporal's, and heartbeats beside the work."""

import asyncio
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from typing import TypeVar

from temporalio import activity
from temporalio.exceptions import ApplicationError

from aumos_agent_framework.adapters.durable_execution import names
from aumos_agent_framework.core.errors import AgfError, ModelError, UnavailableError

T = TypeVar("T")
_HEARTBEAT_SECONDS = 2.0


async def step(work: Awaitable[T]) -> T:
    """Await a step's work with heartbeats, and say in Temporal's words how it failed."""
    async with _heartbeats():
        try:
            return await work
        except UnavailableError as error:
            raise ApplicationError(error.message, type=names.UNAVAILABLE, non_retryable=True) from error
        except AgfError as error:
            raise _application_error(error) from error


async def bookkeeping(work: Awaitable[T]) -> T:
    """Await bookkeeping, which is repeated without end while something is away; what is refused stays refused."""
    try:
        return await work
    except UnavailableError:
        raise
    except AgfError as error:
        raise ApplicationError(error.message, type=error.code, non_retryable=True) from error


def _application_error(error: AgfError) -> ApplicationError:
    wait = error.retry_after_seconds if isinstance(error, ModelError) else None
    return ApplicationError(
        error.message,
        type=error.code,
        non_retryable=not error.retryable,
        next_retry_delay=None if wait is None else timedelta(seconds=wait),
    )


@asynccontextmanager
async def _heartbeats() -> AsyncIterator[None]:
    """Tell Temporal that the work goes on: so a dead worker is noticed, and a cancellation arrives."""
    if activity.info().is_local:
        yield
        return
    beating = asyncio.create_task(_beat())
    try:
        yield
    finally:
        beating.cancel()
        with suppress(asyncio.CancelledError):
            await beating


async def _beat() -> None:
    while True:
        activity.heartbeat()
        await asyncio.sleep(_HEARTBEAT_SECONDS)
