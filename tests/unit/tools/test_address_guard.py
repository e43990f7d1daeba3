import socket
from collections.abc import Sequence

import psutil
import pytest

from aumos_agent_framework.adapters.tools.address_guard import AddressGuard, AddressRefusedError
from aumos_agent_framework.adapters.tools.addresses import canonical_host

PUBLIC = "93.184.216.34"
OTHER_PUBLIC = "2606:2800:220:1:248:1893:25c8:1946"


class FakeResolver:
    """Gives the next answer at each look-up, the last one for ever."""

    def __init__(self, *answers: Sequence[str]) -> None:
        self.answers = list(answers)
        self.asked: list[tuple[str, int]] = []

    async def __call__(self, host: str, port: int) -> Sequence[str]:
        self.asked.append((host, port))
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


async def reach(guard: AddressGuard, host: str, port: int = 443) -> list[str]:
    return [str(address) for address in await guard.addresses(host, port)]


class TestAddresses:
    async def test_returns_every_public_address_of_a_name(self) -> None:
        resolver = FakeResolver([PUBLIC, OTHER_PUBLIC])
        assert await reach(AddressGuard(resolve=resolver), "example.com") == [PUBLIC, OTHER_PUBLIC]
        assert resolver.asked == [("example.com", 443)]

    async def test_a_literal_is_not_looked_up(self) -> None:
        resolver = FakeResolver(["10.0.0.1"])
        assert await reach(AddressGuard(resolve=resolver), PUBLIC) == [PUBLIC]
        assert resolver.asked == []

    @pytest.mark.parametrize(
        "answer",
        [
            ["127.0.0.1"],
            ["::1"],
            ["fe80::1%eth0"],
            [PUBLIC, "10.0.0.1"],
            ["169.254.169.254", PUBLIC],
            [OTHER_PUBLIC, "::ffff:192.168.0.1"],
        ],
    )
    async def test_one_refused_address_refuses_the_name(self, answer: list[str]) -> None:
        with pytest.raises(AddressRefusedError, match=r"example\.com:443 is not a public address"):
            await reach(AddressGuard(resolve=FakeResolver(answer)), "example.com")

    async def test_the_refusal_does_not_tell_the_address(self) -> None:
        with pytest.raises(AddressRefusedError) as caught:
            await reach(AddressGuard(resolve=FakeResolver(["10.1.2.3"])), "intranet.example")
        assert "10.1.2.3" not in str(caught.value)

    async def test_a_name_that_changes_its_answer_is_checked_each_time(self) -> None:
        guard = AddressGuard(resolve=FakeResolver([PUBLIC], ["127.0.0.1"]))
        assert await reach(guard, "rebinding.example") == [PUBLIC]
        with pytest.raises(AddressRefusedError):
            await reach(guard, "rebinding.example")

    async def test_a_name_without_addresses_does_not_resolve(self) -> None:
        with pytest.raises(OSError, match="no address"):
            await reach(AddressGuard(resolve=FakeResolver([])), "example.com")

    async def test_a_mapped_address_comes_back_as_what_it_maps(self) -> None:
        assert await reach(AddressGuard(resolve=FakeResolver([f"::ffff:{PUBLIC}"])), "example.com") == [PUBLIC]


class TestAllow:
    @pytest.mark.parametrize(
        ("entry", "host", "port", "answer"),
        [
            ("127.0.0.0/8", "localhost", 80, "127.0.0.1"),
            ("127.0.0.0/8", "127.8.9.10", 80, ""),
            ("127.0.0.1", "localhost", 8080, "127.0.0.1"),
            ("127.0.0.1:8080", "localhost", 8080, "127.0.0.1"),
            ("::1", "localhost", 80, "::1"),
            ("[::1]", "localhost", 80, "::1"),
            ("[::1]:8080", "localhost", 8080, "::1"),
            ("::1/128", "localhost", 80, "::1"),
            ("127.0.0.0/8", "mapped.example", 80, "::ffff:127.0.0.1"),
            ("::ffff:127.0.0.1", "127.0.0.1", 80, ""),
            ("fd00::/8", "inner.example", 80, "fd12::1"),
            ("inner.example", "inner.example", 80, "10.0.0.1"),
            ("Inner.Example.", "inner.example", 80, "10.0.0.1"),
            ("inner.example:9000", "inner.example", 9000, "10.0.0.1"),
            (" inner.example ", "inner.example", 80, "10.0.0.1"),
        ],
    )
    async def test_an_entry_opens_what_it_names(self, entry: str, host: str, port: int, answer: str) -> None:
        guard = AddressGuard([entry], FakeResolver([answer]))
        assert await reach(guard, host, port)

    @pytest.mark.parametrize(
        ("entry", "host", "port", "answer"),
        [
            ("127.0.0.1:8080", "localhost", 8081, "127.0.0.1"),
            ("127.0.0.1", "localhost", 80, "127.0.0.2"),
            ("127.0.0.0/8", "localhost", 80, "::1"),
            ("10.0.0.0/8", "inner.example", 80, "192.168.0.1"),
            ("inner.example", "sub.inner.example", 80, "10.0.0.1"),
            ("inner.example", "xinner.example", 80, "10.0.0.1"),
            ("inner.example:9000", "inner.example", 9001, "10.0.0.1"),
            ("10.0.0.0/8", "nat64.example", 80, "64:ff9b::a00:1"),
            ("localhost", "127.0.0.1", 80, ""),
        ],
    )
    async def test_an_entry_opens_nothing_else(self, entry: str, host: str, port: int, answer: str) -> None:
        guard = AddressGuard([entry], FakeResolver([answer]))
        with pytest.raises(AddressRefusedError):
            await reach(guard, host, port)

    async def test_an_allowed_address_does_not_excuse_its_neighbour(self) -> None:
        guard = AddressGuard(["10.0.0.1"], FakeResolver(["10.0.0.1", "10.0.0.2"]))
        with pytest.raises(AddressRefusedError):
            await reach(guard, "inner.example")

    async def test_empty_entries_are_left_out(self) -> None:
        with pytest.raises(AddressRefusedError):
            await reach(AddressGuard(["", "  "]), "127.0.0.1")

    @pytest.mark.parametrize("entry", ["10.0.0.1/8", "a b", "host:0", "host:65536", "host:http", "0x7f.1", "[::1", "*"])
    def test_a_malformed_entry_stops_the_start(self, entry: str) -> None:
        with pytest.raises(ValueError, match=r".+"):
            AddressGuard([entry])


EVERYWHERE = ["0.0.0.0/0", "::/0", "localhost", "inner.example"]
OWN_NAME = "this-machine.example"


class TestRefuse:
    @pytest.mark.parametrize("entry", ["7233", " 7233 ", "127.0.0.1:7233", "[::1]:7233", "localhost:7233"])
    @pytest.mark.parametrize(
        "answer",
        [
            "127.0.0.1",
            "127.9.8.7",
            "0.0.0.0",  # noqa: S104 - not bound to
            "::1",
            "::",
            "::ffff:127.0.0.1",
            "::ffff:0.0.0.0",
            "::127.0.0.1",
            "64:ff9b::7f00:1",
        ],
    )
    async def test_a_port_of_this_machine_is_closed_whatever_is_allowed(self, entry: str, answer: str) -> None:
        guard = AddressGuard([*EVERYWHERE, OWN_NAME], FakeResolver([answer]), refuse=[entry])
        literal = f"[{answer}]" if ":" in answer else answer
        with pytest.raises(AddressRefusedError, match="AUMOS_AGF_HTTP_TOOLS__REFUSE"):
            await reach(guard, OWN_NAME, 7233)
        with pytest.raises(AddressRefusedError, match="closed to tools"):
            guard.check_literal(canonical_host(literal), 7233)
        assert await reach(guard, OWN_NAME, 7234)

    async def test_a_port_is_closed_on_the_machines_other_interfaces_too(self) -> None:
        interfaces = [address for found in psutil.net_if_addrs().values() for address in found]
        own = [address.address for address in interfaces if address.family in {socket.AF_INET, socket.AF_INET6}]
        assert own
        for address in own:
            with pytest.raises(AddressRefusedError, match="closed to tools"):
                await reach(AddressGuard(EVERYWHERE, FakeResolver([address]), refuse=["7233"]), OWN_NAME, 7233)

    async def test_a_port_is_open_on_other_machines(self) -> None:
        for answer in (PUBLIC, OTHER_PUBLIC):
            assert await reach(AddressGuard(resolve=FakeResolver([answer]), refuse=["443"]), "example.com") == [answer]

    @pytest.mark.parametrize(
        ("entry", "host", "port", "answer"),
        [
            ("10.0.0.1:9000", "inner.example", 9000, "10.0.0.1"),
            ("10.0.0.1:9000", "inner.example", 9000, "::ffff:10.0.0.1"),
            ("10.0.0.1:9000", "inner.example", 9000, "64:ff9b::a00:1"),
            ("10.0.0.1", "inner.example", 80, "10.0.0.1"),
            ("10.0.0.0/8", "inner.example", 80, "10.9.9.9"),
            ("Inner.Example:9000", "inner.example", 9000, "10.0.0.1"),
            (PUBLIC, "example.com", 80, PUBLIC),
        ],
    )
    async def test_an_entry_closes_what_it_names(self, entry: str, host: str, port: int, answer: str) -> None:
        with pytest.raises(AddressRefusedError, match="closed to tools"):
            await reach(AddressGuard(EVERYWHERE, FakeResolver([answer]), refuse=[entry]), host, port)

    @pytest.mark.parametrize(
        ("entry", "host", "port", "answer"),
        [
            ("10.0.0.1:9000", "inner.example", 9001, "10.0.0.1"),
            ("10.0.0.1:9000", "localhost", 9000, "127.0.0.1"),
            ("127.0.0.1", "localhost", 80, "127.0.0.2"),
            ("inner.example:9000", "localhost", 9000, "127.0.0.1"),
        ],
    )
    async def test_an_entry_closes_nothing_else(self, entry: str, host: str, port: int, answer: str) -> None:
        assert await reach(AddressGuard(EVERYWHERE, FakeResolver([answer]), refuse=["", entry]), host, port)

    @pytest.mark.parametrize("entry", ["0", "65536", "-1", "a b", "host:0", "10.0.0.1/8"])
    def test_a_malformed_entry_stops_the_start(self, entry: str) -> None:
        with pytest.raises(ValueError, match=r".+"):
            AddressGuard(refuse=[entry])


class TestCheckLiteral:
    def test_refuses_a_written_address(self) -> None:
        with pytest.raises(AddressRefusedError, match="loopback"):
            AddressGuard().check_literal("127.0.0.1", 80)

    def test_lets_names_pass_until_they_are_resolved(self) -> None:
        AddressGuard().check_literal("localhost", 80)
