"""What good tokens give, and what a verifier refuses to be built with."""

from typing import Any
from uuid import UUID

import pytest
from cryptography.hazmat.primitives import hashes

from aumos_agent_framework.adapters.auth.verifier import JwksVerifier
from aumos_agent_framework.core.errors import ForbiddenError
from aumos_agent_framework.core.types import PrivilegeLevel
from tests.fakes.clock import FakeClock
from tests.unit.auth.tokens import (
    ABSENT,
    AUDIENCE,
    ISSUER,
    JWKS_URL,
    SECOND,
    TENANT,
    Issuer,
    claims,
    compact,
    eddsa,
    rsa_pkcs1,
)


class TestGoodToken:
    async def test_gives_the_caller(self, issuer: Issuer, verifier: JwksVerifier) -> None:
        token = issuer.token(roles=["approver", "offline_access"], scope="workflows hitl", sub="grace@example.org")

        caller = await verifier.verify(token)

        assert caller.tenant_id == UUID(TENANT)
        assert caller.subject == "grace@example.org"
        assert caller.level is PrivilegeLevel.EXECUTE_RISKY
        assert caller.roles == {"approver", "offline_access"}
        assert caller.scopes == {"workflows", "hitl"}

    async def test_rs256_verifies(self, issuer: Issuer, verifier: JwksVerifier) -> None:
        token = compact({"alg": "RS256", "kid": "rsa"}, claims(), rsa_pkcs1(issuer.rsa_key, hashes.SHA256()))

        assert (await verifier.verify(token)).subject == "ada"

    async def test_eddsa_verifies(self, issuer: Issuer, verifier: JwksVerifier) -> None:
        token = compact({"alg": "EdDSA", "kid": "ed"}, claims(), eddsa(issuer.ed_key))

        assert (await verifier.verify(token)).subject == "ada"

    @pytest.mark.parametrize("kind", [ABSENT, "JWT", "jwt", "at+jwt", "AT+JWT", "application/at+jwt"], ids=str)
    async def test_type_may_be(self, kind: object, issuer: Issuer, verifier: JwksVerifier) -> None:
        assert (await verifier.verify(issuer.token(header={"typ": kind}))).subject == "ada"

    @pytest.mark.parametrize(
        "changes",
        [
            {"aud": [AUDIENCE]},
            {"aud": ["account", AUDIENCE]},
            {"exp": SECOND - 29},
            {"nbf": SECOND + 30},
            {"iat": SECOND + 30},
            {"nbf": ABSENT, "iat": ABSENT},
            {"tenant_id": TENANT.upper()},
            {"scope": ""},
            {"typ": "Bearer"},
            {"sub": "Zoë Ångström"},
            {"sub": "a" * 255},
        ],
        ids=lambda changes: ", ".join(f"{name} {value!r:.60}" for name, value in changes.items()),
    )
    async def test_claims_may_be(self, changes: dict[str, Any], issuer: Issuer, verifier: JwksVerifier) -> None:
        assert (await verifier.verify(issuer.token(**changes))).tenant_id == UUID(TENANT)

    async def test_may_carry_addresses_that_nobody_visits(
        self, issuer: Issuer, verifier: JwksVerifier, requests_seen: list[str]
    ) -> None:
        addresses = {"jku": "https://attacker.example/keys", "x5u": "https://attacker.example/cert.pem"}

        assert (await verifier.verify(issuer.token(header=addresses))).subject == "ada"
        assert requests_seen == [JWKS_URL]


class TestLevel:
    @pytest.mark.parametrize(
        ("roles", "level"),
        [
            (["viewer"], 1),
            (["auditor"], 1),
            (["developer"], 2),
            (["approver"], 3),
            (["admin"], 4),
            (["platform_admin"], 5),
            (["viewer", "admin", "developer"], 4),
            (["unheard-of", "developer"], 2),
        ],
    )
    async def test_best_role_counts_without_a_claim(
        self, roles: list[str], level: int, issuer: Issuer, verifier: JwksVerifier
    ) -> None:
        assert (await verifier.verify(issuer.token(roles=roles))).level == level

    @pytest.mark.parametrize("claim", [1, 2, 3, 4, 5])
    @pytest.mark.parametrize(("role", "level"), [("viewer", 1), ("approver", 3), ("platform_admin", 5)])
    async def test_smaller_of_claim_and_role_counts(
        self, claim: int, role: str, level: int, issuer: Issuer, verifier: JwksVerifier
    ) -> None:
        caller = await verifier.verify(issuer.token(roles=[role], privilege_level=claim))

        assert caller.level == min(claim, level)

    async def test_claim_counts_alone_where_no_role_is_known(self, issuer: Issuer, verifier: JwksVerifier) -> None:
        caller = await verifier.verify(issuer.token(roles=["unheard-of"], privilege_level=3))

        assert caller.level == 3

    async def test_realm_roles_count_like_flat_ones(self, issuer: Issuer, verifier: JwksVerifier) -> None:
        token = issuer.token(roles=["viewer"], realm_access={"roles": ["approver"]})

        caller = await verifier.verify(token)

        assert caller.level == 3
        assert caller.roles == {"viewer", "approver"}

    async def test_roles_of_other_clients_do_not_count(self, issuer: Issuer, verifier: JwksVerifier) -> None:
        token = issuer.token(roles=["viewer"], resource_access={"elsewhere": {"roles": ["platform_admin"]}})

        assert (await verifier.verify(token)).level == 1

    @pytest.mark.parametrize("roles", [ABSENT, [], ["unheard-of"], ["Admin"]], ids=str)
    async def test_none_is_forbidden_not_unauthenticated(
        self, roles: object, issuer: Issuer, verifier: JwksVerifier
    ) -> None:
        with pytest.raises(ForbiddenError) as caught:
            await verifier.verify(issuer.token(roles=roles))

        assert caught.value.code == "no_role"
        assert "platform_admin" in caught.value.message


class TestConstruction:
    @pytest.mark.parametrize(
        "changes",
        [
            {"issuer": ""},
            {"audience": ""},
            {"role_levels": {"root": 6}},
            {"role_levels": {"nobody": 0}},
        ],
        ids=str,
    )
    def test_refuses(self, changes: dict[str, Any]) -> None:
        good: dict[str, Any] = {
            "issuer": ISSUER,
            "audience": AUDIENCE,
            "jwks_url": JWKS_URL,
            "role_levels": {"viewer": 1},
            "clock": FakeClock(),
        }

        with pytest.raises(ValueError, match=r"."):
            JwksVerifier(**good | changes)
