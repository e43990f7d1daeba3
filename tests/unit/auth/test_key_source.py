"""The issuer hangs, dies, rotates and returns; known keys verify throughout. Order is asserted, never time."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, replace

import httpx2
import pytest

from aumos_agent_framework.adapters.auth.key_source import (
    MAX_DOCUMENT_BYTES,
    MAX_REMEMBERED_KIDS,
    KeySource,
    RefreshPolicy,
)
from aumos_agent_framework.adapters.auth.verifier import JwksVerifier
from aumos_agent_framework.core.errors import UnauthenticatedError, UnavailableError
from tests.fakes.clock import FakeClock
from tests.unit.auth.key_server import KeyServer
from tests.unit.auth.tokens import AUDIENCE, ISSUER, ROLE_LEVELS, Issuer, public_jwk

POLICY = RefreshPolicy(refresh_seconds=3_600, first_retry_seconds=3_600, max_retry_seconds=3_600)
IMPATIENT = RefreshPolicy(refresh_seconds=0.01, first_retry_seconds=0.01, max_retry_seconds=0.01)


@dataclass
class ManualTime:
    """Seconds that pass when the test says so."""

    seconds: float = 1_000.0

    def __call__(self) -> float:
        return self.seconds

    def advance(self, seconds: float) -> None:
        self.seconds += seconds


@pytest.fixture
def time() -> ManualTime:
    return ManualTime()


@pytest.fixture
async def server(issuer: Issuer) -> AsyncIterator[KeyServer]:
    async with KeyServer(_publish(public_jwk(issuer.ec_key, "ec"))) as server:
        yield server


def _publish(*keys: dict[str, object]) -> bytes:
    return json.dumps({"keys": keys}).encode()


def _verifier(
    server: KeyServer, time: ManualTime, policy: RefreshPolicy = POLICY
) -> AbstractAsyncContextManager[JwksVerifier]:
    return JwksVerifier(
        issuer=ISSUER,
        audience=AUDIENCE,
        jwks_url=server.url,
        role_levels=ROLE_LEVELS,
        clock=FakeClock(),
        policy=policy,
        monotonic=time,
    )


async def _is_refused(verifier: JwksVerifier, token: str) -> bool:
    try:
        await verifier.verify(token)
    except UnauthenticatedError:
        return True
    return False


class TestFirstRead:
    async def test_many_first_tokens_share_one_read(self, server: KeyServer, issuer: Issuer, time: ManualTime) -> None:
        async with _verifier(server, time) as verifier:
            callers = await asyncio.gather(*(verifier.verify(issuer.token()) for _ in range(50)))
            async with httpx2.AsyncClient() as client:
                await client.get(server.url)  # arrives after whatever the verifier may have asked by now

        assert {caller.subject for caller in callers} == {"ada"}
        assert server.requests == 1 + 1

    async def test_issuer_down_is_unavailable_and_heals_by_itself(
        self, server: KeyServer, issuer: Issuer, time: ManualTime
    ) -> None:
        await server.stop()
        async with _verifier(server, time, IMPATIENT) as verifier:
            with pytest.raises(UnavailableError) as caught:
                await verifier.verify(issuer.token())
            assert not verifier.ready

            await server.listen()
            await server.reached(2)  # one task reads: when the second arrives, the first has been taken in

            assert (await verifier.verify(issuer.token())).subject == "ada"
        assert caught.value.retryable
        assert caught.value.code == "issuer_unavailable"

    async def test_tokens_do_not_wait_while_the_source_cools_down_after_a_failure(
        self, server: KeyServer, issuer: Issuer, time: ManualTime
    ) -> None:
        server.status = "503 Service Unavailable"
        async with _verifier(server, time) as verifier:
            for _ in range(20):
                with pytest.raises(UnavailableError) as caught:
                    await verifier.verify(issuer.token())

        assert server.requests == 1
        assert caught.value.retry_after_seconds == 3_600

    async def test_failed_source_is_asked_again_once_it_has_cooled_down(
        self, server: KeyServer, issuer: Issuer, time: ManualTime
    ) -> None:
        server.status = "503 Service Unavailable"
        async with _verifier(server, time) as verifier:
            with pytest.raises(UnavailableError):
                await verifier.verify(issuer.token())
            server.status = "200 OK"
            time.advance(3_600)

            assert (await verifier.verify(issuer.token())).subject == "ada"

    async def test_malformed_token_is_refused_while_the_issuer_is_down(
        self, server: KeyServer, time: ManualTime
    ) -> None:
        await server.stop()
        async with _verifier(server, time) as verifier:
            with pytest.raises(UnauthenticatedError):
                await verifier.verify("garbage")

    @pytest.mark.parametrize(
        "answer",
        [
            {"status": "302 Found", "headers": ("Location: /keys",)},
            {"status": "204 No Content"},
            {"status": "500 Internal Server Error"},
            {"headers": ("Content-Encoding: gzip",)},
            {"document": b"<html>"},
            {"document": b'{"keys": []}'},
        ],
        ids=lambda answer: f"{answer!r:.60}",
    )
    async def test_answer_is_not_taken_for_keys(
        self, answer: dict[str, object], server: KeyServer, issuer: Issuer, time: ManualTime
    ) -> None:
        for name, value in answer.items():
            setattr(server, name, value)
        async with _verifier(server, time) as verifier:
            with pytest.raises(UnavailableError):
                await verifier.verify(issuer.token())

        assert server.requests == 1

    async def test_answer_that_is_too_large_is_not_taken_for_keys(
        self, server: KeyServer, issuer: Issuer, time: ManualTime
    ) -> None:
        server.document += b" " * MAX_DOCUMENT_BYTES
        async with _verifier(server, time) as verifier:
            with pytest.raises(UnavailableError):
                await verifier.verify(issuer.token())

    async def test_answer_that_trickles_meets_the_deadline(
        self, server: KeyServer, issuer: Issuer, time: ManualTime
    ) -> None:
        server.trickles = True
        async with _verifier(server, time, replace(POLICY, fetch_timeout_seconds=0.3)) as verifier:
            with pytest.raises(UnavailableError) as caught:
                await verifier.verify(issuer.token())

        assert caught.value.retry_after_seconds == 3_600, "the read has not ended"


class TestRotation:
    async def test_new_key_is_picked_up_without_a_restart(
        self, server: KeyServer, issuer: Issuer, time: ManualTime
    ) -> None:
        async with _verifier(server, time) as verifier:
            await verifier.verify(issuer.token())
            server.document = _publish(public_jwk(issuer.ec_key, "ec"), public_jwk(issuer.ec_key, "next"))
            time.advance(POLICY.cool_down_seconds)

            tokens = [issuer.token(header={"kid": "next"}) for _ in range(20)]
            await asyncio.gather(*(verifier.verify(token) for token in tokens))

        assert server.requests == 2

    async def test_withdrawn_key_stops_verifying_in_the_background(
        self, server: KeyServer, issuer: Issuer, time: ManualTime
    ) -> None:
        async with _verifier(server, time, IMPATIENT) as verifier:
            await verifier.verify(issuer.token())
            server.document = _publish(public_jwk(issuer.ec_key, "next"))
            # One task reads: when the second read from now arrives, the first has been taken in.
            await server.reached(server.requests + 2)

            assert await _is_refused(verifier, issuer.token())
            assert (await verifier.verify(issuer.token(header={"kid": "next"}))).subject == "ada"
        assert server.most_open_requests == 1

    async def test_new_key_is_not_held_against_a_read_that_failed(
        self, server: KeyServer, issuer: Issuer, time: ManualTime
    ) -> None:
        token = issuer.token(header={"kid": "next"})
        async with _verifier(server, time, replace(POLICY, first_retry_seconds=10)) as verifier:
            await verifier.verify(issuer.token())
            server.status = "503 Service Unavailable"
            time.advance(POLICY.cool_down_seconds)
            assert await _is_refused(verifier, token)

            server.status, server.document = "200 OK", _publish(public_jwk(issuer.ec_key, "next"))
            time.advance(10)

            assert (await verifier.verify(token)).subject == "ada"

    async def test_empty_key_set_does_not_replace_good_keys(
        self, server: KeyServer, issuer: Issuer, time: ManualTime
    ) -> None:
        async with _verifier(server, time) as verifier:
            await verifier.verify(issuer.token())
            server.document = _publish()
            time.advance(POLICY.cool_down_seconds)

            assert await _is_refused(verifier, issuer.token(header={"kid": "unknown"}))
            assert (await verifier.verify(issuer.token())).subject == "ada"
        assert server.requests == 2


class TestHangingIssuer:
    async def test_valid_tokens_verify_while_unknown_ones_wait_for_one_read(
        self, server: KeyServer, issuer: Issuer, time: ManualTime
    ) -> None:
        async with _verifier(server, time) as verifier:
            await verifier.verify(issuer.token())
            server.hold()
            time.advance(POLICY.cool_down_seconds)
            strangers = [
                asyncio.create_task(_is_refused(verifier, issuer.token(header={"kid": f"unknown-{number}"})))
                for number in range(50)
            ]
            await server.reached(2)

            for _ in range(20):
                assert (await verifier.verify(issuer.token())).subject == "ada"
            assert not any(stranger.done() for stranger in strangers), "valid tokens waited for unknown ones"

            server.release()
            assert all(await asyncio.gather(*strangers))
        assert server.requests == 2
        assert server.most_open_requests == 1

    async def test_read_has_a_deadline_and_old_keys_still_serve(
        self, server: KeyServer, issuer: Issuer, time: ManualTime
    ) -> None:
        async with _verifier(server, time, replace(POLICY, fetch_timeout_seconds=1.0)) as verifier:
            await verifier.verify(issuer.token())
            server.hold()
            time.advance(POLICY.cool_down_seconds)

            assert await _is_refused(verifier, issuer.token(header={"kid": "unknown"}))
            assert (await verifier.verify(issuer.token())).subject == "ada"
            assert await _is_refused(verifier, issuer.token(header={"kid": "another"})), "no second wait"
        assert server.requests == 2

    async def test_first_read_that_hangs_is_unavailable(
        self, server: KeyServer, issuer: Issuer, time: ManualTime
    ) -> None:
        server.hold()
        async with _verifier(server, time, replace(POLICY, fetch_timeout_seconds=0.1)) as verifier:
            with pytest.raises(UnavailableError):
                await verifier.verify(issuer.token())

    async def test_one_impatient_client_does_not_end_the_read_for_the_others(
        self, server: KeyServer, issuer: Issuer, time: ManualTime
    ) -> None:
        server.hold()
        async with _verifier(server, time) as verifier:
            impatient, patient = (asyncio.create_task(verifier.verify(issuer.token())) for _ in range(2))
            await server.reached(1)
            impatient.cancel()
            server.release()

            assert (await patient).subject == "ada"
            with pytest.raises(asyncio.CancelledError):
                await impatient

    async def test_close_does_not_wait_for_the_issuer(self, server: KeyServer, time: ManualTime) -> None:
        server.hold()
        async with asyncio.timeout(5):
            async with _verifier(server, time, replace(POLICY, fetch_timeout_seconds=3_600)):
                await server.reached(1)


class TestOutage:
    async def test_keys_serve_until_they_are_too_old(self, server: KeyServer, issuer: Issuer, time: ManualTime) -> None:
        async with _verifier(server, time) as verifier:
            await verifier.verify(issuer.token())
            await server.stop()

            time.advance(POLICY.max_stale_seconds)
            assert (await verifier.verify(issuer.token())).subject == "ada"

            time.advance(1)
            with pytest.raises(UnavailableError):
                await verifier.verify(issuer.token())
            assert not verifier.ready


class TestUnknownKids:
    async def test_flood_makes_one_request_per_cool_down(
        self, server: KeyServer, issuer: Issuer, time: ManualTime
    ) -> None:
        async with _verifier(server, time) as verifier:
            await verifier.verify(issuer.token())
            for flood in range(3):
                time.advance(POLICY.cool_down_seconds)
                for number in range(200):
                    assert await _is_refused(verifier, issuer.token(header={"kid": f"{flood}-{number}"}))

        assert server.requests == 1 + 3

    async def test_remembered_kid_makes_no_request_until_it_is_forgotten(
        self, server: KeyServer, issuer: Issuer, time: ManualTime
    ) -> None:
        token = issuer.token(header={"kid": "unknown"})
        async with _verifier(server, time) as verifier:
            await verifier.verify(issuer.token())
            time.advance(POLICY.cool_down_seconds)
            assert await _is_refused(verifier, token)
            time.advance(POLICY.unknown_kid_seconds - 1)
            assert await _is_refused(verifier, token)
            assert server.requests == 2

            time.advance(1)
            assert await _is_refused(verifier, token)
        assert server.requests == 3

    async def test_memory_of_kids_is_bounded(self, server: KeyServer, issuer: Issuer, time: ManualTime) -> None:
        async with _verifier(server, time) as verifier:
            await verifier.verify(issuer.token())
            time.advance(POLICY.cool_down_seconds)
            tokens = [issuer.token(header={"kid": f"k{number}"}) for number in range(MAX_REMEMBERED_KIDS + 1)]
            server.hold()
            refusals = [asyncio.create_task(_is_refused(verifier, token)) for token in tokens]
            await server.reached(2)
            server.release()
            assert all(await asyncio.gather(*refusals))
            time.advance(POLICY.cool_down_seconds)

            assert await _is_refused(verifier, tokens[-1])
            assert server.requests == 2, "the newest is remembered"
            assert await _is_refused(verifier, tokens[0])
            assert server.requests == 3, "the oldest is not"


class TestLifecycle:
    async def test_proxy_for_the_outside_is_not_asked_for_a_local_issuer(
        self, server: KeyServer, issuer: Issuer, time: ManualTime, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
            monkeypatch.setenv(name, "http://127.0.0.1:9")
        for name in ("NO_PROXY", "no_proxy"):
            monkeypatch.delenv(name, raising=False)
        async with _verifier(server, time) as verifier:
            assert (await verifier.verify(issuer.token())).subject == "ada"

    async def test_client_that_was_given_stays_open(self, server: KeyServer, time: ManualTime) -> None:
        async with httpx2.AsyncClient() as client:
            source = KeySource(server.url, client=client, policy=POLICY, monotonic=time)
            source.start()
            source.start()
            await source.find("ec", "ES256")
            await source.close()
            await source.close()

            assert not client.is_closed
        assert server.requests == 1
