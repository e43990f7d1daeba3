"""Hosts and IP addresses: one spelling for each, and which addresses are not public."""

import ipaddress
import re
from collections.abc import Iterator
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network

import idna

IPAddress = IPv4Address | IPv6Address
IPNetwork = IPv4Network | IPv6Network

MAX_HOST_CHARACTERS = 253
_LABEL = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?")
_NEVER_IN_A_NAME = re.compile(r"[\x00-\x20\x7f%@/\\?#:\[\]]")
_NUMERIC_LABEL = re.compile(r"[0-9]+|0x[0-9a-f]*")

# IANA's special-purpose registries, plus what clouds put outside of them. Written out because `ipaddress.is_private`
# and `is_global` answer differently between patch releases of Python.
_NOT_PUBLIC: tuple[tuple[str, str], ...] = (
    ("0.0.0.0/8", "unspecified"),
    ("10.0.0.0/8", "private"),
    ("100.64.0.0/10", "shared carrier space"),
    ("127.0.0.0/8", "loopback"),
    ("168.63.129.16/32", "cloud metadata"),
    ("169.254.0.0/16", "link-local or cloud metadata"),
    ("172.16.0.0/12", "private"),
    ("192.0.0.0/24", "reserved"),
    ("192.0.2.0/24", "documentation"),
    ("192.88.99.0/24", "6to4 relay"),
    ("192.168.0.0/16", "private"),
    ("198.18.0.0/15", "benchmarking"),
    ("198.51.100.0/24", "documentation"),
    ("203.0.113.0/24", "documentation"),
    ("224.0.0.0/4", "multicast"),
    ("240.0.0.0/4", "reserved"),
    ("::/128", "unspecified"),
    ("::1/128", "loopback"),
    ("64:ff9b:1::/48", "local NAT64"),
    ("100::/64", "discard"),
    ("100:0:0:1::/64", "reserved"),
    ("2001:2::/48", "benchmarking"),
    ("2001:10::/28", "reserved"),
    ("2001:20::/28", "reserved"),
    ("2001:db8::/32", "documentation"),
    ("3fff::/20", "documentation"),
    ("5f00::/16", "segment routing"),
    ("fc00::/7", "private"),
    ("fe80::/10", "link-local"),
    ("fec0::/10", "site-local"),
    ("ff00::/8", "multicast"),
)
_NOT_PUBLIC_NETWORKS: tuple[tuple[IPNetwork, str], ...] = tuple(
    (ipaddress.ip_network(text), kind) for text, kind in _NOT_PUBLIC
)
_IPV4_COMPATIBLE = IPv6Network("::/96")
_NAT64 = IPv6Network("64:ff9b::/96")
_ISATAP_MARKS = frozenset({0x0000_5EFE, 0x0200_5EFE})
_LOW_32_BITS = 0xFFFF_FFFF


def canonical_host(text: str) -> str:
    """Return the one spelling of a host name or address that the rest of this package compares and connects to.

    Names become lower-case ASCII (IDNA 2008 with UTS 46 mapping) without a trailing dot; IPv6 addresses lose their
    brackets. An IPv4 address has one accepted spelling, four decimal numbers: decimal, octal, hexadecimal and short
    forms mean different hosts to different resolvers.

    Raises:
        ValueError: the text is no host; the message is fit for the person who wrote it.
    """
    if text.startswith("["):
        return _canonical_ipv6(text)
    if _NEVER_IN_A_NAME.search(text):
        raise ValueError(f"{text!r} is not a host name")
    name = _to_ascii(text).removesuffix(".")
    if _NUMERIC_LABEL.fullmatch(name.rsplit(".", 1)[-1]):
        return _canonical_ipv4(name)
    if len(name) > MAX_HOST_CHARACTERS or not all(_LABEL.fullmatch(label) for label in name.split(".")):
        raise ValueError(f"{text!r} is not a host name")
    return name


def _to_ascii(text: str) -> str:
    if text.isascii():
        return text.lower()
    try:
        return idna.encode(text, uts46=True).decode("ascii").lower()
    except idna.IDNAError as error:
        raise ValueError(f"{text!r} is not a host name: {error}") from error


def _canonical_ipv6(text: str) -> str:
    if not text.endswith("]"):
        raise ValueError(f"{text!r} lacks its closing bracket")
    if "%" in text:
        raise ValueError(f"{text!r} names a network interface (zone); leave the zone out")
    try:
        return str(IPv6Address(text[1:-1]))
    except ValueError as error:
        raise ValueError(f"{text!r} is not an IPv6 address") from error


def _canonical_ipv4(name: str) -> str:
    try:
        return str(IPv4Address(name))
    except ValueError as error:
        raise ValueError(f"{name!r} is not an IPv4 address: write it as four decimal numbers") from error


def as_address(host: str) -> IPAddress | None:
    """Return the address that a canonical host spells, or ``None`` for a name."""
    try:
        return unwrapped(ipaddress.ip_address(host))
    except ValueError:
        return None


def unwrapped(address: IPAddress) -> IPAddress:
    """Return the IPv4 address inside an IPv4-mapped IPv6 one: the kernel connects to exactly that."""
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        return address.ipv4_mapped
    return address


def refusal(address: IPAddress) -> str | None:
    """Say why an address is not public, or ``None`` if it is.

    Addresses that carry an IPv4 address (mapped, compatible, 6to4, Teredo, NAT64, ISATAP) are as public as that one.
    """
    for candidate in forms(address):
        for network, kind in _NOT_PUBLIC_NETWORKS:
            if candidate in network:
                return kind
    return None


def forms(address: IPAddress) -> Iterator[IPAddress]:
    """Yield the address and every IPv4 address that it carries."""
    yield address
    yield from _embedded(address)


def _embedded(address: IPAddress) -> Iterator[IPv4Address]:
    if isinstance(address, IPv4Address):
        return
    if address.ipv4_mapped is not None:
        yield address.ipv4_mapped
    if address.sixtofour is not None:
        yield address.sixtofour
    if address.teredo is not None:
        yield from address.teredo
    low = int(address) & _LOW_32_BITS
    isatap = (int(address) >> 32) & _LOW_32_BITS in _ISATAP_MARKS
    if isatap or address in _NAT64 or address in _IPV4_COMPATIBLE:
        yield IPv4Address(low)
