"""Real keys and hand-made tokens: everything a proper library refuses to produce."""

import base64
import hmac
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

from tests.fakes.clock import START

ISSUER = "https://issuer.example/realms/aumos"
AUDIENCE = "aumos-platform"
JWKS_URL = "https://issuer.example/keys"
TENANT = "0190b6a4-2f1c-7c3e-9a51-3d5c6f7a8b90"
SECOND = int(START.timestamp())
ROLE_LEVELS = {"viewer": 1, "auditor": 1, "developer": 2, "approver": 3, "admin": 4, "platform_admin": 5}

PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey


class _Absent(Enum):
    """Its name, unlike an object's address, is the same in every test process."""

    ABSENT = "absent"


ABSENT = _Absent.ABSENT
Signer = Callable[[bytes], bytes]


def b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def as_bytes(part: Mapping[str, Any] | bytes) -> bytes:
    return part if isinstance(part, bytes) else json.dumps(part).encode()


def compact(header: Mapping[str, Any] | bytes, payload: Mapping[str, Any] | bytes, signer: Signer) -> str:
    signing_input = f"{b64(as_bytes(header))}.{b64(as_bytes(payload))}"
    return f"{signing_input}.{b64(signer(signing_input.encode()))}"


def hs256(secret: bytes) -> Signer:
    return lambda data: hmac.digest(secret, data, "sha256")


def es256(key: ec.EllipticCurvePrivateKey) -> Signer:
    return lambda data: ECAlgorithm(hashes.SHA256).sign(data, key)


def es384(key: ec.EllipticCurvePrivateKey) -> Signer:
    return lambda data: ECAlgorithm(hashes.SHA384).sign(data, key)


def rsa_pkcs1(key: rsa.RSAPrivateKey, algorithm: hashes.HashAlgorithm) -> Signer:
    return lambda data: key.sign(data, padding.PKCS1v15(), algorithm)


def ps256(key: rsa.RSAPrivateKey) -> Signer:
    scheme = padding.PSS(mgf=padding.MGF1(hashes.SHA256()), salt_length=32)
    return lambda data: key.sign(data, scheme, hashes.SHA256())


def eddsa(key: ed25519.Ed25519PrivateKey) -> Signer:
    return key.sign


def unsigned(_: bytes) -> bytes:
    return b""


def pem(key: PrivateKey) -> bytes:
    return key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)


def public_jwk(key: PrivateKey, name: str, /, **members: Any) -> dict[str, Any]:
    """A key as issuers publish it; a member given as ``None`` is left out."""
    if isinstance(key, rsa.RSAPrivateKey):
        jwk = {**RSAAlgorithm.to_jwk(key.public_key(), as_dict=True), "alg": "RS256"}
        del jwk["key_ops"]
    elif isinstance(key, ec.EllipticCurvePrivateKey):
        jwk = {**ECAlgorithm.to_jwk(key.public_key(), as_dict=True), "alg": "ES256"}
    else:
        jwk = {**OKPAlgorithm.to_jwk(key.public_key(), as_dict=True), "alg": "EdDSA"}
    jwk |= {"kid": name, "use": "sig"} | members
    return {name: value for name, value in jwk.items() if value is not None}


def claims(**changes: Any) -> dict[str, Any]:
    """The claims of a good token; a change to ``ABSENT`` leaves the claim out."""
    good = {
        "iss": ISSUER,
        "aud": AUDIENCE,
        "sub": "ada",
        "tenant_id": TENANT,
        "roles": ["developer"],
        "iat": SECOND,
        "nbf": SECOND,
        "exp": SECOND + 600,
    }
    return {name: value for name, value in (good | changes).items() if value is not ABSENT}


@dataclass
class Issuer:
    """An issuer's keys: three good ones, and those that must not verify anything."""

    ec_key: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))
    rsa_key: rsa.RSAPrivateKey = field(default_factory=lambda: rsa.generate_private_key(65537, 2048))
    ed_key: ed25519.Ed25519PrivateKey = field(default_factory=ed25519.Ed25519PrivateKey.generate)
    p384: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP384R1()))
    k256: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256K1()))
    weak: rsa.RSAPrivateKey = field(default_factory=lambda: rsa.generate_private_key(65537, 1024))  # noqa: S505
    encryption: rsa.RSAPrivateKey = field(default_factory=lambda: rsa.generate_private_key(65537, 2048))
    stranger: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))
    secret: bytes = b"a shared secret that was published by mistake"

    def key_set(self) -> bytes:
        private = ECAlgorithm.to_jwk(self.stranger, as_dict=True)
        keys = [
            public_jwk(self.ec_key, "ec"),
            public_jwk(self.rsa_key, "rsa"),
            public_jwk(self.ed_key, "ed"),
            public_jwk(self.p384, "p384", alg="ES384"),
            public_jwk(self.p384, "p384-as-es256"),
            public_jwk(self.k256, "k256", alg="ES256K"),
            public_jwk(self.weak, "weak"),
            public_jwk(self.encryption, "encryption", use="enc", alg="RSA-OAEP"),
            {**private, "kid": "private", "use": "sig", "alg": "ES256"},
            {"kty": "oct", "k": b64(self.secret), "kid": "secret", "use": "sig", "alg": "HS256"},
            public_jwk(self.ec_key, "ambiguous"),
            public_jwk(self.stranger, "ambiguous"),
        ]
        return json.dumps({"keys": keys}).encode()

    def token(self, *, header: Mapping[str, Any] | None = None, **changes: Any) -> str:
        """A good ES256 token with some claims and header members changed."""
        return self.signed(claims(**changes), header=header)

    def signed(self, payload: Mapping[str, Any] | bytes, *, header: Mapping[str, Any] | None = None) -> str:
        full = {"alg": "ES256", "typ": "JWT", "kid": "ec"} | dict(header or {})
        return compact(
            {name: value for name, value in full.items() if value is not ABSENT}, payload, es256(self.ec_key)
        )
