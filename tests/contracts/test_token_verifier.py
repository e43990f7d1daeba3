"""``TokenVerifier``: the same promises from the fake and from the verifier of real tokens."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import httpx2
import pytest

from aumos_agent_framework.adapters.auth.local_issuer import LocalIssuer
from aumos_agent_framework.adapters.auth.verifier import JwksVerifier
from aumos_agent_framework.core.domain.identity import Caller
from aumos_agent_framework.core.errors import UnauthenticatedError
from aumos_agent_framework.core.interfaces.token_verifier import TokenVerifier
from aumos_agent_framework.core.types import PrivilegeLevel
from tests.factories import new_tenant_id
from tests.fakes.clock import FakeClock
from tests.fakes.token_verifier import FakeTokenVerifier

ADA = Caller(
    tenant_id=new_tenant_id(), subject="ada", level=PrivilegeLevel.EXECUTE_RISKY, roles=frozenset({"approver"})
)


@dataclass
class Subject:
    """A verifier and a token that it accepts as ``ADA``'s."""

    verifier: TokenVerifier
    token: str


@pytest.fixture
def fake() -> Subject:
    return Subject(FakeTokenVerifier({"adas-secret": ADA}), "adas-secret")


@pytest.fixture
async def jwks(tmp_path: Path) -> AsyncIterator[Subject]:
    clock = FakeClock()
    issuer = LocalIssuer(tmp_path, "http://localhost:8010", clock=clock)
    token = issuer.mint(
        tenant_id=ADA.tenant_id,
        subject=ADA.subject,
        roles=sorted(ADA.roles),
        level=None,
        audience="aumos-platform",
        ttl=timedelta(hours=1),
    )
    transport = httpx2.MockTransport(lambda _: httpx2.Response(200, json=issuer.jwks()))
    async with (
        httpx2.AsyncClient(transport=transport) as client,
        JwksVerifier(
            issuer=issuer.issuer,
            audience="aumos-platform",
            jwks_url="http://localhost:8010/.well-known/jwks.json",
            role_levels={"approver": 3},
            clock=clock,
            client=client,
        ) as verifier,
    ):
        yield Subject(verifier, token)


@pytest.fixture(params=["fake", "jwks"])
def subject(request: pytest.FixtureRequest) -> Subject:
    found = request.getfixturevalue(request.param)
    assert isinstance(found, Subject)
    return found


class TestVerify:
    async def test_gives_the_caller_each_time(self, subject: Subject) -> None:
        assert [await subject.verifier.verify(subject.token) for _ in range(2)] == [ADA, ADA]

    @pytest.mark.parametrize("change", ["x{}", "{}x", " {}", ""])
    async def test_refuses_any_other_token(self, change: str, subject: Subject) -> None:
        token = change.format(subject.token)

        with pytest.raises(UnauthenticatedError) as caught:
            await subject.verifier.verify(token)

        assert caught.value.code == "invalid_token"
        assert subject.token not in caught.value.message
