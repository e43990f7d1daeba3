"""Tokens for the local stack, signed with a real key. For loopback only: a company's own issuer replaces it."""

import base64
import hashlib
import json
import os
import secrets
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from jwt.algorithms import ECAlgorithm

from aumos_agent_framework.adapters.auth.loopback import is_loopback
from aumos_agent_framework.adapters.clock import SystemClock
from aumos_agent_framework.core.errors import AgfError
from aumos_agent_framework.core.interfaces.clock import Clock
from aumos_agent_framework.core.types import PrivilegeLevel

ALGORITHM = "ES256"
JWKS_PATH = "/.well-known/jwks.json"
CONFIGURATION_PATH = "/.well-known/openid-configuration"
KEY_FILE = "issuer-key.pem"


class LocalIssuer:
    """Mints access tokens and publishes the key they verify with.

    The private key lives in ``directory`` (file mode 0600) and is made on first use; processes that begin at the
    same time end with the same key.

    Args:
        directory: where the key is kept; created if missing.
        issuer: the ``iss`` of the tokens, an http(s) URL on a loopback host.
        clock: the present, for ``iat`` and ``exp``.

    Raises:
        AgfError: ``issuer_not_local`` when the issuer's host is not loopback.
    """

    def __init__(self, directory: Path, issuer: str, *, clock: Clock | None = None) -> None:
        if not is_loopback(issuer):
            raise AgfError("issuer_not_local", f"The local issuer serves loopback addresses only, not {issuer}.")
        self.issuer = issuer
        self._path = directory / KEY_FILE
        self._clock = clock or SystemClock()
        self._loaded: ec.EllipticCurvePrivateKey | None = None

    def jwks(self) -> dict[str, Any]:
        """Return the public key as a JSON Web Key Set (RFC 7517)."""
        jwk = ECAlgorithm.to_jwk(self._key().public_key(), as_dict=True)
        return {"keys": [{**jwk, "kid": _thumbprint(jwk), "use": "sig", "alg": ALGORITHM}]}

    def openid_configuration(self) -> dict[str, Any]:
        """Return the discovery document. It names no endpoint that does not exist: tokens come from ``agf token``."""
        return {
            "issuer": self.issuer,
            "jwks_uri": self.issuer.rstrip("/") + JWKS_PATH,
            "id_token_signing_alg_values_supported": [ALGORITHM],
            "subject_types_supported": ["public"],
            "claims_supported": ["iss", "sub", "aud", "exp", "nbf", "iat", "tenant_id", "roles", "privilege_level"],
        }

    def mint(
        self,
        *,
        tenant_id: UUID,
        subject: str,
        roles: Sequence[str],
        level: int | None,
        audience: str,
        ttl: timedelta,
    ) -> str:
        """Return a signed access token.

        Args:
            tenant_id: the tenant the subject belongs to.
            subject: who the token speaks for; not empty.
            roles: role names, written to ``roles``.
            level: written to ``privilege_level`` (1 to 5); ``None`` leaves the level to the roles.
            audience: the service the token is for.
            ttl: how long the token is valid, above zero; whole seconds.

        Raises:
            ValueError: an argument is out of range.
        """
        seconds = int(ttl.total_seconds())
        if seconds <= 0:
            raise ValueError("A token must be valid for at least one second.")
        if not subject.strip():
            raise ValueError("A token needs a subject.")
        issued_at = int(self._clock.now().timestamp())
        claims: dict[str, Any] = {
            "iss": self.issuer,
            "sub": subject,
            "aud": audience,
            "iat": issued_at,
            "nbf": issued_at,
            "exp": issued_at + seconds,
            "jti": secrets.token_urlsafe(16),
            "tenant_id": str(tenant_id),
            "roles": list(roles),
        }
        if level is not None:
            claims["privilege_level"] = int(PrivilegeLevel(level))
        kid = self.jwks()["keys"][0]["kid"]
        return jwt.encode(claims, self._key(), algorithm=ALGORITHM, headers={"kid": kid})

    def _key(self) -> ec.EllipticCurvePrivateKey:
        if self._loaded is None:
            if not self._path.exists():
                _create_key(self._path)
            self._loaded = _read_key(self._path)
        return self._loaded


def _create_key(path: Path) -> None:
    """Write a new key, complete or not at all; whoever comes second keeps the first one's key."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    pem = ec.generate_private_key(ec.SECP256R1()).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    draft = path.with_name(f"{path.name}.{secrets.token_hex(8)}")
    try:
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(pem)
            file.flush()
            os.fsync(file.fileno())
        # Unlike a rename, a link fails where the name exists: two processes never end with two keys.
        path.hardlink_to(draft)
    except FileExistsError:
        return
    finally:
        draft.unlink(missing_ok=True)


def _read_key(path: Path) -> ec.EllipticCurvePrivateKey:
    if path.stat().st_mode & 0o077:
        path.chmod(0o600)
    try:
        key = serialization.load_pem_private_key(path.read_bytes(), password=None)
    except ValueError as error:
        raise _unreadable(path) from error
    if not isinstance(key, ec.EllipticCurvePrivateKey) or not isinstance(key.curve, ec.SECP256R1):
        raise _unreadable(path)
    return key


def _unreadable(path: Path) -> AgfError:
    return AgfError(
        "issuer_key_unreadable", f"{path} holds no P-256 private key. Delete it: a new one is made at the next start."
    )


def _thumbprint(jwk: dict[str, Any]) -> str:
    """Return the key's RFC 7638 thumbprint, so that a new key is a new ``kid``."""
    members = {name: jwk[name] for name in ("crv", "kty", "x", "y")}
    digest = hashlib.sha256(json.dumps(members, separators=(",", ":"), sort_keys=True).encode()).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
