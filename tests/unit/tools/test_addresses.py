import ipaddress

import pytest

from aumos_agent_framework.adapters.tools.addresses import as_address, canonical_host, refusal


class TestCanonicalHost:
    @pytest.mark.parametrize(
        ("written", "canonical"),
        [
            ("example.com", "example.com"),
            ("EXAMPLE.Com", "example.com"),
            ("example.com.", "example.com"),
            ("my_service", "my_service"),
            ("a-b.c-d.example", "a-b.c-d.example"),
            ("bücher.example", "xn--bcher-kva.example"),
            ("\uff25\uff38\uff21\uff2d\uff30\uff2c\uff25.com", "example.com"),  # full-width letters
            ("example。com", "example.com"),  # an ideographic full stop
            ("ﬁle.example", "file.example"),  # a ligature
            ("93.184.216.34", "93.184.216.34"),
            ("127.0.0.1.", "127.0.0.1"),
            ("\uff11\uff12\uff17.0.0.1", "127.0.0.1"),  # full-width digits
            ("[::1]", "::1"),
            ("[2606:2800:0220:0001:0248:1893:25C8:1946]", "2606:2800:220:1:248:1893:25c8:1946"),
            ("[::ffff:127.0.0.1]", "::ffff:7f00:1"),
            ("0x7f.example", "0x7f.example"),  # not numeric: the last label is a name
        ],
    )
    def test_gives_every_host_one_spelling(self, written: str, canonical: str) -> None:
        assert canonical_host(written) == canonical

    @pytest.mark.parametrize(
        "written",
        [
            "",
            ".",
            "..",
            "a..b",
            ".example.com",
            "example.com..",
            "-a.example",
            "a-.example",
            "a b",
            "a\tb",
            "a\nb",
            "a\x00b",
            "a/b",
            "a\\b",
            "a?b",
            "a#b",
            "user@host",
            "a%2eb",
            "a:b",
            "x" * 64 + ".example",
            ".".join(["a" * 60] * 5),
            "xn--ü.example",
            # spellings of 127.0.0.1 and others that resolvers do not agree about
            "2130706433",
            "0x7f000001",
            "0X7F000001",
            "017700000001",
            "127.1",
            "127.0.1",
            "0177.0.0.1",
            "0x7f.0.0.1",
            "127.0.0.0x1",
            "127.0.0.01",
            "1.2.3.4.5",
            "256.1.1.1",
            "1.2.3.",
            "example.0x1",
            "example.123",
            "[::1",
            "[::1]x",
            "[fe80::1%eth0]",
            "[fe80::1%25eth0]",
            "[127.0.0.1]",
            "[]",
            "[::1]]",
        ],
    )
    def test_refuses_what_is_no_host_or_more_than_one(self, written: str) -> None:
        with pytest.raises(ValueError, match=r".+"):
            canonical_host(written)


class TestAsAddress:
    def test_a_name_is_no_address(self) -> None:
        assert as_address("example.com") is None

    def test_a_mapped_address_is_the_one_the_kernel_connects_to(self) -> None:
        assert as_address("::ffff:7f00:1") == ipaddress.ip_address("127.0.0.1")


class TestRefusal:
    @pytest.mark.parametrize(
        "address",
        [
            "8.8.8.8",
            "93.184.216.34",
            "1.1.1.1",
            "100.63.255.255",
            "100.128.0.0",
            "126.255.255.255",
            "128.0.0.1",
            "168.63.129.15",
            "169.253.255.255",
            "172.15.255.255",
            "172.32.0.0",
            "192.0.1.0",
            "192.167.255.255",
            "192.169.0.0",
            "198.17.255.255",
            "198.20.0.0",
            "223.255.255.255",
            "2606:4700:4700::1111",
            "2a00:1450:4001:80b::200e",
            "::ffff:8.8.8.8",
            "2002:808:808::1",  # 6to4 of 8.8.8.8
            "64:ff9b::808:808",  # NAT64 of 8.8.8.8: how an IPv6-only host reaches IPv4
        ],
    )
    def test_lets_public_addresses_through(self, address: str) -> None:
        assert refusal(ipaddress.ip_address(address)) is None

    @pytest.mark.parametrize(
        "address",
        [
            "0.0.0.0",  # noqa: S104 - not bound to
            "0.1.2.3",
            "10.0.0.1",
            "10.255.255.255",
            "100.64.0.1",
            "100.100.100.200",  # metadata
            "127.0.0.1",
            "127.255.255.254",
            "168.63.129.16",  # metadata on a public address
            "169.254.0.1",
            "169.254.169.254",  # metadata
            "172.16.0.1",
            "172.31.255.255",
            "192.0.0.1",
            "192.0.0.192",  # metadata
            "192.0.2.1",
            "192.88.99.1",
            "192.168.0.1",
            "198.18.0.1",
            "198.51.100.1",
            "203.0.113.1",
            "224.0.0.1",
            "224.0.1.1",
            "239.255.255.255",
            "240.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::7f00:1",  # IPv4-compatible 127.0.0.1
            "::a00:1",
            "::ffff:127.0.0.1",
            "::ffff:10.0.0.1",
            "::ffff:169.254.169.254",
            "64:ff9b::7f00:1",  # NAT64 of 127.0.0.1
            "64:ff9b::a9fe:a9fe",  # NAT64 of the metadata address
            "64:ff9b:1::1",
            "100::1",
            "2001:0:7f00:1::",  # Teredo with server 127.0.0.1
            "2001:0:808:808::f5ff:fffe",  # Teredo with client 10.0.0.1
            "2001:db8::1",
            "2001:10::1",
            "2002:7f00:1::",  # 6to4 of 127.0.0.1
            "2002:a9fe:a9fe::1",
            "2a00:1450::5efe:a00:1",  # ISATAP of 10.0.0.1
            "2a00:1450::200:5efe:7f00:1",
            "3fff::1",
            "5f00::1",
            "fc00::1",
            "fd00:ec2::254",  # metadata
            "fd20:ce::254",  # metadata
            "fe80::1",
            "fe80::1%eth0",
            "fec0::1",
            "ff02::1",
        ],
    )
    def test_refuses_everything_else(self, address: str) -> None:
        assert refusal(ipaddress.ip_address(address))
