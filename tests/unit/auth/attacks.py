"""The attacks: each differs from a good token in the one way that its name says.

``reason`` is what the refusal must name, so that an attack which is refused for another cause does not pass unseen.
"""

import base64
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from tests.unit.auth.tokens import (
    ABSENT,
    AUDIENCE,
    ISSUER,
    SECOND,
    TENANT,
    Issuer,
    Signer,
    b64,
    claims,
    compact,
    eddsa,
    es256,
    es384,
    hs256,
    pem,
    ps256,
    public_jwk,
    rsa_pkcs1,
    unsigned,
)

P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551

ODD_ALGORITHMS: tuple[Any, ...] = (
    *("none", "None", "NONE", "nOnE", "", "es256", "ES256 ", "ES256\x00"),
    *(None, ["ES256"], 256, True, {}),
)
ODD_TYPES: tuple[Any, ...] = (
    *("", "JWE", "dpop+jwt", "logout+jwt", "secevent+jwt", "application/jwt; x"),
    *(None, 1, ["JWT"], {}),
)

ALGORITHM = "not signed with one of"
KEY = "its key is not one of"
KID = "names no key"
SHAPE = "three base64url parts"
SIGNATURE = "signature does not verify"
TYPE = "its typ is not"


@dataclass(frozen=True)
class Attack:
    name: str
    reason: str
    build: Callable[[Issuer], str]


def _header(name: str, reason: str, **members: Any) -> Attack:
    """A signed token with an odd header."""
    return Attack(name, reason, lambda issuer: issuer.token(header=members))


def _claim(name: str, reason: str, **changes: Any) -> Attack:
    """A signed token with odd claims."""
    return Attack(name, reason, lambda issuer: issuer.token(**changes))


def _payload(name: str, reason: str, payload: bytes) -> Attack:
    """A signed token whose payload is these bytes."""
    return Attack(name, reason, lambda issuer: issuer.signed(payload))


def _raw_header(name: str, reason: str, header: bytes) -> Attack:
    """A signed token whose header is these bytes."""
    return Attack(name, reason, lambda issuer: compact(header, claims(), es256(issuer.ec_key)))


def _forged(name: str, reason: str, algorithm: Any, kid: str, signer: Callable[[Issuer], Signer]) -> Attack:
    """A token with good claims, this ``alg`` and ``kid``, and another signature."""
    header = {"alg": algorithm, "typ": "JWT", "kid": kid}
    return Attack(name, reason, lambda issuer: compact(header, claims(), signer(issuer)))


def _smuggled(member: str, value: Callable[[Issuer], Any]) -> Attack:
    """A token signed by a stranger, whose key or its address the header brings along."""

    def build(issuer: Issuer) -> str:
        header = {"alg": "ES256", "kid": "ec", member: value(issuer)}
        return compact(header, claims(), es256(issuer.stranger))

    return Attack(f"the attacker's key in {member}", SIGNATURE, build)


def _spelt(name: str, reason: str, change: Callable[[str], str]) -> Attack:
    """A good token, spelt differently."""
    return Attack(name, reason, lambda issuer: change(issuer.token()))


def _with_claims(**changes: Any) -> str:
    return json.dumps(claims(**changes))


def _parts(token: str, **changes: str) -> str:
    header, payload, signature = token.split(".")
    parts = {"header": header, "payload": payload, "signature": signature} | changes
    return ".".join(parts.values())


def _signature_of(token: str) -> bytes:
    part = token.split(".")[2]
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))


def _signed_as(token: str, signature: bytes) -> str:
    return _parts(token, signature=b64(signature))


def _flipped(token: str, index: int) -> str:
    signature = bytearray(_signature_of(token))
    signature[index] ^= 1
    return _signed_as(token, bytes(signature))


def _der(token: str) -> str:
    raw = _signature_of(token)
    return _signed_as(token, encode_dss_signature(int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:], "big")))


def _spare_bits(token: str) -> str:
    """The same bytes in another spelling: the last character of 64 bytes carries two bits that mean nothing."""
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    return token[:-1] + alphabet[alphabet.index(token[-1]) + 1]


def _promoted(token: str) -> str:
    return _parts(token, payload=b64(_with_claims(roles=["platform_admin"]).encode()))


def _raw_ed25519(issuer: Issuer) -> bytes:
    return issuer.ed_key.public_key().public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)


ALGORITHMS = [
    *(_forged(f"alg {name!r} unsigned", SHAPE, name, "ec", lambda _: unsigned) for name in ("none", "None", "NONE")),
    *(
        _forged(f"alg {name!r} with a real signature", ALGORITHM, name, "ec", lambda issuer: es256(issuer.ec_key))
        for name in ODD_ALGORITHMS
    ),
    _header("alg absent", ALGORITHM, alg=ABSENT),
    _forged(
        "HS256 keyed with the RSA public key", ALGORITHM, "HS256", "rsa", lambda issuer: hs256(pem(issuer.rsa_key))
    ),
    _forged("HS256 keyed with the EC public key", ALGORITHM, "HS256", "ec", lambda issuer: hs256(pem(issuer.ec_key))),
    _forged("HS256 keyed with the Ed25519 bytes", ALGORITHM, "HS256", "ed", lambda issuer: hs256(_raw_ed25519(issuer))),
    _forged("HS256 keyed with the key set", ALGORITHM, "HS256", "ec", lambda issuer: hs256(issuer.key_set())),
    _forged("HS256 with a published secret", ALGORITHM, "HS256", "secret", lambda issuer: hs256(issuer.secret)),
    _forged("RS256 as alg over an HMAC of the public key", SIGNATURE, "RS256", "rsa", lambda i: hs256(pem(i.rsa_key))),
    _forged("RS384 by the RSA key", ALGORITHM, "RS384", "rsa", lambda i: rsa_pkcs1(i.rsa_key, hashes.SHA384())),
    _forged("RS512 by the RSA key", ALGORITHM, "RS512", "rsa", lambda i: rsa_pkcs1(i.rsa_key, hashes.SHA512())),
    _forged("PS256 by the RSA key", ALGORITHM, "PS256", "rsa", lambda issuer: ps256(issuer.rsa_key)),
    _forged("PSS signature labelled RS256", SIGNATURE, "RS256", "rsa", lambda issuer: ps256(issuer.rsa_key)),
    _forged(
        "SHA-512 signature labelled RS256", SIGNATURE, "RS256", "rsa", lambda i: rsa_pkcs1(i.rsa_key, hashes.SHA512())
    ),
    _forged("ES384 by a published P-384 key", ALGORITHM, "ES384", "p384", lambda issuer: es384(issuer.p384)),
    _forged("ES256K by a published secp256k1 key", ALGORITHM, "ES256K", "k256", lambda issuer: es256(issuer.k256)),
    _forged("alg Ed25519 by the Ed25519 key", ALGORITHM, "Ed25519", "ed", lambda issuer: eddsa(issuer.ed_key)),
]

KEYS = [
    _forged("RS256 naming the EC key", KEY, "RS256", "ec", lambda i: rsa_pkcs1(i.rsa_key, hashes.SHA256())),
    _forged("ES256 naming the RSA key", KEY, "ES256", "rsa", lambda issuer: es256(issuer.ec_key)),
    _forged("EdDSA naming the EC key", KEY, "EdDSA", "ec", lambda issuer: eddsa(issuer.ed_key)),
    _forged("ES256 naming the Ed25519 key", KEY, "ES256", "ed", lambda issuer: es256(issuer.ec_key)),
    _forged("ES256 on the wrong curve", KEY, "ES256", "p384-as-es256", lambda issuer: es256(issuer.p384)),
    _forged("ES256 on secp256k1", KEY, "ES256", "k256", lambda issuer: es256(issuer.k256)),
    _forged("a P-384 signature labelled ES256", SIGNATURE, "ES256", "ec", lambda issuer: es256(issuer.p384)),
    _forged("a stranger's key under a known kid", SIGNATURE, "ES256", "ec", lambda issuer: es256(issuer.stranger)),
    _forged("the EC key under the Ed25519 algorithm", SIGNATURE, "EdDSA", "ed", lambda issuer: es256(issuer.ec_key)),
    _forged("the encryption key", KEY, "RS256", "encryption", lambda i: rsa_pkcs1(i.encryption, hashes.SHA256())),
    _forged("a 1024-bit RSA key", KEY, "RS256", "weak", lambda i: rsa_pkcs1(i.weak, hashes.SHA256())),
    _forged("a published private key", KEY, "ES256", "private", lambda issuer: es256(issuer.stranger)),
    _forged("a kid with two keys, the first", KEY, "ES256", "ambiguous", lambda issuer: es256(issuer.ec_key)),
    _forged("a kid with two keys, the second", KEY, "ES256", "ambiguous", lambda issuer: es256(issuer.stranger)),
    _smuggled("jwk", lambda issuer: public_jwk(issuer.stranger, "ec")),
    _smuggled("jku", lambda _: "https://attacker.example/keys"),
    _smuggled("x5u", lambda _: "https://attacker.example/cert.pem"),
    _smuggled("x5c", lambda issuer: [base64.b64encode(pem(issuer.stranger)).decode()]),
]

KIDS = [
    *(
        _header(f"kid {kid!r}", KEY, kid=kid)
        for kid in (
            "unknown",
            "EC",
            "ec ",
            "ec\x00",
            "../../../../../../dev/null",
            "' UNION SELECT 'key' --",
            "https://attacker.example/keys#ec",
            "ec\r\nX-Injected: 1",
            "{{7*7}}",
            "\u0435c",  # Cyrillic
        )
    ),
    _header("kid absent", KID, kid=ABSENT),
    _header("kid empty", KID, kid=""),
    _header("kid too long", KID, kid="k" * 257),
    *(_header(f"kid {kid!r}", KID, kid=kid) for kid in (None, 0, True, ["ec"], {"kid": "ec"})),
]

HEADERS = [
    _header("crit unknown", "header crit", crit=["urn:example:unknown"], **{"urn:example:unknown": True}),
    _header("crit empty", "header crit", crit=[]),
    _header("crit null", "header crit", crit=None),
    _header("crit naming exp", "header crit", crit=["exp"], exp=SECOND + 600),
    _header("b64 false and critical", "header crit", crit=["b64"], b64=False),
    _header("b64 false", "header b64", b64=False),
    _header("b64 true", "header b64", b64=True),
    _header("zip", "header zip", zip="DEF"),
    _header("enc", "header enc", enc="A256GCM"),
    *(_header(f"typ {kind!r}", TYPE, typ=kind) for kind in ODD_TYPES),
    _raw_header("header no object", "header is not a JSON object", b'["ES256","ec"]'),
    _raw_header("header a string", "header is not a JSON object", b'"ES256"'),
    _raw_header("header no JSON", "header is not strict JSON", b'{"alg":"ES256","kid":"ec"'),
    _raw_header("header with text behind", "header is not strict JSON", b'{"alg":"ES256","kid":"ec"} {}'),
    _raw_header("header naming alg twice", "header is not strict JSON", b'{"alg":"none","alg":"ES256","kid":"ec"}'),
    _raw_header("header naming kid twice", "header is not strict JSON", b'{"alg":"ES256","kid":"x","kid":"ec"}'),
    _raw_header("header naming kid twice, escaped", "strict JSON", b'{"alg":"ES256","kid":"x","\\u006bid":"ec"}'),
    _raw_header("header with NaN", "header is not strict JSON", b'{"alg":"ES256","kid":"ec","x":NaN}'),
    _raw_header("header with a byte order mark", "strict JSON", b'\xef\xbb\xbf{"alg":"ES256","kid":"ec"}'),
    _raw_header("header in UTF-16", "header is not strict JSON", '{"alg":"ES256","kid":"ec"}'.encode("utf-16")),
    _raw_header("header with broken UTF-8", "header is not strict JSON", b'{"alg":"ES256","kid":"ec","x":"\xff"}'),
    _raw_header("header nested a thousand deep", "strict JSON", b'{"kid":' + b"[" * 3_000 + b"]" * 3_000 + b"}"),
    _raw_header("header with a huge number", "header is not strict JSON", b'{"alg":"ES256","x":' + b"9" * 5_000 + b"}"),
]

SPELLINGS = [
    Attack("empty", SHAPE, lambda _: ""),
    Attack("dots only", SHAPE, lambda _: ".."),
    Attack("a single word", SHAPE, lambda _: "token"),
    Attack("a password", SHAPE, lambda _: "Basic YWRhOmFkYQ=="),
    _spelt("no signature part", SHAPE, lambda token: token.rpartition(".")[0]),
    _spelt("signature stripped", SHAPE, lambda token: token.rpartition(".")[0] + "."),
    _spelt("no header", SHAPE, lambda token: "." + token.partition(".")[2]),
    _spelt("no payload", SHAPE, lambda token: _parts(token, payload="")),
    _spelt("four parts", SHAPE, lambda token: token + ".e30"),
    _spelt("five parts, as if encrypted", SHAPE, lambda token: token + ".e30.e30"),
    _spelt("a space before", SHAPE, lambda token: " " + token),
    _spelt("a newline after", SHAPE, lambda token: token + "\n"),
    _spelt("a space inside", SHAPE, lambda token: token.replace(".", ". ", 1)),
    _spelt("a line break inside", SHAPE, lambda token: token[:40] + "\r\n" + token[40:]),
    _spelt("a NUL after", SHAPE, lambda token: token + "\x00"),
    _spelt("the scheme twice", SHAPE, lambda token: "Bearer " + token),
    _spelt("padding after the header", SHAPE, lambda token: token.replace(".", "=.", 1)),
    _spelt("padding at the end", SHAPE, lambda token: token + "=="),
    _spelt("the other base64 alphabet", SHAPE, lambda token: _parts(token, signature="+/" + token.split(".")[2][2:])),
    _spelt("dots percent-encoded", SHAPE, lambda token: token.replace(".", "%2E")),
    _spelt("dots full width", SHAPE, lambda token: token.replace(".", "\uff0e")),
    _spelt("a letter full width", SHAPE, lambda token: "\uff45" + token[1:]),
    _spelt("a zero-width space", SHAPE, lambda token: token + "\u200b"),
    _spelt("a lone surrogate", SHAPE, lambda token: token + "\ud800"),
    _spelt("the JSON serialisation", SHAPE, lambda token: json.dumps(dict(zip("psh", token.split("."), strict=True)))),
    _spelt("spare bits set", "signature is not base64url", _spare_bits),
    _spelt("a part of impossible length", "signature is not base64url", lambda token: token[:-1]),
    Attack("oversized", "longer than", lambda issuer: issuer.token(padding="x" * 17_000)),
    Attack("oversized garbage", "longer than", lambda _: "a" * 10_000_000),
]

SIGNATURES = [
    _spelt("signature of one byte", SIGNATURE, lambda token: _signed_as(token, b"\x00")),
    _spelt("signature cut by a byte", SIGNATURE, lambda token: _signed_as(token, _signature_of(token)[:-1])),
    _spelt("signature a byte longer", SIGNATURE, lambda token: _signed_as(token, _signature_of(token) + b"\x00")),
    _spelt("signature twice", SIGNATURE, lambda token: _signed_as(token, _signature_of(token) * 2)),
    _spelt(
        "signature halves swapped", SIGNATURE, lambda t: _signed_as(t, _signature_of(t)[32:] + _signature_of(t)[:32])
    ),
    _spelt("signature in DER", SIGNATURE, _der),
    _spelt("first bit flipped", SIGNATURE, lambda token: _flipped(token, 0)),
    _spelt("last bit flipped", SIGNATURE, lambda token: _flipped(token, -1)),
    _spelt("r and s zero", SIGNATURE, lambda token: _signed_as(token, bytes(64))),
    _spelt("r and s the order", SIGNATURE, lambda token: _signed_as(token, P256_ORDER.to_bytes(32, "big") * 2)),
    _spelt("r and s all ones", SIGNATURE, lambda token: _signed_as(token, b"\xff" * 64)),
    _spelt("payload changed after signing", SIGNATURE, _promoted),
    _spelt("header changed after signing", SIGNATURE, lambda t: _parts(t, header=b64(b'{"alg":"ES256","kid":"ec"}'))),
    Attack(
        "the signature of another token",
        SIGNATURE,
        lambda issuer: _signed_as(issuer.token(roles=["platform_admin"]), _signature_of(issuer.token())),
    ),
    _forged("an empty Ed25519 signature", SHAPE, "EdDSA", "ed", lambda _: unsigned),
    _forged("a short Ed25519 signature", SIGNATURE, "EdDSA", "ed", lambda _: lambda _: b"\x00" * 63),
    _forged("a zero Ed25519 signature", SIGNATURE, "EdDSA", "ed", lambda _: lambda _: bytes(64)),
    _forged("a zero RSA signature", SIGNATURE, "RS256", "rsa", lambda _: lambda _: bytes(256)),
    _forged("an RSA signature of one", SIGNATURE, "RS256", "rsa", lambda _: lambda _: (1).to_bytes(256, "big")),
]

ISSUERS = [
    _claim("iss absent", "another issuer", iss=ABSENT),
    *(
        _claim(f"iss {iss!r}", "another issuer", iss=iss)
        for iss in ("", "https://attacker.example", ISSUER + "/", ISSUER.upper(), ISSUER[:-1], [ISSUER], None, 1)
    ),
]

AUDIENCES = [
    *(
        _claim(f"aud {aud!r}", "another audience", aud=aud)
        for aud in ("account", AUDIENCE.upper(), AUDIENCE + " ", AUDIENCE[:-1], [], ["account"])
    ),
    *(
        _claim(f"aud {aud!r}", "its aud", aud=aud)
        for aud in (
            "",
            ABSENT,
            None,
            1,
            True,
            {AUDIENCE: 1},
            [[AUDIENCE]],
            [AUDIENCE, 1],
            [AUDIENCE, [AUDIENCE]],
            ["a"] * 300,
        )
    ),
]

TIMES = [
    _claim("exp absent", "no exp", exp=ABSENT),
    _claim("exp just beyond the leeway", "expired", exp=SECOND - 30),
    _claim("exp long ago", "expired", exp=0),
    *(
        _claim(f"exp {exp!r}", "its exp is not a time", exp=exp)
        for exp in (str(SECOND + 600), SECOND + 600.5, -1, 10**18, 10**400, True, None, [SECOND + 600], {"at": 1})
    ),
    *(
        _payload(f"exp {exp}", reason, _with_claims(exp=-7).replace("-7", exp).encode())
        for exp, reason in (
            ("NaN", "strict JSON"),
            ("Infinity", "strict JSON"),
            ("1e400", "its exp is not a time"),
            ("9" * 5_000, "strict JSON"),
            ("0x7fffffff", "strict JSON"),
        )
    ),
    _claim("nbf in the future", "its nbf is in the future", nbf=SECOND + 31),
    _claim("nbf a string", "its nbf is not a time", nbf=str(SECOND)),
    _claim("nbf null", "its nbf is not a time", nbf=None),
    _claim("iat in the future", "its iat is in the future", iat=SECOND + 31),
    _claim("iat a fraction", "its iat is not a time", iat=SECOND + 0.5),
    _claim("iat true", "its iat is not a time", iat=True),
]

SUBJECTS = [
    _claim("sub absent", "its sub", sub=ABSENT),
    *(
        _claim(f"sub {sub!r}", "its sub", sub=sub)
        for sub in (
            "",
            "   ",
            " ada",
            "ada\u00a0",
            "a" * 256,
            "ada\n",
            "ada\x00",
            "ada\x7f",
            "a\u202eda",
            "a\u200bda",
            "ada\u2028",
            "\ud800",
            "\ue000",
            None,
            7,
            True,
            ["ada"],
            {"sub": "ada"},
        )
    ),
]

TENANTS = [
    _claim("tenant absent", "its tenant_id", tenant_id=ABSENT),
    *(
        _claim(f"tenant {tenant!r}", "its tenant_id", tenant_id=tenant)
        for tenant in (
            "",
            "acme",
            TENANT[:-1],
            TENANT + "\n",
            " " + TENANT,
            "{" + TENANT + "}",
            "urn:uuid:" + TENANT,
            TENANT.replace("-", ""),
            TENANT.replace("0", "\u0660"),
            TENANT + "," + TENANT,
            "00000000-0000-0000-0000-000000000000",
            "' OR '1'='1",
            "*",
            None,
            1,
            [TENANT],
            {"id": TENANT},
        )
    ),
]

GRANTS = [
    *(
        _claim(f"roles {roles!r:.40}", "its roles", roles=roles)
        for roles in (
            "platform_admin",
            None,
            5,
            {"platform_admin": True},
            [5],
            [["admin"]],
            [None],
            [""],
            ["a\n"],
            ["a"] * 257,
        )
    ),
    _claim("realm_access a list", "its realm_access", realm_access=["admin"]),
    _claim("realm_access null", "its realm_access", realm_access=None),
    _claim("realm_access roles a string", "its realm_access.roles", realm_access={"roles": "admin"}),
    _claim("realm_access roles nested", "its realm_access.roles", realm_access={"roles": [["admin"]]}),
    _claim("scope a list", "its scope", scope=["workflows"]),
    _claim("scope null", "its scope", scope=None),
    _claim("scope with a hidden character", "its scope", scope="work\u200bflows"),
    *(
        _claim(f"privilege_level {level!r}", "its privilege_level", privilege_level=level)
        for level in (0, 6, -1, 10**30, True, "5", 5.0, None, [5], {"level": 5})
    ),
]

PAYLOADS = [
    _payload("payload a list", "payload is not a JSON object", json.dumps([claims()]).encode()),
    _payload("payload a string", "payload is not a JSON object", json.dumps(_with_claims()).encode()),
    _payload("payload null", "payload is not a JSON object", b"null"),
    _payload("payload no JSON", "payload is not strict JSON", b"sub=ada"),
    _payload("payload with text behind", "payload is not strict JSON", _with_claims().encode() + b"{}"),
    _payload("payload with a byte order mark", "strict JSON", b"\xef\xbb\xbf" + _with_claims().encode()),
    _payload("payload in UTF-16", "payload is not strict JSON", _with_claims().encode("utf-16")),
    *(
        _payload(
            f"payload naming {name} twice",
            "payload is not strict JSON",
            _with_claims().replace("{", f'{{"{name}": {json.dumps(value)}, ', 1).encode(),
        )
        for name, value in (("sub", "eve"), ("tenant_id", TENANT), ("roles", ["platform_admin"]), ("exp", SECOND * 2))
    ),
    _payload(
        "payload naming a nested role list twice",
        "payload is not strict JSON",
        _with_claims()[:-1].encode() + b',"realm_access":{"roles":[],"roles":["platform_admin"]}}',
    ),
    *(
        _claim(f"Keycloak token of typ {kind}", "not an access token", typ=kind)
        for kind in ("ID", "Refresh", "Offline")
    ),
]

ALL = [
    *ALGORITHMS,
    *KEYS,
    *KIDS,
    *HEADERS,
    *SPELLINGS,
    *SIGNATURES,
    *ISSUERS,
    *AUDIENCES,
    *TIMES,
    *SUBJECTS,
    *TENANTS,
    *GRANTS,
    *PAYLOADS,
]
