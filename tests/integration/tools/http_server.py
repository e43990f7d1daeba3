"""A server that says exactly the bytes that a test tells it to."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

Say = Callable[[bytes], Awaitable[None]]
Behaviour = Callable[[Say], Awaitable[None]]


@dataclass(frozen=True)
class Request:
    """What arrived."""

    line: str
    headers: dict[str, str]
    body: bytes


@dataclass
class RawServer:
    """Serves one request per connection with ``behaviour``; counts connections, keeps requests and TLS names."""

    port: int = 0
    behaviour: Behaviour | None = None
    connections: int = 0
    requests: list[Request] = field(default_factory=list)
    server_names: list[str | None] = field(default_factory=list)
    gone: asyncio.Event = field(default_factory=asyncio.Event)
    _serving: dict[asyncio.Task[None] | None, asyncio.Task[None]] = field(default_factory=dict)

    def answer(self, status: str, body: bytes = b"", content_type: str = "application/json", **headers: str) -> None:
        """Answer every request with one whole response."""
        lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", f"Content-Type: {content_type}"]
        lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
        self.answer_raw("\r\n".join(lines).encode() + b"\r\n\r\n" + body)

    def answer_raw(self, raw: bytes) -> None:
        """Answer every request with these bytes and hang up."""

        async def behaviour(say: Say) -> None:
            await say(raw)

        self.behaviour = behaviour

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection, until it has its answer or ``stop`` is called."""
        self.connections += 1
        serving = asyncio.create_task(self._serve(reader, writer))
        self._serving[asyncio.current_task()] = serving
        await asyncio.wait({serving})
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()
        self.gone.set()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        async def say(raw: bytes) -> None:
            writer.write(raw)
            await writer.drain()

        with suppress(ConnectionError, asyncio.IncompleteReadError):
            self.requests.append(await _read(reader))
            if self.behaviour is not None:
                await self.behaviour(say)

    async def stop(self) -> None:
        """Hang up on everybody."""
        for serving in self._serving.values():
            serving.cancel()
        if self._serving:
            await asyncio.wait([connection for connection in self._serving if connection], timeout=5)


async def _read(reader: asyncio.StreamReader) -> Request:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:] if line)}
    return Request(head[0], headers, await reader.readexactly(int(headers.get("content-length", 0))))


@asynccontextmanager
async def raw_server(tls: ssl.SSLContext | None = None) -> AsyncIterator[RawServer]:
    """Run a server on a free port of 127.0.0.1."""
    server = RawServer()
    if tls is not None:
        tls.sni_callback = lambda _socket, name, _context: server.server_names.append(name)
    listening = await asyncio.start_server(server.serve, "127.0.0.1", 0, ssl=tls)
    server.port = listening.sockets[0].getsockname()[1]
    try:
        yield server
    finally:
        await server.stop()
        listening.close()
