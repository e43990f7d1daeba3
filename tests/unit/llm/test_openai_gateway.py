"""What goes over the wire to a model server, and what its refusals become."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import httpx2
import pytest

from aumos_agent_framework.adapters.llm.openai_gateway import MAX_ANSWER_BYTES, OpenAiGateway
from aumos_agent_framework.core.errors import ModelError
from tests.unit.llm.commands import TENANT, ask

BODY = {"choices": [{"message": {"role": "assistant", "content": "hi"}, "finish_reason": "stop"}]}

Answer = Callable[[httpx2.Request], httpx2.Response] | Callable[[httpx2.Request], Awaitable[httpx2.Response]]


def _gateway(answer: Any, **changes: Any) -> OpenAiGateway:
    good: dict[str, Any] = {
        "base_url": "http://models.example",
        "token": "t0ken",
        "client": httpx2.AsyncClient(transport=httpx2.MockTransport(answer)),
        "timeout_seconds": 30.0,
    }
    return OpenAiGateway(**good | changes)


def _always(status: int, body: Any = None, **headers: str) -> Callable[[httpx2.Request], httpx2.Response]:
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    return lambda _: httpx2.Response(status, json=body or {}, headers=names)


async def _error(answer: Any, **changes: Any) -> ModelError:
    with pytest.raises(ModelError) as caught:
        await _gateway(answer, **changes).complete(ask())
    return caught.value


class TestRequest:
    async def test_carries_token_tenant_and_body(self) -> None:
        seen: list[httpx2.Request] = []

        def answer(request: httpx2.Request) -> httpx2.Response:
            seen.append(request)
            return httpx2.Response(200, json=BODY)

        turn = await _gateway(answer).complete(ask())

        (request,) = seen
        assert turn.text == "hi"
        assert request.method == "POST"
        assert request.headers["Authorization"] == "Bearer t0ken"
        assert request.headers["X-Tenant-ID"] == str(TENANT)
        assert request.headers["Content-Type"] == "application/json"
        assert json.loads(request.content)["model"] == "scripted"

    async def test_without_a_token_nothing_is_authorised(self) -> None:
        def answer(request: httpx2.Request) -> httpx2.Response:
            assert "Authorization" not in request.headers
            return httpx2.Response(200, json=BODY)

        assert (await _gateway(answer, token=None).complete(ask())).text == "hi"

    @pytest.mark.parametrize(
        ("base_url", "asked"),
        [
            ("http://models.example", "http://models.example/v1/chat/completions"),
            ("http://models.example/", "http://models.example/v1/chat/completions"),
            ("https://models.example:8443/v1/", "https://models.example:8443/v1/chat/completions"),
            ("http://models.example/api/llm", "http://models.example/api/llm/chat/completions"),
            ("http://models.example/x?api-version=1", "http://models.example/x/chat/completions?api-version=1"),
        ],
    )
    async def test_goes_to(self, base_url: str, asked: str) -> None:
        def answer(request: httpx2.Request) -> httpx2.Response:
            assert str(request.url) == asked
            return httpx2.Response(200, json=BODY)

        assert (await _gateway(answer, base_url=base_url).complete(ask())).text == "hi"


class TestRefusal:
    @pytest.mark.parametrize(
        ("status", "code", "retryable"),
        [
            (302, "model_refused", False),
            (400, "model_refused", False),
            (401, "model_unauthorized", False),
            (403, "model_unauthorized", False),
            (404, "model_not_found", False),
            (408, "model_timeout", True),
            (409, "model_busy", True),
            (422, "model_refused", False),
            (429, "model_rate_limited", True),
            (500, "model_unavailable", True),
            (503, "model_unavailable", True),
            (504, "model_timeout", True),
            (529, "model_unavailable", True),
            (599, "model_unavailable", True),
        ],
    )
    async def test_status_decides(self, status: int, code: str, retryable: bool) -> None:  # noqa: FBT001 - a table's column
        error = await _error(_always(status))

        assert (error.code, error.retryable) == (code, retryable)
        assert str(status) in error.message

    @pytest.mark.parametrize(
        "body",
        [{"error": {"message": "too hot"}}, {"error": "too hot"}, {"message": "too hot"}, {"detail": "too hot"}],
        ids=str,
    )
    async def test_says_what_the_server_says(self, body: Any) -> None:
        assert (await _error(_always(400, body))).message == "The model server answered 400: too hot"

    @pytest.mark.parametrize("content", [b"", b"<html>", b"[]", b'{"error": 5}', b'{"error": {"message": null}}'])
    async def test_needs_nothing_said(self, content: bytes) -> None:
        error = await _error(lambda _: httpx2.Response(500, content=content))

        assert error.message == "The model server answered 500."

    async def test_does_not_repeat_a_credential(self) -> None:
        error = await _error(_always(401, {"error": {"message": "Incorrect key: t0ken"}}))

        assert "t0ken" not in error.message

    async def test_long_and_unprintable_messages_are_tamed(self) -> None:
        error = await _error(_always(400, {"error": {"message": "a\r\nb\x1b[31m" + "x" * 9_000}}))

        assert error.message.isprintable()
        assert len(error.message) < 600

    @pytest.mark.parametrize(
        ("value", "seconds"),
        [
            ("7", 7.0),
            ("0.5", 0.5),
            ("0", 0.0),
            ("-3", 0.0),
            ("999999999", 3600.0),
            ("Sun, 22 Nov 2026 12:00:30 GMT", 30.0),
            ("Sun, 22 Nov 2026 11:00:00 GMT", 0.0),
            ("soon", None),
            ("", None),
            ("nan", None),
            ("inf", None),
        ],
    )
    async def test_retry_after_is_read(self, value: str, seconds: float | None) -> None:
        error = await _error(_always(429, Retry_After=value, Date="Sun, 22 Nov 2026 12:00:00 GMT"))

        assert error.retry_after_seconds == seconds

    async def test_retry_after_a_date_needs_the_servers_clock(self) -> None:
        error = await _error(_always(503, Retry_After="Sun, 22 Nov 2026 12:00:30 GMT"))

        assert error.retry_after_seconds is None

    async def test_redirect_is_not_followed(self) -> None:
        seen: list[str] = []

        def answer(request: httpx2.Request) -> httpx2.Response:
            seen.append(request.url.host)
            return httpx2.Response(307, headers={"Location": "http://elsewhere.example/"})

        client = httpx2.AsyncClient(transport=httpx2.MockTransport(answer), follow_redirects=True)

        assert (await _error(answer, client=client)).code == "model_refused"
        assert seen == ["models.example"]


class TestFault:
    @pytest.mark.parametrize(
        "fault",
        [httpx2.ConnectError, httpx2.ReadError, httpx2.WriteError, httpx2.RemoteProtocolError, httpx2.ProxyError],
    )
    async def test_connection_fault_may_be_tried_again(self, fault: type[httpx2.RequestError]) -> None:
        def answer(request: httpx2.Request) -> httpx2.Response:
            raise fault("secret detail", request=request)

        error = await _error(answer)

        assert (error.code, error.retryable) == ("model_unreachable", True)
        assert "secret" not in error.message

    async def test_client_timeout_is_a_timeout(self) -> None:
        def answer(request: httpx2.Request) -> httpx2.Response:
            raise httpx2.ReadTimeout("", request=request)

        error = await _error(answer)

        assert (error.code, error.retryable) == ("model_timeout", True)

    async def test_answer_that_never_comes_is_a_timeout(self) -> None:
        async def answer(_: httpx2.Request) -> httpx2.Response:
            await asyncio.Event().wait()
            raise AssertionError

        error = await _error(answer, timeout_seconds=0.02)

        assert (error.code, error.retryable) == ("model_timeout", True)

    async def test_answer_that_trickles_is_a_timeout(self) -> None:
        async def trickle() -> AsyncIterator[bytes]:
            yield b" "
            await asyncio.Event().wait()

        error = await _error(lambda _: httpx2.Response(200, content=trickle()), timeout_seconds=0.02)

        assert error.code == "model_timeout"

    async def test_cancellation_passes_through(self) -> None:
        asked = asyncio.Event()

        async def answer(_: httpx2.Request) -> httpx2.Response:
            asked.set()
            await asyncio.Event().wait()
            raise AssertionError

        task = asyncio.create_task(_gateway(answer).complete(ask()))
        await asked.wait()
        task.cancel()

        with pytest.raises(asyncio.CancelledError):
            await task

    @pytest.mark.parametrize("status", [200, 500])
    async def test_endless_answer_is_cut_off(self, status: int) -> None:
        sent = 0

        async def endless() -> AsyncIterator[bytes]:
            nonlocal sent
            while True:
                sent += 1_000_000
                yield b" " * 1_000_000

        error = await _error(lambda _: httpx2.Response(status, content=endless()))

        assert error.code == "model_answer_too_large"
        assert sent < MAX_ANSWER_BYTES + 2_000_000

    async def test_answer_compressed_unasked_is_not_unfolded(self) -> None:
        async def compressed() -> AsyncIterator[bytes]:
            yield b"\x1f\x8b"

        error = await _error(lambda _: httpx2.Response(200, content=compressed(), headers={"Content-Encoding": "gzip"}))

        assert error.code == "model_answer_invalid"


class TestConstruction:
    @pytest.mark.parametrize("base_url", ["", "models.example", "ftp://models.example", "http://", "http://[::1"])
    def test_refuses_an_address_that_is_none(self, base_url: str) -> None:
        with pytest.raises(ValueError, match="address is no"):
            _gateway(_always(200), base_url=base_url)

    @pytest.mark.parametrize("token", ["a b", "line\n", "t\u00f6ken", "nul\x00"])
    def test_refuses_a_token_that_fits_no_header(self, token: str) -> None:
        with pytest.raises(ValueError, match="token") as caught:
            _gateway(_always(200), token=token)

        assert token not in str(caught.value)
