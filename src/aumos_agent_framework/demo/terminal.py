"""What the demo shows and asks. Everything that comes from the service is untrusted text: it is shown, never obeyed."""

import hashlib
import re
from collections.abc import Mapping, Sequence
from datetime import datetime

import orjson
from rich.console import Console, Group
from rich.panel import Panel
from rich.rule import Rule
from rich.text import Text

from aumos_agent_framework.core.types import JsonObject, JsonValue

SHOWN_LINES = 24
SHOWN_CHARACTERS = 2_000
_NODE_WIDTH = 9
_WHAT_WIDTH = 46
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
        self._seen: dict[int, str] = {}

    def say(self, text: str, style: str = "") -> None:
        """Print one paragraph."""
        self._console.print(Text(visible(text), style=style), soft_wrap=True)

    def heading(self, text: str) -> None:
        """Begin a part."""
        self._console.print()
        self._console.print(Rule(Text(visible(text), style="bold"), align="left", characters=self._line))

    def steps(self, steps: Sequence[JsonObject]) -> None:
        """Print every step that has begun, begun to wait, or ended since the last call."""
        nodes = {step["seq"]: step for step in steps}
        for step in sorted(steps, key=_when):
            before = self._seen.get(step["seq"])
            if before is None and step["status"] not in {"running", "waiting"} and step["kind"] != "think":
                self._step(step, "running", nodes)
            if before != step["status"] and not (step["kind"] == "think" and step["status"] == "running"):
                self._step(step, step["status"], nodes)
            self._seen[step["seq"]] = step["status"]

    def approval(self, request: JsonObject) -> None:
        """Show what an agent asks for: the arguments as they are, long texts by their beginning and their digest."""
        head = Text.assemble(
            *_labelled("tool", f"{request['tool']}, needs level {request['required_level']}"),
            *_labelled("asked by", f"node {request['node']}, run of {request['initiated_by']}"),
            *_labelled("open until", str(request["expires_at"])),
            *_labelled("digest", str(request["digest"])),
        )
        arguments = [_argument(name, value) for name, value in (request["arguments"] or {}).items()]
        title = Text(visible(f"Approval needed: {request['action_description']}"), style="bold")
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

    def _step(self, step: JsonObject, status: str, steps: Mapping[int, JsonObject]) -> None:
        marks = _ASCII_MARKS if self._console.options.ascii_only else _MARKS
        what = visible(_what(step, status))
        seconds = _seconds(step) if status != "running" else ""
        line = Text.assemble(
            (f"{visible(step['node']):<{_NODE_WIDTH}} ", "bold"),
            (f"{marks.get(status, ' ')} ", _STYLES.get(status, "")),
            (f"{what:<{_WHAT_WIDTH}}", "dim" if step.get("parent_seq") in steps else ""),
            (seconds, "dim"),
        )
        line.rstrip()
        self._console.print(line, soft_wrap=True)


def _what(step: JsonObject, status: str) -> str:
    """Say what a step is in a few words."""
    if status in {"failed", "cancelled"}:
        error = step.get("error") or {}
        return f"{_name(step)} {status}: {error.get('message') or error.get('code') or ''}".rstrip(": ")
    if status == "waiting":
        return f"{_name(step)} waits for a person"
    return _name(step)


def _name(step: JsonObject) -> str:
    if step["kind"] == "act":
        asked = step.get("input")
        return str(asked.get("tool") or "tool") if isinstance(asked, dict) else "tool"
    if step["kind"] == "think":
        return f"model: {_decided(step.get('output'))}"
    return str(step["kind"])


def _decided(message: JsonValue) -> str:
    calls = message.get("tool_calls") if isinstance(message, dict) else None
    if calls:
        return "calls " + ", ".join(call["function"]["name"] for call in calls)
    return "answers"


def _seconds(step: JsonObject) -> str:
    if not step.get("ended_at"):
        return ""
    took = datetime.fromisoformat(step["ended_at"]) - datetime.fromisoformat(step["started_at"])
    return f"{took.total_seconds():6.2f} s"


def _when(step: JsonObject) -> tuple[bool, str, int]:
    """Order what happened between two looks: starts and ends by their time."""
    return (not step.get("ended_at"), step.get("ended_at") or step["started_at"], step["seq"])


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
