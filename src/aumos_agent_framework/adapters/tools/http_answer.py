"""Reading an HTTP answer: bounded in size also after decompression, JSON or text."""

import zlib
from collections.abc import AsyncIterable, Sequence
from email.message import Message

from aumos_agent_framework.adapters.tools.results import MAX_RESULT_BYTES, clean_text, parse_json
from aumos_agent_framework.core.types import JsonValue

_GZIP_WINDOW_BITS = 16 + zlib.MAX_WBITS
_TEXT_TYPES = frozenset({"application/xml", "application/yaml", "application/x-www-form-urlencoded"})


class UnusableAnswerError(Exception):
    """The answer arrived and cannot become a result; asking again would not help."""


class AnswerHead:
    """The headers that say how to read a body."""

    def __init__(self, headers: Sequence[tuple[bytes, bytes]]) -> None:
        self._values = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in headers}
        parsed = Message()
        parsed["content-type"] = self._values.get("content-type", "text/plain")
        self.media_type = parsed.get_content_type()
        self._charset = parsed.get_content_charset("utf-8")

    @property
    def encoding(self) -> str:
        """The content encoding, ``identity`` if none."""
        return self._values.get("content-encoding", "").strip().lower() or "identity"

    @property
    def is_json(self) -> bool:
        """Whether the body says that it is JSON."""
        return self.media_type == "application/json" or self.media_type.endswith("+json")

    @property
    def is_text(self) -> bool:
        """Whether the body says that it is text."""
        return self.media_type.startswith("text/") or self.media_type in _TEXT_TYPES

    def text(self, body: bytes) -> str:
        """Decode the body; what does not decode is replaced."""
        try:
            return clean_text(body.decode(self._charset, errors="replace"))
        except (LookupError, UnicodeError):  # a name that Python does not know as a character set
            return clean_text(body.decode("utf-8", errors="replace"))


def to_result(head: AnswerHead, body: bytes) -> JsonValue:
    """Return a body as JSON or as text; an empty one is ``None``.

    Raises:
        UnusableAnswerError: it is neither, or not the JSON that it says it is.
    """
    if not body:
        return None
    if head.is_json:
        try:
            return parse_json(body)
        except ValueError as error:
            raise UnusableAnswerError("its answer is not the JSON that it says it is") from error
    if head.is_text:
        return head.text(body)
    raise UnusableAnswerError(f"its answer is {head.media_type}, neither JSON nor text")


class BodyReader:
    """Reads a body of bounded size, counted as it travels and again as it is unpacked."""

    def __init__(self, encoding: str, limit: int = MAX_RESULT_BYTES) -> None:
        self._encoding = encoding
        self._limit = limit
        self._body = bytearray()

    @property
    def so_far(self) -> bytes:
        """What has been read, at most ``limit`` bytes, also after an error."""
        return bytes(self._body[: self._limit])

    async def read(self, stream: AsyncIterable[bytes]) -> bytes:
        """Read to the end.

        Raises:
            UnusableAnswerError: the body is larger than the limit, damaged, or compressed in another way than asked.
        """
        if self._encoding not in {"identity", "gzip", "x-gzip"}:
            raise UnusableAnswerError(f"its answer is compressed as {self._encoding!r}")
        travelled = 0
        unpack = _Gunzip() if self._encoding != "identity" else None
        async for chunk in stream:
            travelled += len(chunk)
            self._body += chunk if unpack is None else unpack.feed(chunk, self._limit - len(self._body) + 1)
            if max(travelled, len(self._body)) > self._limit:
                raise UnusableAnswerError(f"its answer is larger than {self._limit} bytes")
        if unpack is not None and not unpack.complete:
            raise UnusableAnswerError("its compressed answer is damaged")
        return self.so_far


class _Gunzip:
    """Unpacks gzip without ever making more than it is asked for."""

    def __init__(self) -> None:
        self._inflate = zlib.decompressobj(_GZIP_WINDOW_BITS)
        self._fed = False

    @property
    def complete(self) -> bool:
        """Whether the last member has ended; an empty body counts."""
        return self._inflate.eof or not self._fed

    def feed(self, chunk: bytes, at_most: int) -> bytes:
        """Unpack a chunk, stopping as soon as ``at_most`` bytes are there."""
        self._fed = self._fed or bool(chunk)
        out = bytearray()
        try:
            while chunk and len(out) < at_most:
                if self._inflate.eof:  # a gzip file may be several, one behind the other
                    self._inflate = zlib.decompressobj(_GZIP_WINDOW_BITS)
                out += self._inflate.decompress(chunk, at_most - len(out))
                chunk = self._inflate.unconsumed_tail or self._inflate.unused_data
        except zlib.error as error:
            raise UnusableAnswerError("its compressed answer is damaged") from error
        return bytes(out)
