"""Ports for the stack: configured ones are fixed, the others are free and kept over restarts."""

import secrets
import socket

from aumos_agent_framework.embedded.errors import PortTakenError, StackError

# Below the range from which systems give source ports to outgoing connections: while a server restarts, no
# connection may take its port away.
_FIRST, _LAST = 20_000, 32_000
_ATTEMPTS = 200
LOOPBACK = "127.0.0.1"


def is_free(port: int, host: str = LOOPBACK) -> bool:
    """Tell whether a server could listen on the port now."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as servers do: old connections do not count
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True


def choose(
    component: str, *, configured: int, remembered: int | None, taken: set[int], variable: str, host: str = LOOPBACK
) -> int:
    """Return the port for a component and add it to ``taken``.

    Raises:
        PortTakenError: the configured port is in use; the message names ``variable``.
        StackError: no free port was found.
    """
    port = configured or _free_port(remembered, taken, host)
    if configured and (configured in taken or not is_free(configured, host)):
        raise PortTakenError(component, configured, variable)
    taken.add(port)
    return port


def _free_port(remembered: int | None, taken: set[int], host: str) -> int:
    candidates = [remembered] if remembered else []
    candidates += [_FIRST + secrets.randbelow(_LAST - _FIRST) for _ in range(_ATTEMPTS)]
    for port in candidates:
        if port not in taken and is_free(port, host):
            return port
    raise StackError(f"No free port between {_FIRST} and {_LAST} was found.")


def port_variable(component: str) -> str:
    """Return the name of the variable that fixes a component's port."""
    return "AUMOS_AGF_PORT" if component == "api" else f"AUMOS_AGF_EMBEDDED__{component.replace('-', '_').upper()}_PORT"
