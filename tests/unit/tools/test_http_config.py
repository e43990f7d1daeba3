from typing import Any

import pytest

from aumos_agent_framework.adapters.tools.address_guard import AddressGuard
from aumos_agent_framework.adapters.tools.http import HttpTools
from aumos_agent_framework.adapters.tools.http_config import parse_url
from aumos_agent_framework.core.domain.tools import ToolDraft
from aumos_agent_framework.core.errors import InvalidInputError, Problem
from tests.factories import make_tool_draft

SCHEMA = {
    "type": "object",
    "properties": {"id": {"type": "string"}, "note": {"type": "string"}},
    "required": ["id"],
}


def a_draft(**config: Any) -> ToolDraft:
    return make_tool_draft(
        input_schema=SCHEMA, config={"type": "http", "method": "POST", "url": "https://api.example/items"} | config
    )


def problem_of(**config: Any) -> Problem:
    with pytest.raises(InvalidInputError) as caught:
        HttpTools(AddressGuard()).check(a_draft(**config))
    assert caught.value.code == "invalid_tool"
    return caught.value.problems[0]


class TestParseUrl:
    def test_separates_the_parts(self) -> None:
        url = parse_url("HTTPS://Example.COM:8443/a/{id}?q={note}")
        assert (url.scheme, url.host, url.port, url.path, url.query) == (
            "https",
            "example.com",
            8443,
            "/a/{id}",
            "q={note}",
        )
        assert url.places == {"id", "note"}

    @pytest.mark.parametrize(("text", "port"), [("http://a.example", 80), ("https://a.example", 443)])
    def test_knows_the_default_port_and_path(self, text: str, port: int) -> None:
        assert (parse_url(text).port, parse_url(text).path) == (port, "/")

    def test_reads_an_ipv6_host(self) -> None:
        assert (parse_url("http://[2606:4700::1]:81/").host, parse_url("http://[2606:4700::1]").port) == (
            "2606:4700::1",
            80,
        )

    @pytest.mark.parametrize(
        "text",
        [
            "",
            "example.com/path",
            "//example.com",
            "ftp://example.com",
            "file:///etc/passwd",
            "gopher://example.com",
            "javascript:alert(1)",
            "http:example.com",
            "http:/example.com",
            "http://",
            "http:///path",
            "http://:80/",
            "http://user@example.com/",
            "http://user:pass@example.com/",
            "http://example.com@127.0.0.1/",
            "http://example.com:80@127.0.0.1/",
            "http://example.com\\@127.0.0.1/",
            "http://example.com\\.evil/",
            "http://exa mple.com/",
            "http://example.com/a b",
            "http://example.com/\n",
            "http://example.com/\x00",
            "http://example.com/ä",
            "http://example.com/#fragment",
            "http://example.com:0/",
            "http://example.com:99999/",
            "http://example.com:8o/",
            "http://example.com:/",
            "http://0x7f.1/",
            "http://2130706433/",
            "http://[fe80::1%25eth0]/",
            "http://%31%32%37.0.0.1/",
            "{scheme}://example.com/",
            "http://{host}/",
            "http://api.{zone}.example/",
            "http://example.com:{port}/",
            "http://{user}@example.com/",
            "http://example.com/{",
            "http://example.com/}",
            "http://example.com/{}",
            "http://example.com/{a b}",
            "http://example.com/{{id}}",
            "http://example.com/?q={",
            "http://example.com/%",
            "http://example.com/%zz",
            "http://example.com/../x",
            "http://example.com/./x",
            "http://example.com/%2e%2e/x",
            "http://example.com/a/..",
            "http://example.com/..;/x",
            "http://example.com/" + "x" * 8192,
        ],
    )
    def test_refuses_what_is_no_plain_http_url(self, text: str) -> None:
        with pytest.raises(ValueError, match=r".+"):
            parse_url(text)


class TestCheck:
    def test_a_full_configuration_passes_unchanged(self) -> None:
        draft = a_draft(
            url="https://api.example/items/{id}?x=1",
            headers={"Accept": "application/json", "X-Api-Version": "2"},
            timeout=2,
            body={"text": "Note: {note}"},
        )
        assert HttpTools(AddressGuard()).check(draft) is draft

    @pytest.mark.parametrize(
        ("config", "pointer"),
        [
            ({"url": "ftp://x"}, "/config/url"),
            ({"url": 7}, "/config/url"),
            ({"url": "http://127.0.0.1/"}, "/config/url"),
            ({"url": "http://[::ffff:10.0.0.1]/"}, "/config/url"),
            ({"url": "http://169.254.169.254/latest/meta-data"}, "/config/url"),
            ({"method": "TRACE"}, "/config/method"),
            ({"method": "post"}, "/config/method"),
            ({"timeout": 0}, "/config/timeout"),
            ({"timeout": 601}, "/config/timeout"),
            ({"timeout": "5"}, "/config/timeout"),
            ({"timeout": float("inf")}, "/config/timeout"),
            ({"timeout": float("nan")}, "/config/timeout"),
            ({"retries": 3}, "/config/retries"),
            ({"headers": {"X-A": 1}}, "/config/headers/X-A"),
            ({"headers": {"X-A": "a\r\nX-B: b"}}, "/config/headers/X-A"),
            ({"headers": {"X-A": " a"}}, "/config/headers/X-A"),
            ({"headers": {"X-A": "ä"}}, "/config/headers/X-A"),
            ({"headers": {"Authorization": "secret:TOKEN"}}, "/config/headers/Authorization"),
        ],
    )
    def test_points_at_what_is_wrong(self, config: dict[str, Any], pointer: str) -> None:
        assert problem_of(**config).pointer == pointer

    @pytest.mark.parametrize(
        "name",
        [
            "Idempotency-Key",
            "idempotency-key",
            "X-Tenant-ID",
            "traceparent",
            "Tracestate",
            "Host",
            "Content-Length",
            "Transfer-Encoding",
            "Connection",
            "Proxy-Authorization",
            "TE",
            "Upgrade",
            "Expect",
            "Accept-Encoding",
            "bad name",
            "X:A",
            "",
        ],
    )
    def test_refuses_headers_that_are_not_the_authors_to_set(self, name: str) -> None:
        assert problem_of(headers={name: "x"}).pointer.startswith("/config/headers/")

    def test_says_that_secrets_are_not_there_yet(self) -> None:
        assert "later version" in problem_of(headers={"X-Key": "secret:KEY"}).message

    @pytest.mark.parametrize(
        "name",
        [
            "Authorization",
            "PROXY-AUTHORIZATION",
            "Cookie",
            "X-Auth",
            "X-Access-Token",
            "Client-Secret",
            "X-Password",
            "X-Credentials",
            "X-Api-Key",
            "apikey",
            "API_KEY",
        ],
    )
    def test_readers_of_tools_find_no_credentials_in_headers(self, name: str) -> None:
        problem = problem_of(headers={name: "Bearer x"})
        assert problem.pointer == f"/config/headers/{name}"
        assert "later version" in problem.message

    def test_one_header_is_refused_once(self) -> None:
        with pytest.raises(InvalidInputError) as caught:
            HttpTools(AddressGuard()).check(a_draft(headers={"Authorization": "Bearer x"}))
        assert len(caught.value.problems) == 1

    def test_a_place_needs_an_argument(self) -> None:
        problem = problem_of(url="https://api.example/{ident}")
        assert (problem.pointer, problem.code) == ("/config/url", "unknown_argument")

    def test_a_place_in_the_url_needs_a_required_argument(self) -> None:
        problem = problem_of(url="https://api.example/{id}/{note}")
        assert (problem.pointer, problem.code) == ("/config/url", "optional_argument")

    def test_a_place_in_the_body_needs_an_argument(self) -> None:
        problem = problem_of(body={"a": ["{nope}"]})
        assert (problem.pointer, problem.code) == ("/config/body", "unknown_argument")

    def test_get_has_no_body(self) -> None:
        assert "no body" in problem_of(method="GET", body=None).message

    def test_an_allowed_private_address_passes(self) -> None:
        draft = a_draft(url="http://127.0.0.1:9/")
        assert HttpTools(AddressGuard(["127.0.0.0/8"])).check(draft) is draft
