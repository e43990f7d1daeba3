"""Who sent a request."""

from typing import Protocol

from aumos_agent_framework.core.domain.identity import Caller


class TokenVerifier(Protocol):
    """Turns a bearer token into a caller."""

    async def verify(self, token: str) -> Caller:
        """Verify signature, issuer, audience, times and claims, and map roles to a level.

        Raises:
            UnauthenticatedError: the token is not valid; the message names no secret.
            ForbiddenError: ``no_role``: the token is valid, but neither its roles nor its claims give a level.
            UnavailableError: the issuer's keys have never been read and cannot be read now.
        """
        ...
