"""An issuer's key address on a real socket, which hangs, fails and answers as a test says."""

import asyncio
from types import TracebackType
from typing import Self


class KeyServer:
    """Serves ``document``. While held, requests arrive and get no answer until ``release``."""

    def __init__(self, document: bytes) -> None:
        self.document = document
        self.status = "200 OK"
        self.headers: tuple[str, ...] = ()
        self.trickles = False
        self.requests = 0
        self.open_requests = 0
        self.most_open_requests = 0
        self._port = 0
        self._open = asyncio.Event()
        self._open.set()
        self._changed = asyncio.Condition()
        self._server: asyncio.Server | None = None
        self._handlers: set[asyncio.Task[None]] = set()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}/keys"

    def hold(self) -> None:
        self._open.clear()

    def release(self) -> None:
        self._open.set()

    async def reached(self, requests: int) -> None:
        """Return when that many requests have arrived since the start."""
        async with asyncio.timeout(10), self._changed:
            await self._changed.wait_for(lambda: self.requests >= requests)

    async def listen(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self._port)
        self._port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Stop listening; the address stays the same for the next ``listen``."""
        if self._server is not None:
            self._server.close()
            for handler in self._handlers:
                handler.cancel()
            await asyncio.gather(*self._handlers, return_exceptions=True)
            await self._server.wait_closed()
            self._server = None

    async def __aenter__(self) -> Self:
        await self.listen()
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None
    ) -> None:
        await self.stop()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._handlers.add(task)
        try:
            await reader.readuntil(b"\r\n\r\n")
            await self._count(1)
            await self._open.wait()
            head = [
                f"HTTP/1.1 {self.status}",
                f"Content-Length: {len(self.document)}",
                "Connection: close",
                *self.headers,
            ]
            writer.write("\r\n".join([*head, "", ""]).encode())
            await self._send(writer)
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass  # the client went away or the test ends: nobody is left to answer
        finally:
            self.open_requests -= 1
            self._handlers.discard(task)
            writer.close()

    async def _send(self, writer: asyncio.StreamWriter) -> None:
        if self.trickles:
            for _ in self.document:  # each byte in time, the whole never
                writer.write(b" ")
                await writer.drain()
                await asyncio.sleep(0.02)
        writer.write(self.document)
        await writer.drain()

    async def _count(self, change: int) -> None:
        async with self._changed:
            self.requests += change
            self.open_requests += change
            self.most_open_requests = max(self.most_open_requests, self.open_requests)
            self._changed.notify_all()
