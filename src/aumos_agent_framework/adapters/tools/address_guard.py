"""Which addresses tools may reach: public ones, and those that the operator allows by name."""

import asyncio
import ipaddress
import socket
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from aumos_agent_framework.adapters.tools.addresses import (
    IPAddress,
    IPNetwork,
    as_address,
    canonical_host,
    refusal,
    unwrapped,
)

Resolver = Callable[[str, int], Awaitable[Sequence[str]]]
"""Resolves a host name for a port to textual addresses; raises ``OSError`` when it cannot."""

MAX_PORT = 65_535


class AddressRefusedError(Exception):
    """A tool may not reach this address. The message names the host and the reason, never the address found."""


async def system_resolver(host: str, port: int) -> Sequence[str]:
    """Resolve through the operating system."""
    infos = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return tuple(dict.fromkeys(str(info[4][0]) for info in infos))


@dataclass(frozen=True, slots=True)
class Allowance:
    """One entry of the allow list: a host name, an address or a network, with or without a port."""

    name: str | None
    network: IPNetwork | None
    port: int | None

    @classmethod
    def parse(cls, entry: str) -> "Allowance":
        """Read ``host``, ``host:port``, ``address``, ``address:port``, ``[v6]:port`` or ``network/bits``.

        Raises:
            ValueError: the entry is none of these.
        """
        text = entry.strip()
        if "/" in text:
            return cls(None, ipaddress.ip_network(text), None)
        host, port = _split_port(text)
        address = as_address(host)
        if address is None:
            return cls(host, None, port)
        return cls(None, ipaddress.ip_network(address), port)

    def covers_host(self, host: str, port: int) -> bool:
        """Whether every address of this host is allowed."""
        return self.name == host and self.port in (None, port)

    def covers_address(self, address: IPAddress, port: int) -> bool:
        """Whether this address is allowed, whatever name led to it."""
        return self.network is not None and address in self.network and self.port in (None, port)


def _split_port(text: str) -> tuple[str, int | None]:
    if text.count(":") > 1 and not text.startswith("["):
        return canonical_host(f"[{text}]"), None
    head, separator, tail = text.rpartition(":")
    if not separator or tail.endswith("]"):
        return canonical_host(text), None
    return canonical_host(head), parse_port(tail)


def parse_port(text: str) -> int:
    """Read a port number.

    Raises:
        ValueError: the text is no number between 1 and 65535.
    """
    if not (text.isascii() and text.isdecimal() and 0 < int(text) <= MAX_PORT):
        raise ValueError(f"{text!r} is not a port")
    return int(text)


class AddressGuard:
    """Resolves a host once and lets through only addresses that may be reached.

    A caller connects to what ``addresses`` returned and does not resolve again: a name whose answer changes between
    the check and the connection gains nothing. One refused address refuses the host, because which of them would be
    used is the attacker's choice.
    """

    def __init__(self, allow: Sequence[str] = (), resolve: Resolver = system_resolver) -> None:
        """Build a guard.

        Args:
            allow: entries as ``Allowance.parse`` reads them.
            resolve: looks names up.

        Raises:
            ValueError: an entry is malformed.
        """
        self._allowances = tuple(Allowance.parse(entry) for entry in allow if entry.strip())
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
        if any(a.covers_host(host, port) or a.covers_address(address, port) for a in self._allowances):
            return
        reason = refusal(address)
        if reason is not None:
            raise AddressRefusedError(
                f"{host}:{port} is not a public address ({reason}); "
                "the operator may allow it in AUMOS_AGF_HTTP_TOOLS__ALLOW"
            )
