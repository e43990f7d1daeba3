"""HTTP tools over real sockets."""

import asyncio
import gzip
import ssl
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from aumos_agent_framework.adapters.tools.address_guard import AddressGuard, Resolver
from aumos_agent_framework.adapters.tools.http import HttpTools
from aumos_agent_framework.adapters.tools.results import MAX_RESULT_BYTES
from aumos_agent_framework.core.domain.tools import (
    Tool,
    ToolCallContext,
    ToolIdempotency,
    ToolOutcome,
    ToolOutcomeKind,
)
from aumos_agent_framework.core.types import EffectId
from tests.factories import TENANT, make_tool, new_id
from tests.integration.tools.http_server import RawServer, Say, raw_server

DONE, ERROR, RETRYABLE, UNKNOWN = (
    ToolOutcomeKind.DONE,
    ToolOutcomeKind.ERROR,
    ToolOutcomeKind.RETRYABLE,
    ToolOutcomeKind.UNKNOWN,
)
NONE, KEY, IDEMPOTENT = ToolIdempotency.NONE, ToolIdempotency.KEY, ToolIdempotency.IDEMPOTENT
AFTER_SENDING = [(NONE, UNKNOWN), (KEY, RETRYABLE), (IDEMPOTENT, RETRYABLE)]
LOOPBACK = ("127.0.0.0/8",)


@pytest.fixture
async def server() -> AsyncIterator[RawServer]:
    async with raw_server() as server:
        yield server


@pytest.fixture
def tools() -> HttpTools:
    return HttpTools(AddressGuard(LOOPBACK))


def a_context() -> ToolCallContext:
    return ToolCallContext(TENANT, EffectId(new_id()), 1)


def a_tool(server: RawServer, idempotency: ToolIdempotency = NONE, **config: Any) -> Tool:
    base = {"type": "http", "method": "POST", "url": f"http://127.0.0.1:{server.port}/do", "timeout": 5}
    return make_tool(idempotency=idempotency, config=base | config)


def resolving(*answers: Sequence[str]) -> Resolver:
    """Resolve to the next answer at each look-up."""
    remaining = list(answers)

    async def resolve(host: str, port: int) -> Sequence[str]:
        return remaining.pop(0)

    return resolve


async def unknown_name(host: str, port: int) -> Sequence[str]:
    raise OSError("Name or service not known")


async def call(tools: HttpTools, tool: Tool, **arguments: Any) -> ToolOutcome:
    return await tools.call(tool, arguments, a_context())


class TestAnswers:
    async def test_json_becomes_the_result(self, tools: HttpTools, server: RawServer) -> None:
        server.answer("200 OK", b'{"id": 7}')
        assert await call(tools, a_tool(server), name="x") == ToolOutcome(DONE, result={"id": 7})

    async def test_the_request_says_who_and_which(self, tools: HttpTools, server: RawServer) -> None:
        server.answer("200 OK", b"{}")
        context = replace(a_context(), traceparent="00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
        await tools.call(a_tool(server, headers={"X-Version": "2"}), {"name": "x"}, context)
        request = server.requests[0]
        assert request.line == "POST /do HTTP/1.1"
        assert request.body == b'{"name":"x"}'
        expected = {
            "host": f"127.0.0.1:{server.port}",
            "idempotency-key": str(context.effect_id),
            "x-tenant-id": str(TENANT),
            "traceparent": str(context.traceparent),
            "content-type": "application/json",
            "x-version": "2",
        }
        assert expected.items() <= request.headers.items()

    async def test_text_becomes_text(self, tools: HttpTools, server: RawServer) -> None:
        server.answer("200 OK", b"hello", "text/plain")
        assert (await call(tools, a_tool(server))).result == "hello"

    async def test_no_content_is_none(self, tools: HttpTools, server: RawServer) -> None:
        server.answer_raw(b"HTTP/1.1 204 No Content\r\n\r\n")
        assert await call(tools, a_tool(server)) == ToolOutcome(DONE)

    async def test_early_hints_are_passed_over(self, tools: HttpTools, server: RawServer) -> None:
        server.answer_raw(b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx")
        assert (await call(tools, a_tool(server))).result == "x"

    async def test_packed_answers_are_unpacked(self, tools: HttpTools, server: RawServer) -> None:
        server.answer("200 OK", gzip.compress(b'["packed"]'), Content_Encoding="gzip")
        assert (await call(tools, a_tool(server))).result == ["packed"]

    async def test_each_call_has_a_connection_of_its_own(self, tools: HttpTools, server: RawServer) -> None:
        server.answer("200 OK", b"1")
        await call(tools, a_tool(server))
        await call(tools, a_tool(server))
        assert server.connections == 2

    async def test_proxies_of_the_environment_are_not_used(
        self, tools: HttpTools, server: RawServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
            monkeypatch.setenv(name, "http://127.0.0.1:1")
        server.answer("200 OK", b"1")
        assert (await call(tools, a_tool(server))).kind is DONE


class TestRefusals:
    @pytest.mark.parametrize("idempotency", [NONE, KEY, IDEMPOTENT])
    async def test_a_4xx_is_an_error_that_the_agent_sees(
        self, tools: HttpTools, server: RawServer, idempotency: ToolIdempotency
    ) -> None:
        server.answer("422 Unprocessable", b'{"detail": "no such currency"}')
        outcome = await call(tools, a_tool(server, idempotency))
        assert outcome.kind is ERROR
        assert "422" in outcome.message
        assert "no such currency" in outcome.message

    async def test_its_excerpt_is_bounded(self, tools: HttpTools, server: RawServer) -> None:
        server.answer("400 Bad Request", b"x" * 100_000, "text/plain")
        outcome = await call(tools, a_tool(server))
        assert outcome.kind is ERROR
        assert len(outcome.message) < 700

    async def test_a_4xx_stays_an_error_when_its_body_never_ends(self, tools: HttpTools, server: RawServer) -> None:
        async def endless(say: Say) -> None:
            await say(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 100\r\n\r\nno")
            await asyncio.sleep(30)

        server.behaviour = endless
        outcome = await call(tools, a_tool(server, timeout=0.3))
        assert (outcome.kind, "403" in outcome.message) == (ERROR, True)

    async def test_redirects_are_not_followed(self, tools: HttpTools, server: RawServer) -> None:
        server.answer("302 Found", Location=f"http://127.0.0.1:{server.port}/elsewhere")
        outcome = await call(tools, a_tool(server))
        assert (outcome.kind, "redirects" in outcome.message) == (ERROR, True)
        assert [request.line for request in server.requests] == ["POST /do HTTP/1.1"]

    @pytest.mark.parametrize("idempotency", [NONE, KEY, IDEMPOTENT])
    async def test_429_may_be_repeated_by_every_tool(
        self, tools: HttpTools, server: RawServer, idempotency: ToolIdempotency
    ) -> None:
        server.answer("429 Too Many Requests")
        assert (await call(tools, a_tool(server, idempotency))).kind is RETRYABLE

    async def test_bad_arguments_send_nothing(self, tools: HttpTools, server: RawServer) -> None:
        tool = a_tool(server, url=f"http://127.0.0.1:{server.port}/{{id}}")
        outcome = await call(tools, tool, id="../admin")
        assert (outcome.kind, server.connections) == (ERROR, 0)

    async def test_a_configuration_of_another_version_sends_nothing(self, tools: HttpTools, server: RawServer) -> None:
        outcome = await call(tools, a_tool(server, retries=3))
        assert (outcome.kind, server.connections) == (ERROR, 0)


@pytest.mark.parametrize(("idempotency", "expected"), AFTER_SENDING)
class TestFaultsAfterSending:
    @pytest.mark.parametrize("status", ["500 Internal Server Error", "502 Bad Gateway", "503 Service Unavailable"])
    async def test_5xx(
        self, tools: HttpTools, server: RawServer, status: str, idempotency: ToolIdempotency, expected: ToolOutcomeKind
    ) -> None:
        server.answer(status)
        assert (await call(tools, a_tool(server, idempotency))).kind is expected

    @pytest.mark.parametrize(
        "raw",
        [
            b"",
            b"HTTP/1.1 200 OK\r\nContent-Le",
            b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf",
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
            b"this is not HTTP\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nA: " + b"x" * 200_000,
        ],
        ids=["hang-up", "half-head", "half-body", "no-last-chunk", "no-http", "huge-head"],
    )
    async def test_answers_that_break_off(
        self, tools: HttpTools, server: RawServer, raw: bytes, idempotency: ToolIdempotency, expected: ToolOutcomeKind
    ) -> None:
        server.answer_raw(raw)
        assert (await call(tools, a_tool(server, idempotency))).kind is expected

    async def test_no_answer_in_time(
        self, tools: HttpTools, server: RawServer, idempotency: ToolIdempotency, expected: ToolOutcomeKind
    ) -> None:
        async def silence(say: Say) -> None:
            await asyncio.sleep(30)

        server.behaviour = silence
        started = time.monotonic()
        assert (await call(tools, a_tool(server, idempotency, timeout=0.2))).kind is expected
        assert time.monotonic() - started < 2

    async def test_a_body_that_drips(
        self, tools: HttpTools, server: RawServer, idempotency: ToolIdempotency, expected: ToolOutcomeKind
    ) -> None:
        async def drip(say: Say) -> None:
            await say(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n")
            for _ in range(100):
                await say(b".")
                await asyncio.sleep(0.05)

        server.behaviour = drip
        started = time.monotonic()
        assert (await call(tools, a_tool(server, idempotency, timeout=0.3))).kind is expected
        assert time.monotonic() - started < 2


@pytest.mark.parametrize("idempotency", [NONE, KEY, IDEMPOTENT])
class TestFaultsBeforeSending:
    async def test_nobody_listens(self, tools: HttpTools, server: RawServer, idempotency: ToolIdempotency) -> None:
        outcome = await call(tools, a_tool(server, idempotency, url="http://127.0.0.1:1/"))
        assert (outcome.kind, "nothing was sent" in outcome.message) == (RETRYABLE, True)

    async def test_the_name_does_not_resolve(self, server: RawServer, idempotency: ToolIdempotency) -> None:
        tools = HttpTools(AddressGuard(resolve=unknown_name))
        outcome = await call(tools, a_tool(server, idempotency, url="http://gone.example/"))
        assert (outcome.kind, "does not resolve" in outcome.message) == (RETRYABLE, True)

    async def test_the_name_server_is_silent(self, server: RawServer, idempotency: ToolIdempotency) -> None:
        async def silent(host: str, port: int) -> Sequence[str]:
            await asyncio.sleep(30)
            return ["127.0.0.1"]

        tools = HttpTools(AddressGuard(resolve=silent))
        assert (
            await call(tools, a_tool(server, idempotency, url="http://slow.example/", timeout=0.2))
        ).kind is RETRYABLE


class TestSizes:
    async def test_a_large_answer_is_dropped_while_it_arrives(self, tools: HttpTools, server: RawServer) -> None:
        async def endless(say: Say) -> None:
            await say(b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\n")
            while not server.gone.is_set():
                await say(b"x" * 65_536)

        server.behaviour = endless
        outcome = await call(tools, a_tool(server))
        assert (outcome.kind, outcome.result) == (DONE, None)
        assert "larger than" in outcome.message
        assert "took place" in outcome.message

    async def test_a_bomb_is_dropped(self, tools: HttpTools, server: RawServer) -> None:
        server.answer("200 OK", gzip.compress(b" " * 50_000_000), Content_Encoding="gzip")
        assert "larger than" in (await call(tools, a_tool(server))).message

    async def test_the_largest_answer_passes(self, tools: HttpTools, server: RawServer) -> None:
        server.answer("200 OK", b"x" * MAX_RESULT_BYTES, "text/plain")
        outcome = await call(tools, a_tool(server))
        assert (outcome.kind, len(outcome.result)) == (DONE, MAX_RESULT_BYTES)

    async def test_invalid_json_leaves_a_call_that_took_place(self, tools: HttpTools, server: RawServer) -> None:
        server.answer("201 Created", b"{")
        outcome = await call(tools, a_tool(server))
        assert (outcome.kind, outcome.result, "took place" in outcome.message) == (DONE, None, True)


class TestAddresses:
    async def test_loopback_is_refused_unless_allowed(self, server: RawServer) -> None:
        outcome = await call(HttpTools(AddressGuard()), a_tool(server))
        assert (outcome.kind, "not a public address" in outcome.message) == (ERROR, True)
        assert server.connections == 0

    async def test_a_name_that_leads_inside_is_refused(self, server: RawServer) -> None:
        tools = HttpTools(AddressGuard(resolve=resolving(["127.0.0.1"])))
        outcome = await call(tools, a_tool(server, url=f"http://innocent.example:{server.port}/"))
        assert (outcome.kind, server.connections) == (ERROR, 0)

    async def test_a_call_looks_up_once_and_connects_to_what_was_checked(self, server: RawServer) -> None:
        server.answer("200 OK", b"1")
        tools = HttpTools(AddressGuard(LOOPBACK, resolving(["127.0.0.1"], ["10.0.0.1"])))
        tool = a_tool(server, url=f"http://changing.example:{server.port}/")
        first, second = await call(tools, tool), await call(tools, tool)
        assert (first.kind, second.kind) == (DONE, ERROR)
        assert server.connections == 1
        assert server.requests[0].headers["host"] == f"changing.example:{server.port}"

    async def test_the_next_address_is_tried_when_one_does_not_answer(self, server: RawServer) -> None:
        server.answer("200 OK", b"1")
        tools = HttpTools(AddressGuard(LOOPBACK, resolving(["127.0.0.2", "127.0.0.1"])))
        assert (await call(tools, a_tool(server, url=f"http://two.example:{server.port}/"))).kind is DONE

    async def test_the_systems_resolver_is_used_and_checked(self, server: RawServer) -> None:
        server.answer("200 OK", b"1")
        tool = a_tool(server, url=f"http://localhost:{server.port}/")
        assert (await call(HttpTools(AddressGuard(["localhost"])), tool)).kind is DONE
        assert (await call(HttpTools(AddressGuard()), tool)).kind is ERROR


class TestCancellation:
    async def test_it_passes_through_and_hangs_up(self, tools: HttpTools, server: RawServer) -> None:
        asked = asyncio.Event()

        async def until_hung_up(say: Say) -> None:
            asked.set()
            while True:
                await say(b"HTTP/1.1 103 Early Hints\r\n\r\n")
                await asyncio.sleep(0.01)

        server.behaviour = until_hung_up
        task = asyncio.create_task(call(tools, a_tool(server)))
        await asyncio.wait_for(asked.wait(), 5)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await asyncio.wait_for(server.gone.wait(), 5)


def a_certificate(directory: Path, name: str) -> Path:
    """Write a self-signed certificate with its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = directory / "certificate.pem"
    path.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        + certificate.public_bytes(serialization.Encoding.PEM)
    )
    return path


class TestTls:
    async def test_the_name_stays_on_the_connection_to_the_checked_address(self, tmp_path: Path) -> None:
        certificate = a_certificate(tmp_path, "tool.example")
        served = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        served.load_cert_chain(certificate)
        tools = HttpTools(
            AddressGuard(LOOPBACK, resolving(["127.0.0.1"])), ssl.create_default_context(cafile=str(certificate))
        )
        async with raw_server(served) as server:
            server.answer("200 OK", b"1")
            outcome = await call(tools, a_tool(server, url=f"https://tool.example:{server.port}/"))
        assert outcome.kind is DONE
        assert server.server_names == ["tool.example"]

    async def test_a_certificate_of_another_name_sends_nothing(self, tmp_path: Path) -> None:
        certificate = a_certificate(tmp_path, "other.example")
        served = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        served.load_cert_chain(certificate)
        tools = HttpTools(
            AddressGuard(LOOPBACK, resolving(["127.0.0.1"])), ssl.create_default_context(cafile=str(certificate))
        )
        async with raw_server(served) as server:
            outcome = await call(tools, a_tool(server, url=f"https://tool.example:{server.port}/"))
        assert (outcome.kind, server.requests) == (RETRYABLE, [])
        assert "nothing was sent" in outcome.message
