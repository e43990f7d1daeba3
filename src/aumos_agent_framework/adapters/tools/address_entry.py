"""How an operator names hosts, addresses and networks in a setting."""

import ipaddress
from dataclasses import dataclass

from aumos_agent_framework.adapters.tools.addresses import IPAddress, IPNetwork, as_address, canonical_host

MAX_PORT = 65_535


@dataclass(frozen=True, slots=True)
class AddressEntry:
    """What the operator allows or refuses: a host name, an address or a network, with or without a port."""

    name: str | None
    network: IPNetwork | None
    port: int | None

    @classmethod
    def parse(cls, entry: str) -> "AddressEntry":
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
        """Whether every address of this host is meant."""
        return self.name == host and self.port in (None, port)

    def covers_address(self, address: IPAddress, port: int) -> bool:
        """Whether this address is meant, whatever name led to it."""
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
