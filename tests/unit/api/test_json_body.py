"""Reading bodies: what is refused, how, and where it points."""

import pytest

from aumos_agent_framework.api.json_body import MAX_DEPTH, parse
from aumos_agent_framework.core.errors import InvalidInputError


def nested(levels: int) -> bytes:
    return b"[" * levels + b"]" * levels


MALFORMED = {
    "cut short": b"{",
    "something after it": b'{"a": 1} x',
    "single quotes": b"{'a': 1}",
    "not a number": b'{"a": NaN}',
    "infinity": b"[Infinity]",
    "minus infinity": b"[-Infinity]",
    "no finite value": b"1e999",
    "not UTF-8": b'"\xff"',
    "byte order mark": b"\xef\xbb\xbf{}",
    "UTF-16": '{"a": 1}'.encode("utf-16"),
    "one level too deep": nested(MAX_DEPTH + 1),
    "far too deep": nested(10_000),
    "deep and never closed": b"[" * 10_000,
    "deep objects": b'{"a":' * 10_000,
}


class TestWhatIsKept:
    @pytest.mark.parametrize(
        ("body", "value"),
        [
            (b'{"a": [1, 2.5, true, null, "x"]}', {"a": [1, 2.5, True, None, "x"]}),
            (b"9223372036854775807", 2**63 - 1),
            (b"-9223372036854775808", -(2**63)),
            (rb'"\\u0000"', "\\u0000"),
            (rb'"\ud83d\ude00"', "😀"),
            ('"grüße"'.encode(), "grüße"),
            (b"null", None),
        ],
    )
    def test_ordinary_json_comes_back_as_it_is(self, body: bytes, value: object) -> None:
        assert parse(body) == value

    def test_the_deepest_nesting_that_is_allowed(self) -> None:
        assert parse(nested(MAX_DEPTH)) is not None


class TestMalformed:
    @pytest.mark.parametrize("body", MALFORMED.values(), ids=MALFORMED.keys())
    def test_is_refused_as_malformed(self, body: bytes) -> None:
        with pytest.raises(InvalidInputError) as refused:
            parse(body)

        assert refused.value.code == "malformed_json"

    def test_says_where(self) -> None:
        with pytest.raises(InvalidInputError, match="line 2, column 3"):
            parse(b'{"a": 1,\n  b}')


class TestWhatCannotBeKept:
    @pytest.mark.parametrize(
        ("body", "pointer", "code"),
        [
            (b'{"a": {"b/c": [0, 9223372036854775808]}}', "/a/b~1c/1", "number_out_of_range"),
            (b'{"a": -9223372036854775809}', "/a", "number_out_of_range"),
            (b"9" * 5_000, "", "number_out_of_range"),
            (rb'{"a": ["x\u0000y"]}', "/a/0", "nul_character"),
            (rb'{"a": "\ud800"}', "/a", "lone_surrogate"),
            (rb'{"a": "\udc00 later"}', "/a", "lone_surrogate"),
            (rb'{"\ud800": 1}', "/\\ud800", "lone_surrogate"),
        ],
        ids=["beyond", "below", "thousands of digits", "NUL", "high half", "low half", "half in a name"],
    )
    def test_is_refused_with_its_place(self, body: bytes, pointer: str, code: str) -> None:
        with pytest.raises(InvalidInputError) as refused:
            parse(body)

        assert refused.value.code == "invalid_input"
        assert [(problem.pointer, problem.code) for problem in refused.value.problems] == [(pointer, code)]

    def test_every_place_is_named(self) -> None:
        with pytest.raises(InvalidInputError) as refused:
            parse(rb'{"a": "\u0000", "b": [18446744073709551616]}')

        assert [problem.pointer for problem in refused.value.problems] == ["/a", "/b/0"]

    def test_a_flood_of_faults_is_cut_short(self) -> None:
        with pytest.raises(InvalidInputError) as refused:
            parse(b"[" + b",".join([rb'"\u0000"'] * 500) + b"]")

        assert len(refused.value.problems) == 100
