"""Which addresses are this machine's own."""

import socket

from aumos_agent_framework.adapters.tools.addresses import IPAddress


def is_own(address: IPAddress) -> bool:
    """Tell whether a connection to ``address`` ends on this machine.

    The kernel is asked each time, by binding to the address without sending anything: interfaces come and go, and on
    Linux all of 127.0.0.0/8 is one.
    """
    if address.is_loopback or address.is_unspecified:
        return True
    family = socket.AF_INET if address.version == 4 else socket.AF_INET6  # noqa: PLR2004 - the IP version
    try:
        _, _, _, _, target = socket.getaddrinfo(str(address), 0, type=socket.SOCK_DGRAM, flags=socket.AI_NUMERICHOST)[0]
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.bind(target)
    except OSError:
        return False
    return True
