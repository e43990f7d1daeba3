"""Word of changed runs over Redis publish/subscribe."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import structlog
from redis.asyncio import Redis
from redis.asyncio.client import PubSub

from aumos_agent_framework.adapters.redis.client import CALL_SECONDS, FAULTS
from aumos_agent_framework.core.types import ExecutionId, TenantId

ALL_RUNS = "agf:{*}:run:*"
IDLE_SECONDS = 15.0
RETRY_SECONDS = 0.5
FIRST_CONNECT_SECONDS = 1.0
QUIET_SECONDS = 1.0
"""After a publication that failed, how long no other is tried: whoever announces has better things to wait for."""

_log = structlog.get_logger(__name__)


def channel_of(tenant_id: TenantId, execution_id: ExecutionId) -> str:
    """Return the channel on which a run's changes are announced."""
    return f"agf:{{{tenant_id}}}:run:{execution_id}"


class RedisRunWatch:
    """A ``RunWatch``: remembers one announcement."""

    def __init__(self) -> None:
        self._heard = asyncio.Event()

    def hear(self) -> None:
        """Note an announcement."""
        self._heard.set()

    async def changed(self, timeout_seconds: float) -> None:
        """Wait; see ``RunWatch.changed``."""
        try:
            async with asyncio.timeout(timeout_seconds):
                await self._heard.wait()
        except TimeoutError:
            return
        self._heard.clear()


class RedisRunSignals:
    """``RunSignals`` with one subscription per process, to all runs, from the first watch until ``aclose``.

    A subscription per run would cost every reader a round trip and a share in a connection that several tasks write
    to. An announcement is some 100 bytes, there are a few per run, and one nobody waits for costs a dictionary look-up.
    """

    def __init__(self, client: Redis) -> None:
        self._client = client
        self._watches: defaultdict[str, set[RedisRunWatch]] = defaultdict(set)
        self._listener: asyncio.Task[None] | None = None
        self._tried = asyncio.Event()
        self._deaf = False
        self._mute = False
        self._quiet_until = 0.0

    async def announce(self, tenant_id: TenantId, execution_id: ExecutionId) -> None:
        """Publish; see ``RunSignals.announce``."""
        now = asyncio.get_running_loop().time
        if now() < self._quiet_until:
            return
        try:
            async with asyncio.timeout(CALL_SECONDS):
                await self._client.publish(channel_of(tenant_id, execution_id), b"")
        except FAULTS as error:
            self._quiet_until = now() + QUIET_SECONDS
            if not self._mute:
                _log.warning("run_signals_not_announced", error=str(error))
            self._mute = True
        else:
            self._mute = False

    @asynccontextmanager
    async def watch(self, tenant_id: TenantId, execution_id: ExecutionId) -> AsyncIterator[RedisRunWatch]:
        """Subscribe; see ``RunSignals.watch``."""
        channel = channel_of(tenant_id, execution_id)
        watch = RedisRunWatch()
        self._watches[channel].add(watch)
        try:
            await self._listen()
            yield watch
        finally:
            self._watches[channel].discard(watch)
            if not self._watches[channel]:
                del self._watches[channel]

    async def aclose(self) -> None:
        """Stop listening. Watches that are open go on by time alone."""
        if self._listener is not None:
            self._listener.cancel()
            await asyncio.wait({self._listener}, timeout=CALL_SECONDS)

    async def _listen(self) -> None:
        """Make sure that the subscription stands, or that it is known not to."""
        if self._listener is None or self._listener.done():
            self._listener = asyncio.create_task(self._hear_until_closed(), name="run-signals")
        try:
            async with asyncio.timeout(FIRST_CONNECT_SECONDS):
                await self._tried.wait()
        except TimeoutError:
            return  # the watch counts on time alone until the connection stands

    async def _hear_until_closed(self) -> None:
        while True:  # ends by cancellation, in aclose
            try:
                async with self._client.pubsub() as subscription:
                    await subscription.psubscribe(ALL_RUNS)
                    await self._hear(subscription)
            except FAULTS as error:
                self._lose(error)
            await asyncio.sleep(RETRY_SECONDS)

    async def _hear(self, subscription: PubSub) -> None:
        while subscription.subscribed:
            message = await subscription.get_message(timeout=IDLE_SECONDS)
            if message is None:
                continue
            if message["type"] == "psubscribe":
                self._stand()
            elif message["type"] == "pmessage":
                self._tell(message["channel"].decode())

    def _stand(self) -> None:
        """The subscription holds, for the first time or again: whoever waits may have missed something."""
        if self._tried.is_set():
            for channel in self._watches:
                self._tell(channel)
        if self._deaf:
            _log.info("run_signals_heard_again")
        self._deaf = False
        self._tried.set()

    def _lose(self, error: Exception) -> None:
        if not self._deaf:
            _log.warning("run_signals_not_heard", error=str(error))
        self._deaf = True
        self._tried.set()

    def _tell(self, channel: str) -> None:
        for watch in self._watches.get(channel, ()):
            watch.hear()
