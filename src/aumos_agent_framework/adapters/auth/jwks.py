"""Key sets (RFC 7517): which of an issuer's published keys may verify a token."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import orjson
import structlog
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from jwt import PyJWK
from jwt.exceptions import PyJWTError

from aumos_agent_framework.core.types import JsonObject, JsonValue

MAX_KEYS = 100
_RSA_BITS = range(2048, 8192 + 1)

_log = structlog.get_logger(__name__)


class KeySetError(Exception):
    """What the issuer sent is no key set that could verify anything."""


class _UnusableKeyError(Exception):
    """One key of the set is left out; the message says why."""


@dataclass(frozen=True, slots=True)
class VerificationKey:
    """A public key, bound to the one algorithm that its type allows: what a token's header says cannot change it."""

    algorithm: str
    jwk: PyJWK

    def verifies(self, signing_input: bytes, signature: bytes) -> bool:
        """Tell whether the signature is this key's over the input."""
        return self.jwk.Algorithm.verify(signing_input, self.jwk.key, signature)


class KeySet:
    """Usable keys by ``kid`` and algorithm. A ``kid`` may name keys of different types, never two of one type."""

    def __init__(self, keys: Mapping[tuple[str, str], VerificationKey]) -> None:
        self._keys = keys

    def get(self, kid: str, algorithm: str) -> VerificationKey | None:
        """Return the key of that name if it is of the type that the algorithm needs."""
        return self._keys.get((kid, algorithm))


def read_key_set(document: bytes) -> KeySet:
    """Keep the keys that may verify tokens: for signatures, public, of a known type, strong enough, unambiguous.

    The others are left out with a warning, so that one odd key does not take the issuer's good ones away.

    Raises:
        KeySetError: the document is no key set, is too large, or holds no usable key.
    """
    entries = _entries(document)
    keys: dict[tuple[str, str], VerificationKey] = {}
    ambiguous: set[tuple[str, str]] = set()
    for kid, key in _usable(entries):
        name = (kid, key.algorithm)
        if name in keys and keys[name].jwk.key != key.jwk.key:
            _log.warning("auth.jwks.key_left_out", kid=kid, reason="two different keys have this kid")
            ambiguous.add(name)
        keys[name] = key
    for name in ambiguous:
        del keys[name]
    if not keys:
        raise KeySetError("it holds no usable key")
    return KeySet(keys)


def _entries(document: bytes) -> list[JsonValue]:
    try:
        value = orjson.loads(document)
    except orjson.JSONDecodeError as error:
        raise KeySetError("it is not JSON") from error
    entries = value.get("keys") if isinstance(value, dict) else None
    if not isinstance(entries, list):
        raise KeySetError("it has no list of keys")
    if len(entries) > MAX_KEYS:
        raise KeySetError(f"it holds more than {MAX_KEYS} keys")
    return entries


def _usable(entries: list[JsonValue]) -> Iterator[tuple[str, VerificationKey]]:
    for entry in entries:
        if not isinstance(entry, dict):
            _log.warning("auth.jwks.key_left_out", kid=None, reason="not an object")
            continue
        try:
            yield _read_key(entry)
        except _UnusableKeyError as error:
            # Keycloak publishes its encryption key in the same set: nothing to warn about.
            log = _log.debug if entry.get("use") == "enc" else _log.warning
            log("auth.jwks.key_left_out", kid=entry.get("kid"), reason=str(error))


def _read_key(jwk: JsonObject) -> tuple[str, VerificationKey]:
    kid = jwk.get("kid")
    if not isinstance(kid, str) or not kid:
        raise _UnusableKeyError("it has no kid")
    if not _is_for_signatures(jwk):
        raise _UnusableKeyError("its use is not sig")
    if "d" in jwk:
        raise _UnusableKeyError("it is a private key")
    algorithm = _algorithm(jwk)
    try:
        key = PyJWK(jwk, algorithm)
    except (PyJWTError, ValueError, TypeError, KeyError) as error:
        raise _UnusableKeyError("it does not parse") from error
    if isinstance(key.key, RSAPublicKey) and key.key.key_size not in _RSA_BITS:
        raise _UnusableKeyError(f"an RSA key has {_RSA_BITS.start} to {_RSA_BITS.stop - 1} bits")
    return kid, VerificationKey(algorithm, key)


def _is_for_signatures(jwk: JsonObject) -> bool:
    """``use`` decides; a key without it must say ``verify`` in ``key_ops``."""
    if "use" in jwk:
        return bool(jwk["use"] == "sig")
    operations = jwk.get("key_ops")
    return isinstance(operations, list) and "verify" in operations


def _algorithm(jwk: JsonObject) -> str:
    match jwk.get("kty"), jwk.get("crv"):
        case "RSA", _:
            known = "RS256"
        case "EC", "P-256":
            known = "ES256"
        case "OKP", "Ed25519":
            known = "EdDSA"
        case _:
            raise _UnusableKeyError("its type is not RSA, P-256 or Ed25519")
    if jwk.get("alg", known) != known:
        raise _UnusableKeyError(f"its alg is not {known}")
    return known
