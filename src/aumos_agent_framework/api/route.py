"""The route class of every protected endpoint."""

from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import Request
from fastapi.routing import APIRoute
from starlette.responses import Response

from aumos_agent_framework.api.auth import authenticate
from aumos_agent_framework.api.json_body import JsonRequest


class SecuredRoute(APIRoute):
    """Authenticates before it reads a byte of the body, and parses the body by our rules.

    The framework on its own reads and parses first and resolves dependencies after, so that anybody could make it
    work, and a handler that forgot to ask for the caller would be open.
    """

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Wrap the framework's handler."""
        handle = super().get_route_handler()
        takes_body = self.body_field is not None

        async def secured(request: Request) -> Response:
            strict = JsonRequest(request.scope, request.receive)
            await authenticate(strict)
            if takes_body:
                await strict.load()
            return await handle(strict)

        return secured
