"""Scripts for the stub's model: what it says and calls, turn by turn.

A script is a YAML list in a fenced block marked ``script``. Each item is one turn of the model:

- ``{call: {tool, arguments}}`` or ``{calls: [{tool, arguments}, ...]}`` (in parallel) asks for tool calls;
- ``{say: text}`` answers; a value that is no string is said as JSON;
- ``{fail: 500}`` answers with this HTTP status, 400 to 599. Nothing is remembered, so that turn fails each time;
- ``delay: seconds`` (at most 60) stands beside one of these, or as an item of its own before the turn it delays.

``${{ CEL }}`` may stand in ``tool``, ``arguments`` and ``say``, over ``input`` (the last user message) and ``results``
(the tool results so far, in order), each parsed as JSON where it is JSON. ``arguments`` that are, or become, a string
are sent as they are: so a script can send what is no JSON, as models do at times.
"""

import re
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import orjson
import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from aumos_agent_framework.core.graph.expressions import ExpressionError, Template
from aumos_agent_framework.core.types import JsonValue

MAX_DELAY_SECONDS = 60.0
MAX_SCRIPT_LENGTH = 65_536
MAX_CALLS = 32
_FENCE = re.compile(
    r"^[ \t]*(?P<fence>`{3,}|~{3,})[ \t]*script[ \t]*\n(?P<body>.*?)^[ \t]*(?P=fence)[ \t]*$",
    re.MULTILINE | re.DOTALL,
)
_ANSWERS = ("call", "calls", "say", "fail")


class ScriptError(Exception):
    """The script cannot be followed: it is missing, does not parse, cannot be evaluated or is at its end."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


@dataclass(frozen=True, slots=True)
class PlannedCall:
    """A tool call with its arguments as they go over the wire."""

    tool: str
    arguments: str


@dataclass(frozen=True, slots=True)
class Answer:
    """One turn, evaluated: text or calls, or a failure with this HTTP status."""

    text: str | None = None
    calls: tuple[PlannedCall, ...] = ()
    fail: int | None = None


@dataclass(frozen=True, slots=True)
class Turn:
    """One turn, compiled. ``line`` counts from the first line inside the block."""

    line: int
    delay_seconds: float
    say: Template | None
    calls: tuple[tuple[Template, Template], ...]
    fail: int | None

    def answer(self, scope: Mapping[str, Any]) -> Answer:
        """Evaluate the expressions.

        Raises:
            ScriptError: ``script_failed``, with the line.
        """
        try:
            if self.say is not None:
                return Answer(text=_as_text(self.say.render(scope)))
            return Answer(calls=tuple(self._planned(*call, scope) for call in self.calls), fail=self.fail)
        except ExpressionError as error:
            raise ScriptError("script_failed", f"Line {self.line} of the script: {error.message}.") from error

    def _planned(self, tool: Template, arguments: Template, scope: Mapping[str, Any]) -> PlannedCall:
        name, values = tool.render(scope), arguments.render(scope)
        if not isinstance(name, str) or not isinstance(values, dict | str):
            message = f"Line {self.line} of the script: a call needs a tool's name and an object of arguments."
            raise ScriptError("script_failed", message)
        return PlannedCall(name, _as_text(values))


def find_script(instructions: str) -> str:
    """Return the text of the one block marked ``script``.

    Raises:
        ScriptError: ``script_missing`` or ``script_invalid``.
    """
    blocks = list(_FENCE.finditer(instructions.replace("\r\n", "\n")))
    if not blocks:
        message = "The system message holds no script: a YAML list in a fenced block marked `script`."
        raise ScriptError("script_missing", message)
    if len(blocks) > 1:
        raise ScriptError("script_invalid", "The system message holds more than one script.")
    body = textwrap.dedent(blocks[0]["body"])
    if len(body) > MAX_SCRIPT_LENGTH:
        raise ScriptError("script_invalid", f"The script is longer than {MAX_SCRIPT_LENGTH} characters.")
    return body


def read_script(text: str) -> tuple[Turn, ...]:
    """Compile a script, all of it, so that a fault in its last turn shows at the first.

    Raises:
        ScriptError: ``script_invalid``, with the line.
    """
    turns: list[Turn] = []
    pause = 0.0
    for line, item in _items(text):
        turn = _turn(line, item)
        delay = turn.delay_seconds + pause
        if delay > MAX_DELAY_SECONDS:
            raise _invalid(line, f"a turn is delayed by at most {MAX_DELAY_SECONDS:g} seconds")
        if turn.say is None and not turn.calls and turn.fail is None:
            pause = delay
            continue
        turns.append(replace(turn, delay_seconds=delay))
        pause = 0.0
    if not turns or pause:
        raise ScriptError("script_invalid", "The script ends before it says, calls or fails anything.")
    return tuple(turns)


def turn_at(turns: Sequence[Turn], index: int) -> Turn:
    """Return the turn after ``index`` answers.

    Raises:
        ScriptError: ``script_exhausted``.
    """
    if index >= len(turns):
        message = f"The script has {len(turns)} turns, and the model was asked for turn {index + 1}."
        raise ScriptError("script_exhausted", message)
    return turns[index]


class _Call(BaseModel):
    model_config = ConfigDict(extra="forbid")

    tool: str = Field(min_length=1)
    arguments: dict[str, Any] | str = Field(default_factory=dict)


class _Item(BaseModel):
    model_config = ConfigDict(extra="forbid")

    call: _Call | None = None
    calls: list[_Call] | None = Field(None, min_length=1, max_length=MAX_CALLS)
    say: Any = None
    fail: int | None = Field(None, ge=400, le=599, strict=True)
    delay: float = Field(0.0, ge=0.0, le=MAX_DELAY_SECONDS, strict=True)

    @model_validator(mode="after")
    def _says_one_thing(self) -> "_Item":
        said = [name for name in _ANSWERS if getattr(self, name) is not None]
        if len(said) > 1 or (not said and "delay" not in self.model_fields_set):
            raise ValueError("a turn is one of call, calls, say and fail, with or without delay, or a delay alone")
        return self


class _Loader(yaml.SafeLoader):
    """YAML whose values are those of JSON: dates stay text, no tags, and no aliases that could unfold without end."""

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        event = self.peek_event()  # type: ignore[no-untyped-call]  # the stubs leave it untyped
        if isinstance(event, yaml.AliasEvent) or getattr(event, "tag", None) is not None:
            raise yaml.MarkedYAMLError(problem="aliases and tags are not supported", problem_mark=event.start_mark)
        return super().compose_node(parent, index)


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def _items(text: str) -> Iterator[tuple[int, JsonValue]]:
    """Yield each item of the list with its line."""
    try:
        loader = _Loader(text)
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise _invalid(line, "it holds a character that YAML does not allow") from error
    try:
        root = loader.get_single_node()
        if not isinstance(root, yaml.SequenceNode):
            raise _invalid(1, "a script is a list of turns")
        for node in root.value:
            yield node.start_mark.line + 1, loader.construct_object(node, deep=True)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        hint = " (a string with ${{ }} inside braces or brackets needs quotes)" if "${{" in text else ""
        raise _invalid(line, f"{error.problem}{hint}") from error
    except RecursionError as error:
        raise _invalid(1, "it is nested too deep") from error
    finally:
        loader.dispose()


def _turn(line: int, item: JsonValue) -> Turn:
    if not isinstance(item, dict):
        raise _invalid(line, "a turn is an object such as {say: text}")
    try:
        orjson.dumps(item)
        checked = _Item.model_validate(item)
        calls = [checked.call] if checked.call else checked.calls or []
        return Turn(
            line=line,
            delay_seconds=checked.delay,
            say=None if checked.say is None else Template(checked.say),
            calls=tuple((Template(call.tool), Template(call.arguments)) for call in calls),
            fail=checked.fail,
        )
    except ValidationError as error:
        fault = error.errors()[0]
        place = "".join(f"{part}: " for part in fault["loc"])
        raise _invalid(line, place + fault["msg"].removeprefix("Value error, ")) from error
    except TypeError as error:  # orjson: keys that are no text, numbers beyond 64 bits
        raise _invalid(line, f"no JSON: {error}") from error
    except ExpressionError as error:
        raise _invalid(line, error.message) from error


def _invalid(line: int, fault: str) -> ScriptError:
    return ScriptError("script_invalid", f"Line {line} of the script: {fault}.")


def _as_text(value: JsonValue) -> str:
    # CEL gives objects back in any order: sorted, so that equal requests get equal answers.
    return value if isinstance(value, str) else orjson.dumps(value, option=orjson.OPT_SORT_KEYS).decode()
