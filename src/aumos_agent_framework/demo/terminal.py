"""What the demo shows and asks. Everything that comes from the service is untrusted text: it is shown, never obeyed."""

import hashlib
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from operator import itemgetter

import orjson
from rich.box import ASCII, ROUNDED, Box
from rich.console import Console, Group
from rich.panel import Panel
from rich.rule import Rule
from rich.text import Text

from aumos_agent_framework.core.types import JsonObject, JsonValue

SHOWN_LINES = 24
SHOWN_CHARACTERS = 2_000
_NODE_WIDTH = 9
_LATEST = datetime.max.replace(tzinfo=UTC)
_KINDS = {"think": "model turn"}
# Control characters move the cursor or rewrite what was shown; direction marks show text in another order.
_DECEPTIVE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]")
_MARKS = {"running": "▶", "waiting": "?", "completed": "✓", "failed": "✗", "cancelled": "-"}
_ASCII_MARKS = {"running": ">", "waiting": "?", "completed": "+", "failed": "x", "cancelled": "-"}
_STYLES = {"running": "cyan", "waiting": "yellow", "completed": "green", "failed": "red", "cancelled": "dim"}


def visible(text: str) -> str:
    """Replace characters that make a terminal show something else than the text."""
    return _DECEPTIVE.sub("\ufffd", text)


class Terminal:
    """Prints lines as things happen: the same on a terminal and in a log."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._shown: dict[int, str] = {}

    def say(self, text: str, style: str = "") -> None:
        """Print one paragraph."""
        self._console.print(Text(visible(text), style=style), soft_wrap=True)

    def heading(self, text: str) -> None:
        """Begin a part."""
        self._console.print()
        self._console.print(Rule(Text(visible(text), style="bold"), align="left", characters=self._line))

    def steps(self, steps: Sequence[JsonObject]) -> None:
        """Print what has begun, begun to wait, or ended since the last call, in the order in which it happened."""
        for step, status in self._changes(steps):
            self._step(step, status)

    def _changes(self, steps: Sequence[JsonObject]) -> list[tuple[JsonObject, str]]:
        changes: list[tuple[_Moment, JsonObject, str]] = []
        for step in steps:
            before, status = self._shown.get(step["seq"]), step["status"]
            self._shown[step["seq"]] = status
            if before is None and step["kind"] != "think":
                changes.append((_start(step), step, "running"))
            if status not in {before, "running"}:
                changes.append((_end(step), step, status))
        return [(step, status) for _, step, status in sorted(changes, key=itemgetter(0))]

    def approval(self, request: JsonObject) -> None:
        """Show what an agent asks for: the arguments as they are, long texts by their beginning and their digest."""
        head = Text.assemble(
            f"{visible(request['action_description'])}\n\n",
            *_labelled("tool", f"{request['tool']}, needs level {request['required_level']}"),
            *_labelled("asked by", f"node {request['node']}, run of {request['initiated_by']}"),
            *_labelled("open until", str(request["expires_at"])),
            *_labelled("digest", str(request["digest"])),
        )
        arguments = [_argument(name, value) for name, value in (request["arguments"] or {}).items()]
        title = Text("Approval needed", style="bold")
        self._console.print()
        self._console.print(
            Panel(Group(head, *arguments), title=title, title_align="left", border_style="yellow", box=self._box)
        )

    def ask(self) -> bool:
        """Ask until the answer is yes or no.

        Raises:
            EOFError: nobody is there to answer.
        """
        while True:
            answer = self._console.input(Text("Approve this call as bob? [y/n] ", style="bold yellow"))
            if answer.strip().lower() in {"y", "yes"}:
                return True
            if answer.strip().lower() in {"n", "no"}:
                return False

    def report(self, text: str) -> None:
        """Show the beginning of the report."""
        self._console.print(Text(_beginning(text)), soft_wrap=True)

    @property
    def _line(self) -> str:
        return "-" if self._console.options.ascii_only else "─"

    @property
    def _box(self) -> Box:
        return ASCII if self._console.options.ascii_only else ROUNDED

    def _step(self, step: JsonObject, status: str) -> None:
        marks = _ASCII_MARKS if self._console.options.ascii_only else _MARKS
        line = Text.assemble(
            (f"{visible(step['node']):<{_NODE_WIDTH}} ", "bold"),
            (f"{marks.get(status, '-')} ", _STYLES.get(status, "")),
            ("  " if step["parent_seq"] else "", ""),
            f"{visible(_what(step, status))}  ",
            (_seconds(step) if status != "running" else "", "dim"),
        )
        line.rstrip()
        self._console.print(line, soft_wrap=True)


def _what(step: JsonObject, status: str) -> str:
    """Say what a step is, and what became of it if that is not what was hoped for."""
    name = _tool_of(step["input"]) if step["kind"] == "act" else _KINDS.get(step["kind"], step["kind"])
    if status == "waiting":
        return f"{name} waits for a person"
    if status in {"failed", "cancelled"}:
        return f"{name} {status}: {(step['error'] or {}).get('message', 'no reason given')}"
    return str(name)


def _tool_of(asked: JsonValue) -> str:
    """Return the tool of a call; the history keeps only the beginning of a call with large arguments."""
    if not isinstance(asked, dict):
        return "tool call"
    if "tool" in asked:
        return str(asked["tool"])
    found = re.match(r'\{"tool":"([A-Za-z0-9_-]+)"', str(asked.get("head", "")))
    return found[1] if found else "tool call"


def _seconds(step: JsonObject) -> str:
    if not step["ended_at"]:
        return ""
    took = _time(step["ended_at"]) - _time(step["started_at"])
    return f"{took.total_seconds():.2f} s"


_Moment = tuple[datetime, int, int, int]


def _start(step: JsonObject) -> _Moment:
    return _time(step["started_at"]), 1, step["seq"], 0


def _end(step: JsonObject) -> _Moment:
    """Order ends: of what happened at the same time, ends come before starts, and inner steps end before outer ones."""
    ended = _time(step["ended_at"])
    if ended > _time(step["started_at"]):
        return ended, 0, -step["seq"], 0
    return ended, 1, step["seq"], 1


def _time(text: str | None) -> datetime:
    """Read a time; what has not come yet is later than everything."""
    return _LATEST if text is None else datetime.fromisoformat(text)


def _labelled(label: str, value: str) -> list[tuple[str, str] | str]:
    return [(f"{label:<11}", "bold"), f"{visible(value)}\n"]


def _argument(name: str, value: JsonValue) -> Text:
    text = value if isinstance(value, str) else orjson.dumps(value, option=orjson.OPT_INDENT_2).decode()
    if "\n" not in text and len(text) <= SHOWN_CHARACTERS:
        return Text.assemble((f"{visible(name):<11}", "bold"), visible(text))
    content = text.encode()
    about = f"{len(text)} characters, {len(content)} bytes, SHA-256 {hashlib.sha256(content).hexdigest()}"
    return Text.assemble((f"{visible(name)}", "bold"), (f"  {about}\n", "dim"), _beginning(text))


def _beginning(text: str) -> str:
    """Return the first lines of a text, and how much more there is."""
    lines = text[:SHOWN_CHARACTERS].splitlines()[:SHOWN_LINES]
    shown = "\n".join(lines)
    rest = len(text.splitlines()) - len(lines)
    more = f"\n… {rest} more lines" if rest > 0 else "\n…" if len(shown) < len(text.rstrip("\n")) else ""
    return visible(shown) + more
