"""What every request gets, whatever it asks."""

from collections.abc import AsyncIterator

import httpx2
import pytest
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from aumos_agent_framework.api.middleware import MAX_BODY_BYTES, FaultBoundary, RequestScope
from tests.unit.api.conftest import Logs
from tests.unit.api.world import FailingTools, World


class TestRequestId:
    async def test_a_safe_one_is_kept(self, nobody: httpx2.AsyncClient) -> None:
        answer = await nobody.get("/live", headers={"X-Request-ID": "order-17/a:b+c=@d.e_f"})

        assert answer.headers["x-request-id"] == "order-17/a:b+c=@d.e_f"

    @pytest.mark.parametrize("offered", ["", "a" * 129, "two words", "semi;colon", '"quoted"', "grüße"])
    async def test_any_other_is_replaced(self, nobody: httpx2.AsyncClient, offered: str) -> None:
        answer = await nobody.get("/live", headers=[(b"X-Request-ID", offered.encode("latin-1"))])

        assert len(answer.headers["x-request-id"]) == 32

    async def test_each_request_gets_its_own(self, nobody: httpx2.AsyncClient) -> None:
        first, second = await nobody.get("/live"), await nobody.get("/live")

        assert first.headers["x-request-id"] != second.headers["x-request-id"]

    async def test_a_problem_names_it(self, nobody: httpx2.AsyncClient) -> None:
        answer = await nobody.get("/nowhere", headers={"X-Request-ID": "r-1"})

        assert answer.json()["request_id"] == answer.headers["x-request-id"] == "r-1"


class TestHeaders:
    @pytest.mark.parametrize("path", ["/live", "/nowhere", "/api/v1/tools"])
    async def test_every_answer_has_them(self, nobody: httpx2.AsyncClient, path: str) -> None:
        answer = await nobody.get(path)

        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["cache-control"] == "no-store"


class TestAccessLog:
    async def test_one_line_says_who_asked_what(self, dana: httpx2.AsyncClient, logs: Logs) -> None:
        await dana.get("/api/v1/tools?page_size=7", headers={"X-Request-ID": "r-2"})

        (line,) = [entry for entry in logs if entry["event"] == "request"]
        assert line.pop("duration_ms") >= 0
        assert line == {
            "event": "request",
            "log_level": "info",
            "method": "GET",
            "path": "/api/v1/tools",
            "status": 200,
            "request_id": "r-2",
            "tenant_id": "11111111-1111-7111-8111-111111111111",
            "subject": "dana",
        }

    async def test_control_characters_of_the_path_stay_encoded(self, nobody: httpx2.AsyncClient, logs: Logs) -> None:
        await nobody.get("/a%0Ab%1B%5B31m")

        assert logs[-1]["path"] == "/a%0Ab%1B%5B31m"

    async def test_neither_token_nor_body_nor_query_is_written(self, dana: httpx2.AsyncClient, logs: Logs) -> None:
        await dana.post("/api/v1/tools?secret=hunter2", json={"name": "hunter2"})

        assert logs
        assert "hunter2" not in repr(logs)
        assert "Bearer" not in repr(logs)

    async def test_the_next_request_does_not_inherit_the_caller(
        self, dana: httpx2.AsyncClient, nobody: httpx2.AsyncClient, logs: Logs
    ) -> None:
        await dana.get("/api/v1/tools")
        await nobody.get("/live")

        assert "subject" not in logs[-1]


class TestBodyLimit:
    async def test_a_declared_length_is_enough_to_refuse(self, dana: httpx2.AsyncClient) -> None:
        reads: list[bytes] = []

        async def body() -> AsyncIterator[bytes]:
            reads.append(b"{")
            yield b"{"

        headers = {"Content-Type": "application/json", "Content-Length": str(MAX_BODY_BYTES + 1)}
        answer = await dana.post("/api/v1/tools", content=body(), headers=headers)

        assert (answer.status_code, answer.json()["code"], reads) == (413, "input_too_large", [])

    async def test_a_body_in_chunks_is_counted(self, dana: httpx2.AsyncClient) -> None:
        sent = 0

        async def chunks() -> AsyncIterator[bytes]:
            nonlocal sent
            for _ in range(100):
                sent += 100_000
                yield b" " * 100_000

        answer = await dana.post("/api/v1/tools", content=chunks(), headers={"Content-Type": "application/json"})

        assert (answer.status_code, answer.json()["code"]) == (413, "input_too_large")
        assert sent < MAX_BODY_BYTES + 200_000

    async def test_the_largest_body_is_read(self, dana: httpx2.AsyncClient) -> None:
        body = b'{"name": 1}'.ljust(MAX_BODY_BYTES)

        answer = await dana.post("/api/v1/tools", content=body, headers={"Content-Type": "application/json"})

        assert answer.status_code == 422


class TestFaults:
    async def test_the_client_learns_the_request_id_and_nothing_else(
        self, world: World, dana: httpx2.AsyncClient, logs: Logs
    ) -> None:
        world.services.tools = FailingTools(RuntimeError("hunter2"))

        answer = await dana.get("/api/v1/tools/publish", headers={"X-Request-ID": "r-3"})

        assert answer.status_code == 500
        assert answer.headers["content-type"] == "application/problem+json"
        assert (answer.json()["code"], answer.json()["request_id"]) == ("internal_error", "r-3")
        assert "hunter2" not in answer.text
        (fault,) = [entry for entry in logs if entry["event"] == "request_failed"]
        assert (fault["request_id"], fault["subject"], fault["exc_info"]) == ("r-3", "dana", True)

    async def test_an_answer_that_has_begun_is_cut_off(self, logs: Logs) -> None:
        async def breaks_off(scope: Scope, receive: Receive, send: Send) -> None:
            await send({"type": "http.response.start", "status": 200, "headers": []})
            raise RuntimeError("half way")

        with pytest.raises(RuntimeError, match="half way"):
            await _call(RequestScope(FaultBoundary(breaks_off)))

        assert [entry["event"] for entry in logs] == ["request_failed", "request"]

    async def test_a_client_that_left_is_no_fault(self, logs: Logs) -> None:
        async def left(scope: Scope, receive: Receive, send: Send) -> None:
            raise ClientDisconnect

        assert await _call(RequestScope(FaultBoundary(left))) == []
        assert [(entry["event"], entry["status"]) for entry in logs] == [("request", 499)]

    @pytest.mark.parametrize("middleware", [RequestScope, FaultBoundary])
    async def test_other_traffic_passes_through(self, middleware: type[RequestScope | FaultBoundary]) -> None:
        seen: list[str] = []

        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            seen.append(scope["type"])

        await _call(middleware(app), scope_type="lifespan")

        assert seen == ["lifespan"]


async def _call(app: ASGIApp, scope_type: str = "http") -> list[Message]:
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Message) -> None:
        sent.append(message)

    await app({"type": scope_type, "method": "GET", "path": "/x", "headers": []}, receive, send)
    return sent
