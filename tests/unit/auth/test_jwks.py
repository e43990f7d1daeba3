"""Which published keys may verify tokens."""

import json
from typing import Any

import pytest

from aumos_agent_framework.adapters.auth.jwks import MAX_KEYS, KeySetError, read_key_set
from tests.unit.auth.tokens import Issuer, public_jwk


def _document(*keys: Any) -> bytes:
    return json.dumps({"keys": keys}).encode()


class TestReadKeySet:
    def test_key_serves_its_own_algorithm_only(self, issuer: Issuer) -> None:
        keys = read_key_set(_document(public_jwk(issuer.rsa_key, "a")))

        assert keys.get("a", "RS256") is not None
        assert keys.get("a", "ES256") is None

    def test_one_kid_may_name_keys_of_two_types(self, issuer: Issuer) -> None:
        keys = read_key_set(_document(public_jwk(issuer.rsa_key, "a"), public_jwk(issuer.ec_key, "a")))

        assert keys.get("a", "RS256") is not None
        assert keys.get("a", "ES256") is not None

    def test_same_key_twice_is_one_key(self, issuer: Issuer) -> None:
        keys = read_key_set(_document(public_jwk(issuer.ec_key, "a"), public_jwk(issuer.ec_key, "a")))

        assert keys.get("a", "ES256") is not None

    def test_kid_with_three_keys_names_none(self, issuer: Issuer) -> None:
        first, other = public_jwk(issuer.ec_key, "a"), public_jwk(issuer.stranger, "a")

        keys = read_key_set(_document(first, other, first, public_jwk(issuer.ed_key, "b")))

        assert keys.get("a", "ES256") is None
        assert keys.get("b", "EdDSA") is not None

    @pytest.mark.parametrize(
        "members",
        [{"use": None, "key_ops": ["verify"]}, {"alg": None}, {"x5c": ["..."], "key_ops": ["verify"]}],
        ids=str,
    )
    def test_keeps_a_key_with(self, members: dict[str, Any], issuer: Issuer) -> None:
        keys = read_key_set(_document(public_jwk(issuer.ec_key, "a", **members)))

        assert keys.get("a", "ES256") is not None

    @pytest.mark.parametrize(
        "members",
        [
            {"use": "enc"},
            {"use": None},
            {"use": None, "key_ops": ["encrypt"]},
            {"use": None, "key_ops": "verify"},
            {"use": ["sig"]},
            {"alg": "HS256"},
            {"alg": "ES512"},
            {"alg": ""},
            {"kty": "oct"},
            {"kty": "RSA"},
            {"kty": None},
            {"kty": ["EC"]},
            {"crv": "P-384"},
            {"crv": None},
            {"crv": 1},
            {"x": "AAAA"},
            {"x": None},
            {"x": 5},
            {"x": "A" * 43},
            {"d": "AAAA"},
            {"kid": None},
            {"kid": ""},
            {"kid": 1},
        ],
        ids=str,
    )
    def test_leaves_out_a_key_with(self, members: dict[str, Any], issuer: Issuer) -> None:
        odd = public_jwk(issuer.ec_key, "a", **members)

        keys = read_key_set(_document(odd, public_jwk(issuer.ed_key, "b")))

        assert keys.get("a", "ES256") is None
        assert keys.get("b", "EdDSA") is not None

    def test_leaves_out_rsa_keys_that_are_too_short_or_too_long(self, issuer: Issuer) -> None:
        long = public_jwk(issuer.rsa_key, "long", n="_" * 4_000)

        keys = read_key_set(_document(public_jwk(issuer.weak, "weak"), long, public_jwk(issuer.ed_key, "b")))

        assert keys.get("weak", "RS256") is None
        assert keys.get("long", "RS256") is None

    @pytest.mark.parametrize(
        "document",
        [
            b"",
            b"<html>",
            b"null",
            b"[]",
            b"{}",
            b'{"keys": {}}',
            b'{"keys": null}',
            b'{"keys": []}',
            b'{"keys": [1, "a"]}',
        ],
    )
    def test_refuses_a_document_without_keys(self, document: bytes) -> None:
        with pytest.raises(KeySetError):
            read_key_set(document)

    def test_refuses_a_flood_of_keys(self, issuer: Issuer) -> None:
        jwk = public_jwk(issuer.ed_key, "a")

        with pytest.raises(KeySetError, match="more than"):
            read_key_set(_document(*[jwk] * (MAX_KEYS + 1)))
