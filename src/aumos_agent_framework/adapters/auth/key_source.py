"""An issuer's keys, kept fresh by one background task: no request waits for the issuer if its key is known."""

import asyncio
import contextlib
import math
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

import httpx2
import structlog

from aumos_agent_framework.adapters.auth.jwks import KeySet, KeySetError, VerificationKey, read_key_set
from aumos_agent_framework.core.errors import UnavailableError

MAX_DOCUMENT_BYTES = 262_144
MAX_REMEMBERED_KIDS = 1_024

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class RefreshPolicy:
    """When the issuer is asked. All in seconds.

    ``refresh_seconds`` between two reads that succeed, unless a token with an unknown ``kid`` asks sooner;
    ``cool_down_seconds`` at least between a success and the read that such a token may cause;
    ``first_retry_seconds``, doubled up to ``max_retry_seconds``, after failures, whatever tokens ask;
    ``unknown_kid_seconds`` during which a ``kid`` that the issuer did not know causes no further read;
    ``fetch_timeout_seconds`` for one read, whole; ``max_stale_seconds`` that keys serve while no read succeeds.
    """

    refresh_seconds: float = 300.0
    cool_down_seconds: float = 5.0
    first_retry_seconds: float = 1.0
    max_retry_seconds: float = 60.0
    unknown_kid_seconds: float = 30.0
    fetch_timeout_seconds: float = 5.0
    max_stale_seconds: float = 86_400.0


class KeySource:
    """Reads a JWKS address. One task does all reading, so there is never more than one read at a time.

    Known keys are answered from memory, also while the issuer hangs or is away. A token with an unknown ``kid`` may
    cause one read and wait for it (a rotation is picked up at once); while the source cools down it is refused
    without one, so that a flood of invented ``kid`` values neither reaches the issuer nor delays anybody.

    Args:
        url: where the key set is.
        client: asks for it; stays the caller's to close.
        policy: when it is asked.
        monotonic: seconds that never go back.
    """

    def __init__(
        self,
        url: str,
        *,
        client: httpx2.AsyncClient,
        policy: RefreshPolicy,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._url = url
        self._client = client
        self._policy = policy
        self._monotonic = monotonic
        self._keys: KeySet | None = None
        self._read_at = 0.0
        self._failures = 0
        self._ask_from = 0.0
        self._reading = True  # the first read begins with the task
        self._read_done = asyncio.Event()
        self._read_wanted = asyncio.Event()
        self._missing: OrderedDict[str, float] = OrderedDict()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin reading. Returns at once; an issuer that is down does not keep the service from starting."""
        if self._task is None:
            self._task = asyncio.create_task(self._keep_reading(), name="jwks")

    async def close(self) -> None:
        """Stop reading, also in the middle of a read."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.wait([task])

    @property
    def ready(self) -> bool:
        """Whether there are keys to verify with."""
        return self._current() is not None

    async def find(self, kid: str, algorithm: str) -> VerificationKey | None:
        """Return the issuer's key of that name and type, or ``None`` if it has none as far as can be known now.

        Raises:
            UnavailableError: no keys have been read, or not for ``max_stale_seconds``, and they cannot be read now.
        """
        key = self._lookup(kid, algorithm)
        if key is None and self._worth_asking(kid):
            await self._next_read()
            key = self._lookup(kid, algorithm)
            if key is None and not self._failures:
                self._remember_missing(kid)
        if key is None and not self.ready:
            wait = max(1, math.ceil(self._ask_from - self._monotonic()))
            message = "The token cannot be checked now: the issuer's keys cannot be read."
            raise UnavailableError("issuer_unavailable", message, retry_after_seconds=wait)
        return key

    def _lookup(self, kid: str, algorithm: str) -> VerificationKey | None:
        keys = self._current()
        return keys.get(kid, algorithm) if keys is not None else None

    def _current(self) -> KeySet | None:
        too_old = self._monotonic() - self._read_at > self._policy.max_stale_seconds
        return None if too_old else self._keys

    def _worth_asking(self, kid: str) -> bool:
        now = self._monotonic()
        if now - self._missing.get(kid, -math.inf) < self._policy.unknown_kid_seconds:
            return False
        return self._reading or now >= self._ask_from

    def _remember_missing(self, kid: str) -> None:
        self._missing[kid] = self._monotonic()
        self._missing.move_to_end(kid)
        if len(self._missing) > MAX_REMEMBERED_KIDS:
            self._missing.popitem(last=False)

    async def _next_read(self) -> None:
        """Wait for the read in progress, or cause one and wait for it."""
        done = self._read_done
        if not self._reading:
            self._read_wanted.set()
        # The read has its own deadline; this one only guards against a source that was closed meanwhile.
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._policy.fetch_timeout_seconds + 1.0):
                await done.wait()

    async def _keep_reading(self) -> None:
        while True:  # until close() cancels the task
            self._reading = True
            self._read_wanted.clear()
            rest = await self._read()
            self._reading = False
            self._read_done.set()
            self._read_done = asyncio.Event()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(rest):
                    await self._read_wanted.wait()

    async def _read(self) -> float:
        """Read once and return the seconds to rest."""
        policy = self._policy
        try:
            self._keys = read_key_set(await self._fetch())
        except (KeySetError, httpx2.HTTPError, httpx2.InvalidURL, OSError, TimeoutError, RuntimeError) as error:
            rest = min(policy.first_retry_seconds * 2.0**self._failures, policy.max_retry_seconds)
            self._failures = min(self._failures + 1, 30)
            self._ask_from = self._monotonic() + rest
            _log.warning(
                "auth.jwks.read_failed",
                url=self._url,
                reason=str(error) or type(error).__name__,
                failures=self._failures,
                keys_still_serve=self.ready,
            )
            return rest
        self._failures = 0
        self._read_at = self._monotonic()
        self._ask_from = self._read_at + policy.cool_down_seconds
        return policy.refresh_seconds

    async def _fetch(self) -> bytes:
        seconds = self._policy.fetch_timeout_seconds
        # Without compression, so that the size limit counts what arrives and nothing can unfold in memory.
        headers = {"Accept": "application/jwk-set+json, application/json", "Accept-Encoding": "identity"}
        body = bytearray()
        async with (
            asyncio.timeout(seconds),
            self._client.stream("GET", self._url, headers=headers, follow_redirects=False, timeout=seconds) as response,
        ):
            if response.status_code != httpx2.codes.OK:
                raise KeySetError(f"the issuer answered {response.status_code}")
            if response.headers.get("Content-Encoding", "identity") != "identity":
                raise KeySetError("the issuer compressed its answer unasked")
            async for chunk in response.aiter_bytes():
                body += chunk
                if len(body) > MAX_DOCUMENT_BYTES:
                    raise KeySetError(f"it is larger than {MAX_DOCUMENT_BYTES} bytes")
        return bytes(body)
