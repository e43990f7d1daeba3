"""Bearer tokens of an issuer that publishes its keys."""

import time
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Self

import httpx2

from aumos_agent_framework.adapters.auth.claims import ClaimsReader
from aumos_agent_framework.adapters.auth.jws import read_object, read_token, refused
from aumos_agent_framework.adapters.auth.key_source import KeySource, RefreshPolicy
from aumos_agent_framework.adapters.auth.loopback import is_loopback
from aumos_agent_framework.core.domain.identity import Caller
from aumos_agent_framework.core.interfaces.clock import Clock


class JwksVerifier:
    """Verifies tokens signed with RS256, ES256 or EdDSA (``core.interfaces.token_verifier.TokenVerifier``).

    Use it as an async context, or call ``start`` and ``close``. It starts also while the issuer is down.

    Args:
        issuer: the exact ``iss`` of accepted tokens.
        audience: what ``aud`` must name.
        jwks_url: where the issuer publishes its keys.
        role_levels: role name to level, 1 to 5.
        clock: the present, against which tokens' times are checked.
        client: asks for the keys and stays the caller's to close; without one, the verifier has its own.
        policy: when the issuer is asked for its keys.
        monotonic: seconds that never go back, for the age of the keys.

    Raises:
        ValueError: an argument is empty or out of range.
    """

    def __init__(
        self,
        *,
        issuer: str,
        audience: str,
        jwks_url: str,
        role_levels: Mapping[str, int],
        clock: Clock,
        client: httpx2.AsyncClient | None = None,
        policy: RefreshPolicy | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._claims = ClaimsReader(issuer=issuer, audience=audience, role_levels=role_levels)
        self._clock = clock
        self._owns_client = client is None
        # A proxy for the outside, named by the environment, does not lead to this machine.
        self._client = httpx2.AsyncClient(trust_env=not is_loopback(jwks_url)) if client is None else client
        self._keys = KeySource(
            jwks_url,
            client=self._client,
            policy=policy or RefreshPolicy(),
            monotonic=monotonic,
        )

    async def start(self) -> None:
        """Begin to read the issuer's keys, in the background."""
        self._keys.start()

    async def close(self) -> None:
        """Stop reading. Safe to call twice."""
        await self._keys.close()
        if self._owns_client:
            await self._client.aclose()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None
    ) -> None:
        await self.close()

    @property
    def ready(self) -> bool:
        """Whether tokens can be verified now, for health checks."""
        return self._keys.ready

    async def verify(self, token: str) -> Caller:
        """Turn a bearer token into a caller; see the port for what it raises.

        Also raises ``ForbiddenError`` (``no_role``) for a valid token that gives no level.
        """
        signed = read_token(token)
        key = await self._keys.find(signed.kid, signed.algorithm)
        if key is None:
            raise refused("its key is not one of the issuer's")
        if not key.verifies(signed.signing_input, signed.signature):
            raise refused("the signature does not verify")
        return self._claims.caller(read_object(signed.payload, "payload"), self._clock.now())
