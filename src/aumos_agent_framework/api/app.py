"""The ASGI application."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI
from fastapi.middleware import Middleware

from aumos_agent_framework.api import health
from aumos_agent_framework.api.docs_page import install_docs_page
from aumos_agent_framework.api.errors import install_error_handlers
from aumos_agent_framework.api.middleware import BodyLimit, FaultBoundary, RequestScope
from aumos_agent_framework.api.openapi import describe
from aumos_agent_framework.api.services import ServicesOpener
from aumos_agent_framework.api.v1 import agents, executions, hitl, json_schemas, tools, workflows


class Api(FastAPI):
    """FastAPI with our description."""

    def openapi(self) -> dict[str, Any]:
        """Return the OpenAPI document; built once."""
        if self.openapi_schema is None:
            self.openapi_schema = describe(self)
        return self.openapi_schema


def create_app(open_services: ServicesOpener) -> FastAPI:
    """Build the application.

    Args:
        open_services: opens the services when the server starts, in its event loop, and closes them when it stops.
            The container of the composition root is one.
    """

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with open_services() as services:
            app.state.services = services
            yield

    app = Api(
        lifespan=lifespan,
        redirect_slashes=False,  # a redirect would carry the token and the body to an address nobody asked for
        docs_url=None,
        redoc_url=None,
        swagger_ui_oauth2_redirect_url=None,
        middleware=[Middleware(RequestScope), Middleware(FaultBoundary), Middleware(BodyLimit)],
    )
    install_error_handlers(app)
    install_docs_page(app)
    for router in (
        workflows.router,
        executions.router,
        agents.router,
        tools.router,
        hitl.router,
        json_schemas.router,
        health.router,
    ):
        app.include_router(router)
    return app
