"""Which addresses tools may reach: public ones and those that the operator allows, less those that stay closed."""

import asyncio
import ipaddress
import socket
from collections.abc import Awaitable, Callable, Sequence

from aumos_agent_framework.adapters.tools.address_entry import AddressEntry
from aumos_agent_framework.adapters.tools.addresses import IPAddress, as_address, refusal, unwrapped
from aumos_agent_framework.adapters.tools.refusals import Refusals

Resolver = Callable[[str, int], Awaitable[Sequence[str]]]
"""Resolves a host name for a port to textual addresses; raises ``OSError`` when it cannot."""


class AddressRefusedError(Exception):
    """A tool may not reach this address. The message names the host and the reason, never the address found."""


async def system_resolver(host: str, port: int) -> Sequence[str]:
    """Resolve through the operating system."""
    infos = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return tuple(dict.fromkeys(str(info[4][0]) for info in infos))


class AddressGuard:
    """Resolves a host once and lets through only addresses that may be reached.

    A caller connects to what ``addresses`` returned and does not resolve again: a name whose answer changes between
    the check and the connection gains nothing. One refused address refuses the host, because which of them would be
    used is the attacker's choice.
    """

    def __init__(
        self, allow: Sequence[str] = (), resolve: Resolver = system_resolver, *, refuse: Sequence[str] = ()
    ) -> None:
        """Build a guard.

        Args:
            allow: entries as ``AddressEntry.parse`` reads them.
            resolve: looks names up.
            refuse: entries as ``Refusals.parse`` reads them; they win over ``allow`` and over being public.

        Raises:
            ValueError: an entry is malformed.
        """
        self._allowances = tuple(AddressEntry.parse(entry) for entry in allow if entry.strip())
        self._refusals = Refusals.parse(refuse)
        self._resolve = resolve

    def check_literal(self, host: str, port: int) -> None:
        """Refuse an address that is written out in a URL; names pass, they are checked at each call.

        Raises:
            AddressRefusedError: the address may not be reached.
        """
        address = as_address(host)
        if address is not None:
            self._check(host, address, port)

    async def addresses(self, host: str, port: int) -> tuple[IPAddress, ...]:
        """Resolve a canonical host and return its addresses, every one of them checked, at least one.

        Raises:
            AddressRefusedError: at least one address may not be reached.
            OSError: the name does not resolve now.
        """
        literal = as_address(host)
        found = (literal,) if literal is not None else await self._look_up(host, port)
        for address in found:
            self._check(host, address, port)
        return found

    async def _look_up(self, host: str, port: int) -> tuple[IPAddress, ...]:
        texts = await self._resolve(host, port)
        if not texts:
            raise OSError(f"{host} has no address")
        return tuple(unwrapped(ipaddress.ip_address(text)) for text in texts)

    def _check(self, host: str, address: IPAddress, port: int) -> None:
        if self._refusals.cover(host, address, port):
            raise AddressRefusedError(
                f"{host}:{port} is closed to tools, whatever else is allowed (AUMOS_AGF_HTTP_TOOLS__REFUSE)"
            )
        if any(a.covers_host(host, port) or a.covers_address(address, port) for a in self._allowances):
            return
        reason = refusal(address)
        if reason is not None:
            raise AddressRefusedError(
                f"{host}:{port} is not a public address ({reason}); "
                "the operator may allow it in AUMOS_AGF_HTTP_TOOLS__ALLOW"
            )
