"""Every refusal is a problem body with the right status."""

import httpx2
import pytest
from starlette.types import Scope

from aumos_agent_framework.api.errors import STATUS, STATUS_OF_CODE, status_of
from aumos_agent_framework.api.problems import MAX_ERRORS, problem_response
from aumos_agent_framework.core.errors import (
    AgfError,
    ConflictError,
    ForbiddenError,
    InvalidInputError,
    ModelError,
    NotFoundError,
    Problem,
    UnauthenticatedError,
    UnavailableError,
)
from tests.unit.api.world import FailingTools, World

JSON = {"Content-Type": "application/json"}
TOOLS = "/api/v1/tools"


class TestTable:
    @pytest.mark.parametrize(
        ("error", "status"),
        [
            (InvalidInputError("m", ()), 422),
            (InvalidInputError("m", (), code="idempotency_key_reused"), 422),
            (InvalidInputError("m", (), code="input_too_large"), 413),
            (InvalidInputError("m", (), code="malformed_json"), 400),
            (InvalidInputError("m", (), code="unsupported_media_type"), 415),
            (NotFoundError("tool", "x"), 404),
            (UnauthenticatedError("c", "m"), 401),
            (ForbiddenError("c", "m"), 403),
            (ConflictError("c", "m"), 409),
            (ConflictError("input_too_large", "m"), 409),
            (UnavailableError("c", "m"), 503),
        ],
        ids=lambda value: f"{type(value).__name__} {getattr(value, 'code', value)}",
    )
    def test_each_class_has_its_status(self, error: AgfError, status: int) -> None:
        assert status_of(error) == status

    def test_every_class_that_a_service_may_raise_to_a_client_is_in_it(self) -> None:
        kinds = {kind for kind in AgfError.__subclasses__() if kind.__module__ == AgfError.__module__}

        assert kinds - set(STATUS) == {ModelError}  # a run's own affair; it never reaches a request

    def test_what_is_not_in_it_is_a_fault_of_ours(self) -> None:
        assert status_of(ModelError("c", "m", retryable=True)) is None

    def test_codes_with_a_status_of_their_own(self) -> None:
        assert set(STATUS_OF_CODE) == {"malformed_json", "input_too_large", "unsupported_media_type"}


class TestBody:
    def test_has_every_member(self) -> None:
        scope: Scope = {"path": "/a b", "raw_path": b"/a%20b", "state": {"request_id": "r-1"}}

        answer = problem_response(
            scope,
            status=409,
            code="name_taken",
            detail="Choose another.",
            errors=[Problem("/name", "Taken.", "taken", "Try x2.")],
            headers={"X-More": "1"},
            extensions={"until": 3},
        )

        assert httpx2.Response(200, content=bytes(answer.body)).json() == {
            "type": "urn:aumos:agf:problem:name_taken",
            "title": "Name taken",
            "status": 409,
            "detail": "Choose another.",
            "instance": "/a%20b",
            "code": "name_taken",
            "request_id": "r-1",
            "until": 3,
            "errors": [{"pointer": "/name", "message": "Taken.", "code": "taken", "hint": "Try x2."}],
        }
        assert (answer.media_type, answer.headers["x-more"]) == ("application/problem+json", "1")

    def test_a_flood_of_places_is_cut_short(self) -> None:
        scope: Scope = {"path": "/", "state": {"request_id": "r-1"}}

        answer = problem_response(
            scope, status=422, code="c", detail="d", errors=[Problem("", "m", "c")] * (MAX_ERRORS + 1)
        )

        assert len(httpx2.Response(200, content=bytes(answer.body)).json()["errors"]) == MAX_ERRORS


class TestRouting:
    @pytest.mark.parametrize("path", ["/", "/nowhere", "/api/v1", "/api/v1/nowhere", "/api/v1/tools/", "/metrics"])
    async def test_an_unknown_path(self, dana: httpx2.AsyncClient, path: str) -> None:
        answer = await dana.get(path)

        assert answer.status_code == 404
        assert answer.headers["content-type"] == "application/problem+json"
        assert (answer.json()["code"], answer.json()["instance"]) == ("not_found", path)

    @pytest.mark.parametrize(
        ("method", "path", "allowed"),
        [
            ("DELETE", "/api/v1/tools", "GET, POST"),
            ("PUT", "/api/v1/tools/x", "GET, PATCH"),
            ("GET", "/api/v1/agents/x/invoke", "POST"),
            ("POST", "/live", "GET"),
            ("TRACE", "/api/v1/workflows/x", "GET, PUT"),
        ],
    )
    async def test_a_wrong_method_names_the_right_ones(
        self, dana: httpx2.AsyncClient, method: str, path: str, allowed: str
    ) -> None:
        answer = await dana.request(method, path)

        assert (answer.status_code, answer.json()["code"]) == (405, "method_not_allowed")
        assert answer.headers["allow"] == allowed


class TestContent:
    @pytest.mark.parametrize(
        "content_type",
        ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "json", ""],
    )
    async def test_a_wrong_type(self, dana: httpx2.AsyncClient, content_type: str) -> None:
        answer = await dana.post(TOOLS, content=b"{}", headers={"Content-Type": content_type})

        assert (answer.status_code, answer.json()["code"]) == (415, "unsupported_media_type")

    async def test_no_type(self, dana: httpx2.AsyncClient) -> None:
        answer = await dana.post(TOOLS, content=b"{}")

        assert answer.status_code == 415

    @pytest.mark.parametrize("content_type", ["application/json; charset=utf-8", "application/merge-patch+json"])
    async def test_a_right_type(self, dana: httpx2.AsyncClient, content_type: str) -> None:
        answer = await dana.post(TOOLS, content=b"{}", headers={"Content-Type": content_type})

        assert answer.status_code == 422

    @pytest.mark.parametrize(
        "body", [b"{", b"[" * 10_000, b'{"name": NaN}', b"\xff"], ids=["cut", "deep", "NaN", "bytes"]
    )
    async def test_malformed_json(self, dana: httpx2.AsyncClient, body: bytes) -> None:
        answer = await dana.post(TOOLS, content=body, headers=JSON)

        assert (answer.status_code, answer.json()["code"]) == (400, "malformed_json")

    @pytest.mark.parametrize(
        ("body", "pointer"),
        [
            (rb'{"name": "a\u0000"}', "/name"),
            (rb'{"name": "\ud800"}', "/name"),
            (b'{"config": {"n": 99999999999999999999}}', "/config/n"),
        ],
        ids=["NUL", "surrogate", "huge"],
    )
    async def test_values_that_cannot_be_kept(self, dana: httpx2.AsyncClient, body: bytes, pointer: str) -> None:
        answer = await dana.post(TOOLS, content=body, headers=JSON)

        assert answer.status_code == 422
        assert [place["pointer"] for place in answer.json()["errors"]] == [pointer]

    @pytest.mark.parametrize("body", [b"", b"null", b"[]", b'"text"', b"7", b"true"])
    async def test_a_body_that_is_no_object(self, dana: httpx2.AsyncClient, body: bytes) -> None:
        answer = await dana.post(TOOLS, content=body, headers=JSON)

        assert answer.status_code == 422
        assert [place["pointer"] for place in answer.json()["errors"]] == [""]


class TestFaults:
    async def test_an_error_that_is_not_for_clients(self, world: World, dana: httpx2.AsyncClient) -> None:
        world.services.tools = FailingTools(ModelError("model_timeout", "hunter2", retryable=True))

        answer = await dana.get(f"{TOOLS}/x")

        assert (answer.status_code, answer.json()["code"]) == (500, "internal_error")
        assert "hunter2" not in answer.text

    async def test_when_to_come_back(self, world: World, dana: httpx2.AsyncClient) -> None:
        world.services.tools = FailingTools(
            UnavailableError("database_unavailable", "The database is away.", retry_after_seconds=7)
        )

        answer = await dana.get(f"{TOOLS}/x")

        assert (answer.status_code, answer.headers["retry-after"]) == (503, "7")
