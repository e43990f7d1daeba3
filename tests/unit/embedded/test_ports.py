"""Choosing ports."""

import socket
from collections.abc import Iterator

import pytest

from aumos_agent_framework.embedded.errors import PortTakenError
from aumos_agent_framework.embedded.ports import choose, is_free, port_variable

FIRST_SOURCE_PORT = 32_768  # Linux gives outgoing connections ports from here on


@pytest.fixture
def taken_port() -> Iterator[int]:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        yield server.getsockname()[1]


def test_configured_port_is_used() -> None:
    port = _choose(configured=0)
    assert _choose(configured=port) == port


def test_configured_port_that_is_taken_is_an_error(taken_port: int) -> None:
    with pytest.raises(PortTakenError, match=rf"Port {taken_port}, wanted for redis.*Set VARIABLE"):
        _choose(configured=taken_port)


def test_one_port_is_not_given_to_two_components() -> None:
    taken: set[int] = set()
    port = _choose(taken=taken)
    assert taken == {port}
    with pytest.raises(PortTakenError):
        _choose(configured=port, taken=taken)


def test_remembered_port_is_used_again() -> None:
    port = _choose()
    assert _choose(remembered=port) == port


def test_remembered_port_that_is_taken_is_replaced(taken_port: int) -> None:
    assert _choose(remembered=taken_port) != taken_port


def test_remembered_port_does_not_override_a_configured_one() -> None:
    remembered, configured = _choose(), _choose()
    assert _choose(remembered=remembered, configured=configured) == configured


def test_free_ports_are_below_those_of_outgoing_connections() -> None:
    assert all(1024 < _choose() < FIRST_SOURCE_PORT for _ in range(20))


def test_port_of_a_listening_server_is_not_free(taken_port: int) -> None:
    assert not is_free(taken_port)


@pytest.mark.parametrize(
    ("component", "variable"),
    [
        ("api", "AUMOS_AGF_PORT"),
        ("postgres", "AUMOS_AGF_EMBEDDED__POSTGRES_PORT"),
        ("llm-stub", "AUMOS_AGF_EMBEDDED__LLM_STUB_PORT"),
    ],
)
def test_variable_that_moves_a_port(component: str, variable: str) -> None:
    assert port_variable(component) == variable


def _choose(configured: int = 0, remembered: int | None = None, taken: set[int] | None = None) -> int:
    return choose(
        "redis",
        configured=configured,
        remembered=remembered,
        taken=set() if taken is None else taken,
        variable="VARIABLE",
    )
