"""The network as HTTP tools see it: TCP to checked addresses and nothing else."""

import asyncio
from collections.abc import Iterable

from httpcore2 import (
    SOCKET_OPTION,
    AnyIOBackend,
    AsyncNetworkBackend,
    AsyncNetworkStream,
    ConnectError,
    ConnectTimeout,
)

from aumos_agent_framework.adapters.tools.address_guard import AddressGuard, AddressRefusedError


class GuardedBackend(AsyncNetworkBackend):
    """Connects to the addresses that the guard checked; names above it (``Host``, TLS) stay what they were."""

    def __init__(self, guard: AddressGuard, backend: AsyncNetworkBackend | None = None) -> None:
        self._guard = guard
        self._backend = backend or AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - the base class's signature
        local_address: str | None = None,
        socket_options: Iterable[SOCKET_OPTION] | None = None,
    ) -> AsyncNetworkStream:
        """Connect to the first address of ``host`` that answers.

        Raises:
            AddressRefusedError: ``host`` leads to an address that may not be reached.
            ConnectError: the name does not resolve, or no address answers.
            ConnectTimeout: nothing answered in time.
        """
        failure: Exception = ConnectError(f"{host} has no address")
        try:
            async with asyncio.timeout(timeout):
                addresses = await self._guard.addresses(host, port)
                # An address that swallows packets must leave time for the next one.
                share = None if timeout is None else timeout / len(addresses)
                for address in addresses:
                    try:
                        return await self._backend.connect_tcp(str(address), port, share, local_address, socket_options)
                    except (ConnectError, ConnectTimeout) as error:
                        failure = error
        except TimeoutError as error:
            raise ConnectTimeout(f"{host}:{port} did not answer in {timeout} s") from error
        except OSError as error:
            raise ConnectError(f"{host} does not resolve: {error}") from error
        raise failure

    async def connect_unix_socket(
        self,
        path: str,
        timeout: float | None = None,  # noqa: ASYNC109 - the base class's signature
        socket_options: Iterable[SOCKET_OPTION] | None = None,
    ) -> AsyncNetworkStream:
        """Refuse: tools reach the network only."""
        del timeout, socket_options
        raise AddressRefusedError(f"{path} is not a network address")

    async def sleep(self, seconds: float) -> None:
        """Wait, as the base class asks."""
        await asyncio.sleep(seconds)
