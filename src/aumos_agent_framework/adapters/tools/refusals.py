"""What stays closed to tools although an allowance covers it: above all the ports of the service's own servers."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self

from aumos_agent_framework.adapters.tools.address_entry import AddressEntry, parse_port
from aumos_agent_framework.adapters.tools.addresses import IPAddress, forms
from aumos_agent_framework.adapters.tools.own_addresses import is_own


@dataclass(frozen=True, slots=True)
class Refusals:
    """Ports of this machine, whichever of its addresses leads to them, and entries that name something else."""

    own_ports: frozenset[int]
    entries: tuple[AddressEntry, ...]

    @classmethod
    def parse(cls, texts: Iterable[str]) -> Self:
        """Read bare ports and what ``AddressEntry.parse`` reads.

        A bare port is meant on every address of this machine, and so is one of ``localhost`` or of a loopback
        address: a server there may well listen on the others too. A host name covers only that spelling of it;
        another name may lead to the same server.

        Raises:
            ValueError: a text is none of these.
        """
        own_ports: set[int] = set()
        entries: list[AddressEntry] = []
        for text in (text.strip() for text in texts if text.strip()):
            if text.isascii() and text.isdecimal():
                own_ports.add(parse_port(text))
                continue
            entry = AddressEntry.parse(text)
            entries.append(entry)
            if entry.port is not None and _is_this_machine(entry):
                own_ports.add(entry.port)
        return cls(frozenset(own_ports), tuple(entries))

    def cover(self, host: str, address: IPAddress, port: int) -> bool:
        """Tell whether a connection to ``host``, at ``address``, must not be made."""
        reached = tuple(forms(address))
        if any(e.covers_host(host, port) or any(e.covers_address(a, port) for a in reached) for e in self.entries):
            return True
        return port in self.own_ports and any(is_own(candidate) for candidate in reached)


def _is_this_machine(entry: AddressEntry) -> bool:
    if entry.network is None:
        return entry.name == "localhost"
    first = entry.network.network_address
    return first.is_loopback or first.is_unspecified
