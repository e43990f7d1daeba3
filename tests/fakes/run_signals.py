"""Word of changed runs inside one process; waiting takes no time but moves a test's clock."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from aumos_agent_framework.core.types import ExecutionId, TenantId
from tests.fakes.clock import FakeClock

Run = tuple[TenantId, ExecutionId]


class InMemoryRunWatch:
    """See ``RunWatch``."""

    def __init__(self, signals: "InMemoryRunSignals") -> None:
        self._signals = signals
        self.heard = asyncio.Event()

    async def changed(self, timeout_seconds: float) -> None:
        await self._signals.while_waiting()
        await asyncio.sleep(0)
        if self.heard.is_set():
            self.heard.clear()
        else:
            self._signals.clock.advance(timeout_seconds)


class InMemoryRunSignals:
    """See ``RunSignals``.

    A wait that nobody ends advances the clock by its whole time at once. ``while_waiting`` runs at each wait: what
    happens in the world meanwhile. ``deaf`` watches hear nothing, as with a broker that is away.
    """

    def __init__(self, clock: FakeClock) -> None:
        self.clock = clock
        self.deaf = False
        self.announced: list[Run] = []
        self.while_waiting: Callable[[], Awaitable[None]] = _nothing
        self._watches: defaultdict[Run, set[InMemoryRunWatch]] = defaultdict(set)

    async def announce(self, tenant_id: TenantId, execution_id: ExecutionId) -> None:
        self.announced.append((tenant_id, execution_id))
        if not self.deaf:
            for watch in self._watches[tenant_id, execution_id]:
                watch.heard.set()

    @asynccontextmanager
    async def watch(self, tenant_id: TenantId, execution_id: ExecutionId) -> AsyncIterator[InMemoryRunWatch]:
        watch = InMemoryRunWatch(self)
        self._watches[tenant_id, execution_id].add(watch)
        try:
            yield watch
        finally:
            self._watches[tenant_id, execution_id].discard(watch)


async def _nothing() -> None:
    """Nothing happens."""
