import asyncio
from collections.abc import Iterable, Sequence
from typing import Any

import pytest
from httpcore2 import AsyncMockStream, AsyncNetworkBackend, AsyncNetworkStream, ConnectError, ConnectTimeout

from aumos_agent_framework.adapters.tools.address_guard import AddressGuard, AddressRefusedError
from aumos_agent_framework.adapters.tools.guarded_network import GuardedBackend

FIRST, SECOND = "93.184.216.34", "2606:2800:220:1:248:1893:25c8:1946"


class FakeNetwork(AsyncNetworkBackend):
    """Records connections; some addresses refuse, some swallow everything."""

    def __init__(self, *, refuses: Iterable[str] = (), swallows: Iterable[str] = ()) -> None:
        self.refuses = frozenset(refuses)
        self.swallows = frozenset(swallows)
        self.tried: list[tuple[str, int]] = []

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - the base class's signature
        local_address: str | None = None,
        socket_options: Any = None,
    ) -> AsyncNetworkStream:
        self.tried.append((host, port))
        if host in self.refuses:
            raise ConnectError("refused")
        if host in self.swallows:
            try:
                async with asyncio.timeout(timeout):
                    await asyncio.Event().wait()
            except TimeoutError as error:
                raise ConnectTimeout from error
        return AsyncMockStream([])


def backend(network: FakeNetwork, *addresses: str) -> GuardedBackend:
    async def resolve(host: str, port: int) -> Sequence[str]:
        return addresses

    return GuardedBackend(AddressGuard(resolve=resolve), network)


class TestConnectTcp:
    async def test_connects_to_the_address_and_not_to_the_name(self) -> None:
        network = FakeNetwork()
        await backend(network, FIRST).connect_tcp("example.com", 443)
        assert network.tried == [(FIRST, 443)]

    async def test_a_refused_address_is_never_tried(self) -> None:
        network = FakeNetwork()
        with pytest.raises(AddressRefusedError):
            await backend(network, FIRST, "10.0.0.1").connect_tcp("example.com", 443)
        assert network.tried == []

    async def test_the_next_address_is_tried_after_a_refusal(self) -> None:
        network = FakeNetwork(refuses=[FIRST])
        await backend(network, FIRST, SECOND).connect_tcp("example.com", 443)
        assert [host for host, _ in network.tried] == [FIRST, SECOND]

    async def test_an_address_that_swallows_packets_leaves_time_for_the_next(self) -> None:
        network = FakeNetwork(swallows=[FIRST])
        await backend(network, FIRST, SECOND).connect_tcp("example.com", 443, timeout=0.1)
        assert [host for host, _ in network.tried] == [FIRST, SECOND]

    async def test_the_last_failure_is_the_answer(self) -> None:
        with pytest.raises(ConnectError, match="refused"):
            await backend(FakeNetwork(refuses=[FIRST, SECOND]), FIRST, SECOND).connect_tcp("example.com", 443)

    async def test_the_time_covers_the_look_up(self) -> None:
        async def silent(host: str, port: int) -> Sequence[str]:
            await asyncio.Event().wait()
            return [FIRST]

        guarded = GuardedBackend(AddressGuard(resolve=silent), FakeNetwork())
        with pytest.raises(ConnectTimeout):
            await guarded.connect_tcp("example.com", 443, timeout=0.05)

    async def test_a_name_that_does_not_resolve_is_a_connection_fault(self) -> None:
        with pytest.raises(ConnectError, match="does not resolve"):
            await backend(FakeNetwork()).connect_tcp("example.com", 443)


class TestUnixSockets:
    async def test_are_no_way_out(self) -> None:
        with pytest.raises(AddressRefusedError):
            await backend(FakeNetwork(), FIRST).connect_unix_socket("/run/docker.sock")
