"""Tokens that a test has handed out."""

from collections.abc import Mapping

from aumos_agent_framework.core.domain.identity import Caller
from aumos_agent_framework.core.errors import UnauthenticatedError


class FakeTokenVerifier:
    """See ``TokenVerifier``: knows the tokens it was given and no others."""

    def __init__(self, callers: Mapping[str, Caller]) -> None:
        self._callers = dict(callers)

    async def verify(self, token: str) -> Caller:
        caller = self._callers.get(token)
        if caller is None:
            raise UnauthenticatedError("invalid_token", "The token is not valid.")
        return caller
