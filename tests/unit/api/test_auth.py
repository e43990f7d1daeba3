"""Nobody gets in without a token, and a token leads to its own tenant only."""

from collections.abc import AsyncIterator

import httpx2
import pytest

from aumos_agent_framework.core.domain.identity import Caller
from aumos_agent_framework.core.errors import UnavailableError
from tests.factories import OTHER_TENANT, TENANT
from tests.unit.api.world import World

TOOLS = "/api/v1/tools"


class TestToken:
    async def test_without_one_the_answer_asks_for_it(self, nobody: httpx2.AsyncClient) -> None:
        answer = await nobody.get(TOOLS)

        assert (answer.status_code, answer.json()["code"]) == (401, "token_missing")
        assert answer.headers["www-authenticate"] == 'Bearer realm="aumos-agent-framework"'

    @pytest.mark.parametrize(
        "header",
        ["Bearer", "Bearer ", "dana", "Basic ZGFuYTpkYW5h", "Bearer dana dana", "Bearer dana, Bearer dana", ""],
    )
    async def test_a_malformed_header_is_refused(self, nobody: httpx2.AsyncClient, header: str) -> None:
        answer = await nobody.get(TOOLS, headers={"Authorization": header})

        assert (answer.status_code, answer.json()["code"]) == (401, "token_malformed")
        assert 'error="invalid_token"' in answer.headers["www-authenticate"]

    async def test_two_headers_are_refused(self, nobody: httpx2.AsyncClient) -> None:
        answer = await nobody.get(TOOLS, headers=[("Authorization", "Bearer dana"), ("Authorization", "Bearer pat")])

        assert answer.json()["code"] == "token_malformed"

    async def test_one_that_does_not_verify_is_refused(self, nobody: httpx2.AsyncClient) -> None:
        answer = await nobody.get(TOOLS, headers={"Authorization": "Bearer mallory"})

        assert (answer.status_code, answer.json()["code"]) == (401, "invalid_token")

    @pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
    async def test_the_scheme_is_case_insensitive(self, nobody: httpx2.AsyncClient, scheme: str) -> None:
        answer = await nobody.get(TOOLS, headers={"Authorization": f"{scheme} dana"})

        assert answer.status_code == 200

    async def test_unreadable_keys_are_not_the_clients_fault(self, world: World, dana: httpx2.AsyncClient) -> None:
        world.services.verifier = BlindVerifier()

        answer = await dana.get(TOOLS)

        assert (answer.status_code, answer.json()["code"]) == (503, "issuer_unavailable")
        assert answer.headers["retry-after"] == "5"


class TestOrder:
    async def test_a_stranger_cannot_make_the_service_read(self, nobody: httpx2.AsyncClient) -> None:
        reads: list[bytes] = []

        async def body() -> AsyncIterator[bytes]:
            reads.append(b"{")
            yield b"{"

        answer = await nobody.post(TOOLS, content=body(), headers={"Content-Type": "application/json"})

        assert (answer.status_code, reads) == (401, [])

    @pytest.mark.parametrize("body", [b"{", b"[" * 10_000, b"{}"])
    async def test_a_stranger_learns_nothing_of_the_body(self, nobody: httpx2.AsyncClient, body: bytes) -> None:
        answer = await nobody.post(TOOLS, content=body, headers={"Content-Type": "text/plain"})

        assert answer.status_code == 401


class TestTenantHeader:
    async def test_the_tokens_own_tenant_is_fine(self, dana: httpx2.AsyncClient) -> None:
        answer = await dana.get(TOOLS, headers={"X-Tenant-ID": str(TENANT).upper()})

        assert answer.status_code == 200

    @pytest.mark.parametrize("named", [str(OTHER_TENANT), "", "not-a-uuid"])
    async def test_any_other_is_refused(self, dana: httpx2.AsyncClient, named: str) -> None:
        answer = await dana.get(TOOLS, headers={"X-Tenant-ID": named})

        assert (answer.status_code, answer.json()["code"]) == (403, "tenant_mismatch")

    async def test_one_of_two_is_enough_to_refuse(self, dana: httpx2.AsyncClient) -> None:
        answer = await dana.get(TOOLS, headers=[("X-Tenant-ID", str(TENANT)), ("X-Tenant-ID", str(OTHER_TENANT))])

        assert answer.status_code == 403


class BlindVerifier:
    """See ``TokenVerifier``: the issuer's keys were never read."""

    async def verify(self, token: str) -> Caller:
        raise UnavailableError("issuer_unavailable", "The issuer does not answer.")
