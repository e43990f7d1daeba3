"""Tokens that must not open anything, over HTTP. (The many ways to forge one are tried on the verifier itself.)"""

import base64
import hashlib
import hmac
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from aumos_agent_framework.adapters.auth.local_issuer import KEY_FILE, LocalIssuer
from aumos_agent_framework.embedded.components import ISSUER
from aumos_agent_framework.embedded.layout import DataDir
from tests.e2e.client import Service

AUDIENCE = "aumos-platform"
Forge = Callable[["Forger"], str]


class Forger:
    """Has what an attacker may have, and also the issuer's real key, to be wrong in one way at a time."""

    def __init__(self, service: Service, elsewhere: Path) -> None:
        stack = service.stack
        url = stack.component(ISSUER).url
        assert url is not None
        directory = DataDir(stack.data_dir).issuer
        pem = (directory / KEY_FILE).read_bytes()
        key = serialization.load_pem_private_key(pem, password=None)
        assert isinstance(key, ec.EllipticCurvePrivateKey)
        self.url = url
        self.key = key
        self.public = LocalIssuer(directory, url).jwks()["keys"][0]
        self.stranger = LocalIssuer(elsewhere, url)
        self.now = int(datetime.now(UTC).timestamp())

    def claims(self, **changes: Any) -> dict[str, Any]:
        good = {
            "iss": self.url,
            "sub": "ada",
            "aud": AUDIENCE,
            "iat": self.now,
            "nbf": self.now,
            "exp": self.now + 600,
            "tenant_id": str(uuid4()),
            "roles": ["admin"],
        }
        return {name: value for name, value in (good | changes).items() if value is not None}

    def signed(self, **changes: Any) -> str:
        """Sign claims with the real key."""
        return jwt.encode(self.claims(**changes), self.key, "ES256", headers={"kid": self.public["kid"]})

    def unsigned(self, algorithm: str, signature: bytes = b"") -> str:
        """Put together a token by hand."""
        header = {"alg": algorithm, "typ": "JWT", "kid": self.public["kid"]}
        return f"{_b64(json.dumps(header).encode())}.{_b64(json.dumps(self.claims()).encode())}.{_b64(signature)}"

    def confused(self) -> str:
        """Sign with HMAC, the published key as its secret."""
        public = self.key.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        head = self.unsigned("HS256").rpartition(".")[0]
        return f"{head}.{_b64(hmac.new(public, head.encode(), hashlib.sha256).digest())}"

    def altered(self) -> str:
        """Raise the role of a good token."""
        header, _, signature = self.signed(roles=["viewer"]).split(".")
        return f"{header}.{_b64(json.dumps(self.claims(roles=['platform_admin'])).encode())}.{signature}"

    def of_a_stranger(self) -> str:
        """Sign with a key that the issuer does not publish."""
        return self.stranger.mint(
            tenant_id=uuid4(),
            subject="ada",
            roles=["admin"],
            level=None,
            audience=AUDIENCE,
            ttl=timedelta(minutes=10),
        )


FORGERIES: dict[str, Forge] = {
    "garbage": lambda _: "garbage",
    "three parts of garbage": lambda _: "a.b.c",
    "huge": lambda _: "x" * 20_000,
    "expired": lambda forger: forger.signed(iat=forger.now - 900, nbf=forger.now - 900, exp=forger.now - 300),
    "not yet valid": lambda forger: forger.signed(nbf=forger.now + 300),
    "without expiry": lambda forger: forger.signed(exp=None),
    "for another audience": lambda forger: forger.signed(aud="another-service"),
    "without audience": lambda forger: forger.signed(aud=None),
    "of another issuer": lambda forger: forger.signed(iss="https://issuer.example"),
    "without tenant": lambda forger: forger.signed(tenant_id=None),
    "of a tenant that is no UUID": lambda forger: forger.signed(tenant_id="acme"),
    "without subject": lambda forger: forger.signed(sub=None),
    "not signed": lambda forger: forger.unsigned("none"),
    "not signed but said to be": lambda forger: forger.unsigned("ES256"),
    "public key as a secret": Forger.confused,
    "altered claims": Forger.altered,
    "key of a stranger": Forger.of_a_stranger,
}


@pytest.fixture(scope="module")
def forger(service: Service, tmp_path_factory: pytest.TempPathFactory) -> Forger:
    """Somebody who makes tokens."""
    return Forger(service, tmp_path_factory.mktemp("stranger"))


def test_what_the_forger_changes_nothing_of_is_good(service: Service, forger: Forger) -> None:
    """Else every refusal below could be for another reason than its own."""
    assert service.with_token(forger.signed()).get("/agents")["total"] == 0


@pytest.mark.parametrize("forgery", FORGERIES)
def test_forgery_is_refused(service: Service, forger: Forger, forgery: str) -> None:
    intruder = service.with_token(FORGERIES[forgery](forger))
    answer = intruder.ask("GET", "/agents")
    assert answer.status_code == 401, answer.text
    assert 'error="invalid_token"' in answer.headers["WWW-Authenticate"]
    assert answer.json()["code"] == ("token_expired" if forgery == "expired" else "invalid_token")


@pytest.mark.parametrize("header", ["", "Bearer", "Basic YWRhOmFkYQ==", "Bearer a b", "Token x"])
def test_header_that_is_no_bearer_token_is_refused(service: Service, header: str) -> None:
    answer = service.with_token(None).ask("GET", "/agents", headers={"Authorization": header})
    assert (answer.status_code, answer.json()["code"]) == (401, "token_malformed")


def test_token_in_the_query_is_not_looked_at(service: Service, forger: Forger) -> None:
    answer = service.http.get("/api/v1/agents", params={"access_token": forger.signed()})
    assert answer.status_code == 401


def test_forgeries_leave_no_trace_of_themselves_in_the_log(service: Service, forger: Forger) -> None:
    token = forger.altered()
    service.with_token(token).ask("GET", "/agents")
    assert token not in service.stack.log("api")


def _b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
