"""The local issuer's public documents, served by the supervisor itself: nothing that could crash apart from it."""

import asyncio
import contextlib
import socket
from collections.abc import Awaitable, Callable, Iterator, Mapping

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from aumos_agent_framework.core.types import JsonObject
from aumos_agent_framework.embedded.ports import LOOPBACK


class IssuerServer:
    """Serves JSON documents by path on a loopback port, within the running event loop."""

    def __init__(self, port: int, documents: Mapping[str, JsonObject]) -> None:
        routes = [Route(path, _answer(document)) for path, document in documents.items()]
        config = uvicorn.Config(Starlette(routes=routes), log_config=None, access_log=False, lifespan="off")
        self._server = _QuietServer(config)
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._address = (LOOPBACK, port)
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Listen; from the return on, requests are answered.

        Raises:
            OSError: the port is taken.
        """
        self._socket.bind(self._address)
        self._socket.listen()
        self._task = asyncio.create_task(self._server.serve(sockets=[self._socket]), name="issuer")

    async def stop(self) -> None:
        """Stop listening."""
        self._server.should_exit = self._server.force_exit = True
        if self._task is not None:
            await asyncio.wait({self._task})
        self._socket.close()


class _QuietServer(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave the signals to the supervisor, which this server is only a part of."""
        yield


def _answer(document: JsonObject) -> Callable[[Request], Awaitable[JSONResponse]]:
    async def endpoint(_: Request) -> JSONResponse:
        return JSONResponse(document)

    return endpoint
