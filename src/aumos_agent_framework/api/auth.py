"""Who calls: the bearer token decides, and nothing else."""

from typing import Annotated
from uuid import UUID

import structlog
from fastapi import Request, Security
from fastapi.openapi.models import HTTPBearer
from fastapi.security.base import SecurityBase

from aumos_agent_framework.core.domain.identity import Caller
from aumos_agent_framework.core.errors import ForbiddenError, UnauthenticatedError
from aumos_agent_framework.core.interfaces.token_verifier import TokenVerifier

TENANT_HEADER = "X-Tenant-ID"


async def authenticate(request: Request) -> Caller:
    """Verify the request's token, once, and bind who it names to the log context.

    Raises:
        UnauthenticatedError: there is no bearer token, there are several, or it does not verify.
        ForbiddenError: ``tenant_mismatch``: the tenant header contradicts the token.
        UnavailableError: the issuer's keys cannot be read.
    """
    known: Caller | None = getattr(request.state, "caller", None)
    if known is not None:
        return known
    verifier: TokenVerifier = request.app.state.services.verifier
    caller = await verifier.verify(_bearer_token(request))
    _require_same_tenant(request, caller)
    structlog.contextvars.bind_contextvars(tenant_id=str(caller.tenant_id), subject=caller.subject)
    request.state.caller = caller
    return caller


class BearerAuth(SecurityBase):
    """Declares the scheme in OpenAPI and gives handlers the caller."""

    def __init__(self) -> None:
        self.model = HTTPBearer(
            bearerFormat="JWT",
            description="A JWT of the configured issuer. It names the tenant, the subject and the privilege level.",
        )
        self.scheme_name = "bearer"

    async def __call__(self, request: Request) -> Caller:
        """Return the caller of this request."""
        return await authenticate(request)


CurrentCaller = Annotated[Caller, Security(BearerAuth())]


def _bearer_token(request: Request) -> str:
    headers = request.headers.getlist("authorization")
    if not headers:
        code, message = "token_missing", "Send a bearer token in the Authorization header."
        raise UnauthenticatedError(code, message)
    scheme, _, token = headers[0].partition(" ")
    token = token.strip()
    if len(headers) > 1 or scheme.lower() != "bearer" or not token or " " in token:
        code, message = "token_malformed", "The Authorization header is not one bearer token."
        raise UnauthenticatedError(code, message)
    return token


def _require_same_tenant(request: Request, caller: Caller) -> None:
    if any(_as_uuid(named) != caller.tenant_id for named in request.headers.getlist(TENANT_HEADER)):
        code, message = "tenant_mismatch", f"{TENANT_HEADER} names another tenant than the token does."
        raise ForbiddenError(code, message)


def _as_uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None
