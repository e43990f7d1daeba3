import io
from typing import Any

import pytest
from rich.console import Console

from aumos_agent_framework.demo.terminal import SHOWN_LINES, Terminal, visible
from tests.unit.demo.fake_api import a_step


@pytest.fixture
def screen() -> io.StringIO:
    return io.StringIO()


@pytest.fixture
def terminal(screen: io.StringIO) -> Terminal:
    return Terminal(Console(file=screen, width=100))


def a_request(**arguments: Any) -> dict[str, Any]:
    return {
        "tool": "publish",
        "required_level": 3,
        "node": "publish",
        "initiated_by": "alice",
        "expires_at": "2026-11-23T12:00:00Z",
        "digest": "d" * 64,
        "action_description": "Call publish",
        "arguments": arguments,
    }


class TestSteps:
    def test_each_start_and_end_is_one_line_in_the_order_of_time(self, terminal: Terminal, screen: io.StringIO) -> None:
        call = {"tool": "look_up", "arguments": {}}
        terminal.steps([a_step(1, "left", "agent", "running"), a_step(2, "right", "agent", "running")])
        terminal.steps(
            [
                a_step(1, "left", "agent", ended_at="2026-11-22T12:00:09Z"),
                a_step(2, "right", "agent", "running"),
                a_step(3, "left", "think", parent_seq=1),
                a_step(4, "left", "act", parent_seq=1, input=call),
            ]
        )
        assert [line.split() for line in screen.getvalue().splitlines()] == [
            ["left", "▶", "agent"],
            ["right", "▶", "agent"],
            ["left", "✓", "model", "turn", "0.50", "s"],
            ["left", "▶", "look_up"],
            ["left", "✓", "look_up", "0.50", "s"],
            ["left", "✓", "agent", "8.00", "s"],
        ]

    def test_at_the_same_time_inner_steps_end_before_outer_ones_and_ends_come_before_starts(
        self, terminal: Terminal, screen: io.StringIO
    ) -> None:
        at = {"ended_at": "2026-11-22T12:00:09Z"}
        terminal.steps(
            [
                a_step(1, "left", "agent", **at),
                a_step(2, "left", "think", parent_seq=1, **at),
                a_step(9, "right", "transform", **at),
                a_step(10, "next", "agent", "running", started_at=at["ended_at"]),
            ]
        )
        assert [" ".join(line.split()[:3]) for line in screen.getvalue().splitlines()] == [
            "left ▶ agent",
            "left ✓ model",
            "left ✓ agent",
            "right ▶ transform",
            "right ✓ transform",
            "next ▶ agent",
        ]

    def test_nothing_is_printed_twice(self, terminal: Terminal, screen: io.StringIO) -> None:
        for _ in range(3):
            terminal.steps([a_step(1, "left", "agent", "running")])
        assert len(screen.getvalue().splitlines()) == 1

    def test_says_what_went_wrong(self, terminal: Terminal, screen: io.StringIO) -> None:
        terminal.steps([a_step(1, "left", "tool", "failed", error={"code": "x", "message": "no such order"})])
        assert "tool failed: no such order" in screen.getvalue()

    def test_a_step_goes_from_waiting_to_done(self, terminal: Terminal, screen: io.StringIO) -> None:
        call = {"tool": "publish", "arguments": {}}
        for status in ("running", "waiting", "completed"):
            terminal.steps([a_step(1, "left", "act", status, input=call)])
        marks = [line.split()[1] for line in screen.getvalue().splitlines()]
        assert marks == ["▶", "?", "✓"]

    @pytest.mark.parametrize(
        ("asked", "shown"),
        [
            ({"truncated": True, "bytes": 9, "head": '{"tool":"look_up","arguments":{"a'}, "look_up"),
            ({"truncated": True, "bytes": 9, "head": "?"}, "tool call"),
            (None, "tool call"),
        ],
    )
    def test_finds_the_tool_in_what_the_history_kept(
        self, terminal: Terminal, screen: io.StringIO, asked: Any, shown: str
    ) -> None:
        terminal.steps([a_step(1, "left", "act", "running", input=asked)])
        assert shown in screen.getvalue()


class TestApproval:
    def test_shows_who_asks_for_what(self, terminal: Terminal, screen: io.StringIO) -> None:
        terminal.approval(a_request(path="audit.md", count=3))
        for part in ("Call publish", "publish, needs level 3", "run of alice", "d" * 64, "audit.md", "3"):
            assert part in screen.getvalue()

    def test_a_long_text_is_shortened_and_says_so(self, terminal: Terminal, screen: io.StringIO) -> None:
        text = "\n".join(f"line {number}" for number in range(100))
        terminal.approval(a_request(text=text))
        shown = screen.getvalue()
        assert f"line {SHOWN_LINES - 1}" in shown
        assert f"line {SHOWN_LINES}" not in shown
        assert f"… {100 - SHOWN_LINES} more lines" in shown
        assert f"{len(text)} characters" in shown

    def test_one_endless_line_is_shortened_too(self, terminal: Terminal, screen: io.StringIO) -> None:
        terminal.approval(a_request(text="x" * 50_000))
        assert len(screen.getvalue()) < 6_000
        assert "50000 characters" in screen.getvalue()

    def test_markup_is_text(self, terminal: Terminal, screen: io.StringIO) -> None:
        terminal.approval(a_request(path="[red]audit[/red].md"))
        assert "[red]audit[/red].md" in screen.getvalue()

    def test_arguments_cannot_repaint_the_screen(self, terminal: Terminal, screen: io.StringIO) -> None:
        terminal.approval(a_request(path="\x1b[2J\x1b[1;1Hharmless.md\r", text="a\u202eb\x9b2J"))
        assert not {"\x1b", "\x9b", "\r", "\u202e"} & set(screen.getvalue())

    def test_without_unicode_everything_is_ascii(self) -> None:
        raw = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
        terminal = Terminal(Console(file=raw, width=100))
        terminal.heading("Part")
        terminal.steps([a_step(1, "left", "agent")])
        terminal.approval(a_request(path="audit.md"))
        raw.flush()
        assert b"audit.md" in raw.buffer.getvalue()  # type: ignore[attr-defined]


class TestAsk:
    def test_asks_until_it_is_yes_or_no(
        self, terminal: Terminal, screen: io.StringIO, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("sys.stdin", io.StringIO("\nmaybe\nYES\nno\n"))
        assert terminal.ask() is True
        assert terminal.ask() is False
        assert screen.getvalue().count("Approve this call") == 4

    def test_no_answer_is_no_yes(self, terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("sys.stdin", io.StringIO(""))
        with pytest.raises(EOFError):
            terminal.ask()


class TestVisible:
    @pytest.mark.parametrize("text", ["plain", "Umlaut ä", "tab\tline\n", "日本語", "✓"])
    def test_leaves_text_alone(self, text: str) -> None:
        assert visible(text) == text

    @pytest.mark.parametrize("character", ["\x00", "\x07", "\x08", "\r", "\x1b", "\x7f", "\x9b", "\u202e", "\u2066"])
    def test_shows_what_would_deceive(self, character: str) -> None:
        assert visible(f"a{character}b") == "a\ufffdb"
