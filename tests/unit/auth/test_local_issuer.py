"""The local issuer: real keys, made once, used by the real verifier."""

import asyncio
import contextlib
import stat
import sys
import threading
from collections.abc import AsyncIterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx2
import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519

from aumos_agent_framework.adapters.auth.local_issuer import KEY_FILE, LocalIssuer
from aumos_agent_framework.adapters.auth.verifier import JwksVerifier
from aumos_agent_framework.core.errors import AgfError, UnauthenticatedError
from tests.fakes.clock import START, FakeClock
from tests.unit.auth.tokens import AUDIENCE, ROLE_LEVELS, TENANT

URL = "http://localhost:8010"


def _issuer(directory: Path) -> LocalIssuer:
    return LocalIssuer(directory, URL, clock=FakeClock())


def _mint(issuer: LocalIssuer, **changes: Any) -> str:
    good: dict[str, Any] = {
        "tenant_id": UUID(TENANT),
        "subject": "ada",
        "roles": ["approver"],
        "level": None,
        "audience": AUDIENCE,
        "ttl": timedelta(hours=1),
    }
    return issuer.mint(**good | changes)


@contextlib.asynccontextmanager
async def _verifier(issuer: LocalIssuer, later: timedelta = timedelta()) -> AsyncIterator[JwksVerifier]:
    transport = httpx2.MockTransport(lambda _: httpx2.Response(200, json=issuer.jwks()))
    async with (
        httpx2.AsyncClient(transport=transport) as client,
        JwksVerifier(
            issuer=URL,
            audience=AUDIENCE,
            jwks_url=issuer.openid_configuration()["jwks_uri"],
            role_levels=ROLE_LEVELS,
            clock=FakeClock(START + later),
            client=client,
        ) as verifier,
    ):
        yield verifier


class TestMint:
    async def test_token_verifies_and_says_who(self, tmp_path: Path) -> None:
        issuer = _issuer(tmp_path)

        async with _verifier(issuer) as verifier:
            caller = await verifier.verify(_mint(issuer, roles=["platform_admin"], level=3))

        assert (caller.tenant_id, caller.subject, caller.level) == (UUID(TENANT), "ada", 3)
        assert caller.roles == {"platform_admin"}

    async def test_token_expires(self, tmp_path: Path) -> None:
        issuer = _issuer(tmp_path)

        async with _verifier(issuer, later=timedelta(hours=2)) as verifier:
            with pytest.raises(UnauthenticatedError) as caught:
                await verifier.verify(_mint(issuer))

        assert caught.value.code == "token_expired"

    async def test_another_machines_token_is_refused(self, tmp_path: Path) -> None:
        ours, theirs = _issuer(tmp_path / "ours"), _issuer(tmp_path / "theirs")

        async with _verifier(ours) as verifier:
            with pytest.raises(UnauthenticatedError, match="not one of the issuer's"):
                await verifier.verify(_mint(theirs))

    def test_level_is_absent_unless_given(self, tmp_path: Path) -> None:
        claims = jwt.decode(_mint(_issuer(tmp_path)), options={"verify_signature": False})

        assert "privilege_level" not in claims
        assert claims["exp"] - claims["iat"] == 3600

    @pytest.mark.parametrize(
        "changes",
        [{"ttl": timedelta()}, {"ttl": timedelta(days=-1)}, {"level": 6}, {"level": 0}, {"subject": " "}],
        ids=str,
    )
    def test_refuses(self, changes: dict[str, Any], tmp_path: Path) -> None:
        with pytest.raises(ValueError, match=r"."):
            _mint(_issuer(tmp_path), **changes)


class TestKey:
    def test_file_is_private(self, tmp_path: Path) -> None:
        _issuer(tmp_path / "new" / "directory").jwks()

        key = tmp_path / "new" / "directory" / KEY_FILE
        assert stat.S_IMODE(key.stat().st_mode) == 0o600
        assert [path.name for path in key.parent.iterdir()] == [KEY_FILE], "drafts are left behind"

    def test_file_that_was_opened_to_others_is_closed_again(self, tmp_path: Path) -> None:
        _issuer(tmp_path).jwks()
        (tmp_path / KEY_FILE).chmod(0o644)

        _issuer(tmp_path).jwks()

        assert stat.S_IMODE((tmp_path / KEY_FILE).stat().st_mode) == 0o600

    def test_key_survives_a_restart(self, tmp_path: Path) -> None:
        assert _issuer(tmp_path).jwks() == _issuer(tmp_path).jwks()

    def test_only_the_public_half_is_published(self, tmp_path: Path) -> None:
        (key,) = _issuer(tmp_path).jwks()["keys"]

        assert key.keys() == {"kty", "crv", "x", "y", "kid", "use", "alg"}

    def test_threads_that_begin_together_end_with_one_key(self, tmp_path: Path) -> None:
        barrier = threading.Barrier(8)

        def first_use() -> str:
            issuer = _issuer(tmp_path)
            barrier.wait(timeout=10)
            return str(issuer.jwks())

        with ThreadPoolExecutor(8) as pool:
            keys = {future.result(timeout=10) for future in [pool.submit(first_use) for _ in range(8)]}

        assert len(keys) == 1

    async def test_processes_that_begin_together_end_with_one_key(self, tmp_path: Path) -> None:
        program = (
            "import pathlib, sys\n"
            "from aumos_agent_framework.adapters.auth.local_issuer import LocalIssuer\n"
            f"issuer = LocalIssuer(pathlib.Path(sys.argv[1]), {URL!r})\n"
            "print('ready', flush=True)\n"
            "sys.stdin.readline()\n"
            "print(issuer.jwks()['keys'][0]['kid'], flush=True)\n"
        )
        async with asyncio.timeout(60):
            processes = [await _python(program, str(tmp_path)) for _ in range(3)]
            for process in processes:
                assert await _line(process) == "ready"
            for process in processes:
                assert process.stdin is not None
                process.stdin.write(b"go\n")
            kids = [await _line(process) for process in processes]
            exits = [await process.wait() for process in processes]

        assert exits == [0, 0, 0]
        assert set(kids) == {_issuer(tmp_path).jwks()["keys"][0]["kid"]}

    @pytest.mark.parametrize("content", ["garbage", "another type", "another curve"])
    def test_file_that_holds_no_key_is_named(self, content: str, tmp_path: Path) -> None:
        (tmp_path / KEY_FILE).write_bytes(_contents()[content])

        with pytest.raises(AgfError, match=KEY_FILE) as caught:
            _issuer(tmp_path).jwks()

        assert caught.value.code == "issuer_key_unreadable"


class TestIssuerUrl:
    @pytest.mark.parametrize("url", [URL, "http://127.0.0.1:1", "https://[::1]:8443/realm", "http://127.9.9.9"])
    def test_may_be(self, url: str, tmp_path: Path) -> None:
        assert LocalIssuer(tmp_path, url).openid_configuration()["issuer"] == url

    @pytest.mark.parametrize(
        "url",
        [
            "http://0.0.0.0:8010",
            "http://10.0.0.1",
            "https://issuer.example",
            "http://localhost.evil.example",
            "localhost",
            "",
        ],
    )
    def test_may_not_be(self, url: str, tmp_path: Path) -> None:
        with pytest.raises(AgfError) as caught:
            LocalIssuer(tmp_path, url)

        assert caught.value.code == "issuer_not_local"

    def test_configuration_names_the_keys(self, tmp_path: Path) -> None:
        document = _issuer(tmp_path).openid_configuration()

        assert document["jwks_uri"] == "http://localhost:8010/.well-known/jwks.json"
        assert document["id_token_signing_alg_values_supported"] == ["ES256"]


async def _python(*arguments: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable, "-c", *arguments, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )


async def _line(process: asyncio.subprocess.Process) -> str:
    assert process.stdout is not None
    return (await process.stdout.readline()).decode().strip()


def _contents() -> dict[str, bytes]:
    keys: Sequence[Any] = (ed25519.Ed25519PrivateKey.generate(), ec.generate_private_key(ec.SECP384R1()))
    other_type, other_curve = (
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        for key in keys
    )
    return {"garbage": b"garbage", "another type": other_type, "another curve": other_curve}
