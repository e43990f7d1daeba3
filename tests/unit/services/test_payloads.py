from typing import Any

import pytest

from aumos_agent_framework.core.errors import InvalidInputError
from aumos_agent_framework.core.services.payloads import (
    MAX_DEPTH,
    UnstorableError,
    check_optional_text,
    name_problems,
    normalized,
)

LIMIT = 100


class TestNormalized:
    def test_returns_what_storage_gives_back(self) -> None:
        assert normalized({"a": (1, 2), 3: "x"}, LIMIT) == {"a": [1, 2], "3": "x"}

    @pytest.mark.parametrize(
        ("value", "reason"),
        [
            (float("nan"), "no JSON"),
            (float("-inf"), "no JSON"),
            (..., "no JSON"),
            ({(1, 2): 3}, "no JSON"),
            (b"bytes", "no JSON"),
            ("a\x00b", "NUL"),
            ({"a\x00": 1}, "NUL"),
            ("\\\x00", "NUL"),
            ("\ud800", "surrogate"),
            ("x" * 99, "101 bytes"),
            ("é" * 60, "122 bytes"),
        ],
        ids=ascii,
    )
    def test_refuses_what_cannot_be_kept(self, value: object, reason: str) -> None:
        with pytest.raises(UnstorableError, match=reason):
            normalized(value, LIMIT)

    def test_says_whether_it_is_the_size(self) -> None:
        with pytest.raises(UnstorableError) as caught:
            normalized("x" * 99, LIMIT)
        assert caught.value.too_large

    def test_a_written_escape_is_no_nul_character(self) -> None:
        assert normalized("\\u0000", LIMIT) == "\\u0000"

    @pytest.mark.parametrize(("depth", "fits"), [(MAX_DEPTH - 1, True), (MAX_DEPTH + 1, False), (200_000, False)])
    def test_bounds_the_depth(self, depth: int, fits: bool) -> None:  # noqa: FBT001 - a table's column
        value: Any = 1
        for _ in range(depth):
            value = [value]
        if fits:
            assert normalized(value, 10 * MAX_DEPTH) == value
        else:
            with pytest.raises(UnstorableError, match="nested"):
                normalized(value, 10 * MAX_DEPTH)


class TestTexts:
    @pytest.mark.parametrize("name", ["", " x", "x ", "a\nb", "x" * 101, "a\x00", "\u200b"])
    def test_not_a_name(self, name: str) -> None:
        assert [problem.pointer for problem in name_problems(name, "/name")] == ["/name"]

    @pytest.mark.parametrize("name", ["x", "Zürich desk 7", "x" * 100])
    def test_a_name(self, name: str) -> None:
        assert list(name_problems(name, "/name")) == []

    @pytest.mark.parametrize("text", ["a\x00", "\udfff", "x" * 11])
    def test_unstorable_notes(self, text: str) -> None:
        with pytest.raises(InvalidInputError) as caught:
            check_optional_text(text, "/notes", max_length=10)
        assert caught.value.problems[0].pointer == "/notes"

    def test_no_notes_and_line_breaks_are_fine(self) -> None:
        check_optional_text(None, "/notes")
        check_optional_text("one\ntwo\t3", "/notes")
