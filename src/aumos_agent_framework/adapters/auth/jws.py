"""Signed tokens in the compact form (RFC 7515, 7519), read strictly: one spelling for each token, no surprises in JSON.

Everything here works on input that nobody has vouched for yet. What the header says is used to find a key and for
nothing else: addresses and keys that a token brings along (``jku``, ``x5u``, ``x5c``, ``jwk``) are never looked at.
"""

import base64
import binascii
import json
import re
from dataclasses import dataclass
from typing import Any, NoReturn

from aumos_agent_framework.core.errors import UnauthenticatedError
from aumos_agent_framework.core.types import JsonObject

MAX_TOKEN_LENGTH = 16_384
MAX_KID_LENGTH = 256
ALGORITHMS = frozenset({"RS256", "ES256", "EdDSA"})

_COMPACT = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+")
_TYPES = frozenset({"jwt", "at+jwt", "application/at+jwt"})  # RFC 7519, 5.1 and RFC 9068, 4
# Each of these changes what the bytes mean; a reader that passes over them reads something else than was signed.
_MEANING_CHANGING = ("crit", "b64", "zip", "enc")


@dataclass(frozen=True, slots=True)
class SignedToken:
    """A well-formed token whose signature is still to be verified. ``algorithm`` is one of ``ALGORITHMS``."""

    algorithm: str
    kid: str
    signing_input: bytes
    payload: bytes
    signature: bytes


def refused(reason: str, *, code: str = "invalid_token") -> UnauthenticatedError:
    """Return the error for a token; ``reason`` never quotes the token."""
    return UnauthenticatedError(code, f"The token was refused: {reason}.")


def read_token(token: str) -> SignedToken:
    """Take a token apart.

    Raises:
        UnauthenticatedError: it is no compact JWS, or its header asks for what this service does not do.
    """
    if len(token) > MAX_TOKEN_LENGTH:
        raise refused(f"it is longer than {MAX_TOKEN_LENGTH} characters")
    if _COMPACT.fullmatch(token) is None:
        raise refused("it is not three base64url parts joined by dots")
    header_part, payload_part, signature_part = token.split(".")
    header = read_object(_decode(header_part, "header"), "header")
    algorithm = _algorithm(header)
    _check_type(header)
    for name in _MEANING_CHANGING:
        if name in header:
            raise refused(f"the header {name} is not supported")
    return SignedToken(
        algorithm=algorithm,
        kid=_kid(header),
        signing_input=f"{header_part}.{payload_part}".encode(),
        payload=_decode(payload_part, "payload"),
        signature=_decode(signature_part, "signature"),
    )


def read_object(data: bytes, part: str) -> JsonObject:
    """Parse a JSON object in UTF-8 in which no name stands twice and no number is NaN or infinite.

    Raises:
        UnauthenticatedError: naming ``part``.
    """
    try:
        # json, not orjson: only it lets the reader see that a name stands twice.
        value = json.loads(data.decode(), object_pairs_hook=_unique, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise refused(f"the {part} is not strict JSON") from error
    if not isinstance(value, dict):
        raise refused(f"the {part} is not a JSON object")
    return value


def _algorithm(header: JsonObject) -> str:
    algorithm = header.get("alg")
    if not isinstance(algorithm, str) or algorithm not in ALGORITHMS:
        raise refused(f"it is not signed with one of {', '.join(sorted(ALGORITHMS))}")
    return algorithm


def _check_type(header: JsonObject) -> None:
    if "typ" not in header:
        return
    kind = header["typ"]
    if not isinstance(kind, str) or kind.lower() not in _TYPES:
        raise refused("its typ is not JWT or at+jwt")


def _kid(header: JsonObject) -> str:
    kid = header.get("kid")
    if not isinstance(kid, str) or not 0 < len(kid) <= MAX_KID_LENGTH:
        raise refused(f"it names no key (kid of 1 to {MAX_KID_LENGTH} characters)")
    return kid


def _decode(part: str, name: str) -> bytes:
    try:
        data = base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))
    except binascii.Error as error:
        raise refused(f"the {name} is not base64url") from error
    # Spare bits at the end would let one token be spelt in several ways.
    if base64.urlsafe_b64encode(data).rstrip(b"=") != part.encode():
        raise refused(f"the {name} is not base64url")
    return data


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("a name stands twice")
    return members


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON")
