import gzip
from collections.abc import AsyncIterator
from typing import Any

import pytest

from aumos_agent_framework.adapters.tools.http_answer import (
    AnswerHead,
    BodyReader,
    UnusableAnswerError,
    to_result,
)


def head(content_type: str | None = None, **headers: str) -> AnswerHead:
    pairs = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    if content_type is not None:
        pairs.append((b"Content-Type", content_type.encode()))
    return AnswerHead(pairs)


class Stream:
    """A body in pieces; counts how many were asked for."""

    def __init__(self, *pieces: bytes) -> None:
        self.pieces = pieces
        self.given = 0

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for piece in self.pieces:
            self.given += 1
            yield piece


class TestToResult:
    @pytest.mark.parametrize(
        ("content_type", "body", "result"),
        [
            ("application/json", b'{"a": [1, null]}', {"a": [1, None]}),
            ("application/json; charset=utf-8", b'"x"', "x"),
            ("Application/JSON", b"1.5", 1.5),
            ("application/problem+json", b"[]", []),
            ("application/json", b"", None),
            ("text/plain", b"hello", "hello"),
            ("text/html; charset=iso-8859-1", b"gr\xfc\xdfe", "grüße"),
            ("text/csv", b"a,b", "a,b"),
            ("application/xml", b"<a/>", "<a/>"),
            (None, b"no type", "no type"),
            ("text/plain; charset=utf-8", b"\xff", "\ufffd"),
            ("text/plain; charset=nonsense", "ä".encode(), "ä"),
            ("text/plain; charset=zlib", b"plain", "plain"),
            ("text/plain; charset=undefined", b"plain", "plain"),
            ("text/plain", b"a\x00b", "a\ufffdb"),
            ("application/json", b'{"a\\u0000": ["b\\u0000", 1]}', {"a\ufffd": ["b\ufffd", 1]}),
        ],
    )
    def test_reads_json_and_text(self, content_type: str | None, body: bytes, result: Any) -> None:
        assert to_result(head(content_type), body) == result

    @pytest.mark.parametrize(
        ("content_type", "body"),
        [
            ("application/json", b"{"),
            ("application/json", b"NaN"),
            ("application/json", b'"\xff"'),
            ("application/json", b"[" * 5000 + b"]" * 5000),
            ("image/png", b"\x89PNG"),
            ("application/octet-stream", b"x"),
        ],
    )
    def test_refuses_the_rest(self, content_type: str, body: bytes) -> None:
        with pytest.raises(UnusableAnswerError):
            to_result(head(content_type), body)


class TestBodyReader:
    async def test_joins_the_pieces(self) -> None:
        assert await BodyReader("identity").read(Stream(b"a", b"", b"bc")) == b"abc"

    async def test_stops_reading_at_the_limit(self) -> None:
        stream = Stream(*[b"x" * 10] * 100)
        with pytest.raises(UnusableAnswerError, match="larger than 25"):
            await BodyReader("identity", 25).read(stream)
        assert stream.given == 3

    async def test_exactly_the_limit_is_fine(self) -> None:
        assert await BodyReader("identity", 4).read(Stream(b"ab", b"cd")) == b"abcd"

    async def test_keeps_what_it_read_before_an_error(self) -> None:
        reader = BodyReader("identity", 4)
        with pytest.raises(UnusableAnswerError):
            await reader.read(Stream(b"abcdef"))
        assert reader.so_far == b"abcd"

    async def test_unpacks_gzip_in_any_pieces(self) -> None:
        packed = gzip.compress(b"hello " * 100)
        pieces = [packed[at : at + 1] for at in range(len(packed))]
        assert await BodyReader("gzip").read(Stream(*pieces)) == b"hello " * 100

    async def test_unpacks_several_members(self) -> None:
        assert await BodyReader("gzip").read(Stream(gzip.compress(b"a") + gzip.compress(b"b"))) == b"ab"

    async def test_an_empty_packed_body_is_empty(self) -> None:
        assert await BodyReader("gzip").read(Stream()) == b""

    async def test_a_bomb_never_grows_beyond_the_limit(self) -> None:
        bomb = gzip.compress(b"\x00" * 50_000_000)
        reader = BodyReader("gzip", 1000)
        with pytest.raises(UnusableAnswerError, match="larger than 1000"):
            await reader.read(Stream(bomb))
        assert len(reader.so_far) == 1000

    @pytest.mark.parametrize("body", [b"not gzip", gzip.compress(b"cut")[:-4]], ids=["none", "cut off"])
    async def test_a_damaged_body_is_refused(self, body: bytes) -> None:
        with pytest.raises(UnusableAnswerError, match="damaged"):
            await BodyReader("gzip").read(Stream(body))

    @pytest.mark.parametrize("encoding", ["br", "zstd", "deflate", "gzip, gzip"])
    async def test_other_encodings_are_refused(self, encoding: str) -> None:
        with pytest.raises(UnusableAnswerError, match="compressed as"):
            await BodyReader(encoding).read(Stream(b"x"))


class TestAnswerHead:
    def test_knows_the_encoding(self) -> None:
        assert head(content_encoding=" GZIP ").encoding == "gzip"
        assert head().encoding == "identity"
