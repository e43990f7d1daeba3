"""One issuer for all tests of this area: its keys take a second to make and no test changes them."""

from collections.abc import AsyncIterator

import httpx2
import pytest

from aumos_agent_framework.adapters.auth.verifier import JwksVerifier
from tests.fakes.clock import FakeClock
from tests.unit.auth.tokens import AUDIENCE, ISSUER, JWKS_URL, ROLE_LEVELS, Issuer


@pytest.fixture(scope="session")
def issuer() -> Issuer:
    return Issuer()


@pytest.fixture
def requests_seen() -> list[str]:
    """Every address that the verifier asked."""
    return []


@pytest.fixture
async def verifier(issuer: Issuer, requests_seen: list[str]) -> AsyncIterator[JwksVerifier]:
    document = issuer.key_set()

    def answer(request: httpx2.Request) -> httpx2.Response:
        requests_seen.append(str(request.url))
        return httpx2.Response(200, content=document)

    async with (
        httpx2.AsyncClient(transport=httpx2.MockTransport(answer)) as client,
        JwksVerifier(
            issuer=ISSUER,
            audience=AUDIENCE,
            jwks_url=JWKS_URL,
            role_levels=ROLE_LEVELS,
            clock=FakeClock(),
            client=client,
        ) as verifier,
    ):
        yield verifier
