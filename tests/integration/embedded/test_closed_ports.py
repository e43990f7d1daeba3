"""HTTP tools may call this machine, but none of the stack's own servers, on whatever ports those listen."""

from pathlib import Path

import psutil

from aumos_agent_framework.adapters.tools.address_guard import AddressGuard, AddressRefusedError
from aumos_agent_framework.embedded import probes
from aumos_agent_framework.embedded.layout import DataDir
from aumos_agent_framework.embedded.ports import LOOPBACK
from aumos_agent_framework.embedded.stack import EmbeddedStack
from aumos_agent_framework.embedded.state import read_state
from aumos_agent_framework.settings import load_settings
from tests.servers import config

SERVERS = ("postgres", "redis", "temporal", "kafka")
INNER_SERVICES = 3  # of Temporal: history, matching, worker
HTTP_REQUEST = b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"


async def test_no_server_is_reached_by_a_tool(tmp_path: Path) -> None:
    async with EmbeddedStack(config(tmp_path, *SERVERS, "issuer")) as stack:
        tools = load_settings(stack.environment(), env_file=None).agf.http_tools
        guard = AddressGuard(tools.allow, refuse=tools.refuse)
        state = read_state(DataDir(tmp_path).state)
        listening = {name: _listened_on(state.components[name].pid) for name in SERVERS}
        assert set(state.ports.values()) - {state.ports["issuer"]} <= set().union(*listening.values())
        reachable = {name: {port for port in ports if _lets_through(guard, port)} for name, ports in listening.items()}
        # Their ports are random and cannot be chosen. They speak HTTP/2 alone, which HTTP tools do not.
        inner = reachable.pop("temporal")
        assert len(inner) <= INNER_SERVICES
        assert not [port for port in inner if await probes.answers(port, HTTP_REQUEST, b"HTTP/")]
        assert reachable == {"postgres": set(), "redis": set(), "kafka": set()}
        assert not _lets_through(guard, state.ports["issuer"])


async def test_temporals_http_answers_and_is_closed_to_tools(tmp_path: Path) -> None:
    async with EmbeddedStack(config(tmp_path, "temporal")) as stack:
        tools = load_settings(stack.environment(), env_file=None).agf.http_tools
        guard = AddressGuard(tools.allow, refuse=tools.refuse)
        ports = read_state(DataDir(tmp_path).state).ports
        for name in ("temporal-http", "temporal-metrics"):
            assert await probes.answers(ports[name], HTTP_REQUEST, b"HTTP/")
            assert not _lets_through(guard, ports[name])


async def test_side_ports_are_kept_over_restarts(tmp_path: Path) -> None:
    ports = []
    for _ in range(2):
        async with EmbeddedStack(config(tmp_path, "temporal")):
            ports.append(read_state(DataDir(tmp_path).state).ports)
    assert ports[0] == ports[1]
    assert set(ports[0]) == {"temporal", "temporal-http", "temporal-metrics"}


def _lets_through(guard: AddressGuard, port: int) -> bool:
    try:
        guard.check_literal(LOOPBACK, port)
    except AddressRefusedError:
        return False
    return True


def _listened_on(pid: int | None) -> set[int]:
    assert pid is not None
    process = psutil.Process(pid)
    sockets = [one for member in (process, *process.children(recursive=True)) for one in member.net_connections("tcp")]
    return {one.laddr.port for one in sockets if one.status == psutil.CONN_LISTEN}
