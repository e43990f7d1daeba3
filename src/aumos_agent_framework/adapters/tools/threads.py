"""Threads for tools that block."""

import asyncio
import contextvars
import threading
from collections.abc import Callable
from functools import partial
from typing import TypeVar

T = TypeVar("T")


class NoThreadError(Exception):
    """No thread became free in time; the function was not entered."""


class DaemonThreads:
    """Runs blocking functions, a bounded number at once, each on a daemon thread of its own.

    Not the standard library's executor: it waits for its threads when the process ends, so that one hanging tool would
    keep a worker from stopping. A call that nobody waits for any more keeps its place until it returns; otherwise
    hanging tools would pile up threads without bound.
    """

    def __init__(self, limit: int) -> None:
        self._places = asyncio.Semaphore(limit)

    async def run(self, function: Callable[[], T], seconds: float) -> T:
        """Run a function within ``seconds``, the wait for a free thread included.

        A thread cannot be stopped from outside: after the time, or when the caller is cancelled, the function goes on
        and what it returns is dropped.

        Raises:
            NoThreadError: the function was never entered.
            TimeoutError: the function was entered and has not returned.
        """
        deadline = asyncio.get_running_loop().time() + seconds
        outcome = await self._start(function, deadline)
        async with asyncio.timeout_at(deadline):
            return await outcome

    async def _start(self, function: Callable[[], T], deadline: float) -> asyncio.Future[T]:
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout_at(deadline):
                await self._places.acquire()
        except TimeoutError as error:
            raise NoThreadError("all threads are busy") from error
        outcome: asyncio.Future[T] = loop.create_future()
        context = contextvars.copy_context()
        try:
            threading.Thread(
                target=self._work, args=(loop, outcome, context, function), name="python-tool", daemon=True
            ).start()
        except RuntimeError as error:  # the machine has no more threads
            self._places.release()
            raise NoThreadError(str(error)) from error
        return outcome

    def _work(
        self,
        loop: asyncio.AbstractEventLoop,
        outcome: asyncio.Future[T],
        context: contextvars.Context,
        function: Callable[[], T],
    ) -> None:
        settle: Callable[[], None]
        try:
            value = context.run(function)
        except BaseException as error:  # noqa: BLE001 - handed on to whoever waits
            settle = partial(outcome.set_exception, error)
        else:
            settle = partial(outcome.set_result, value)
        try:
            loop.call_soon_threadsafe(self._finish, outcome, settle)
        except RuntimeError:
            return  # the loop is closed: the process ends, nobody waits

    def _finish(self, outcome: asyncio.Future[T], settle: Callable[[], None]) -> None:
        self._places.release()
        if not outcome.done():
            settle()
