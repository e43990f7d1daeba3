"""CEL expressions, and templates: JSON values whose strings may hold ``${{ CEL }}``."""

import datetime as dt
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import cel
import orjson

from aumos_agent_framework.core.errors import AgfError
from aumos_agent_framework.core.types import JsonValue

MAX_EXPRESSION_LENGTH = 4_096
MAX_WALKED = 100_000
"""Items that the macros of one evaluation may go through together; about a tenth of a second."""
MAX_DEPTH = 100
"""Levels of objects and lists in a value; serialisers give up near 250, and what comes in is wrapped on its way."""
FUNCTIONS = frozenset(
    {
        *("size", "contains", "startsWith", "endsWith", "matches", "has", "type", "dyn"),
        *("int", "uint", "double", "string", "bytes", "timestamp", "duration"),
        *("getFullYear", "getMonth", "getDate", "getDayOfMonth", "getDayOfWeek", "getDayOfYear"),
        *("getHours", "getMinutes", "getSeconds", "getMilliseconds"),
    }
)
"""What an expression may call, beside operators and the macros all, exists, exists_one, filter and map."""
_TYPES = frozenset(
    {"int", "uint", "double", "bool", "string", "bytes", "list", "map", "null_type", "type"}
)  # type(state.n) == int
_MACRO_VARIABLE = re.compile(r"\.(?:map|filter|all|exists|exists_one|existsOne)\(\s*([A-Za-z_]\w*)\s*,")
_GAP = r"(?>\s|//[^\n]*+)*+"  # possessive: no input may make this slow
_TOKEN = re.compile(
    rf"""
    (?P<text>
        [bB]?[rR](?:\"{{3}}.*?\"{{3}}|'{{3}}.*?'{{3}}|"[^"]*"|'[^']*')  # raw: a backslash is one
        | \"{{3}}(?:\\.|[^\\])*?\"{{3}} | '{{3}}(?:\\.|[^\\])*?'{{3}}
        | "(?:\\.|[^"\\])*+" | '(?:\\.|[^'\\])*+'
        | //[^\n]*
    )
    | (?P<macro>\.{_GAP}(?:map|filter|all|exists|exists_one|existsOne){_GAP}\()
    """,
    re.DOTALL | re.VERBOSE,
)
_IN_ORDER = "in_order"
_OPEN = "${{"
_CLOSE = "}}"


class ExpressionError(AgfError):
    """An expression does not parse (``expression_syntax``) or cannot be evaluated (``expression_failed``)."""

    def __init__(self, code: str, message: str, *, source: str) -> None:
        super().__init__(code, f"{message} in expression `{_shorten(source)}`")
        self.source = source


class Expression:
    """One compiled CEL expression. Compile once, evaluate often (about 40 µs are saved each time)."""

    __slots__ = ("_functions", "_names", "_program", "source")

    def __init__(self, source: str) -> None:
        self.source = source
        if len(source) > MAX_EXPRESSION_LENGTH:
            raise ExpressionError("expression_syntax", f"More than {MAX_EXPRESSION_LENGTH} characters", source=source)
        if not source.strip():
            raise ExpressionError("expression_syntax", "Nothing to evaluate", source=source)
        try:
            program = cel.compile(source)
            self._names = frozenset(program.variables())
            self._functions = frozenset(name for name in program.functions() if name.isidentifier())
            ordered = _ordered(source)
            self._program = program if ordered == source else cel.compile(ordered)
        except ValueError as error:
            raise ExpressionError("expression_syntax", _parse_fault(str(error)), source=source) from error

    def unknown_names(self, known: frozenset[str]) -> frozenset[str]:
        """Return the variables that are neither known nor bound by a macro such as ``map``."""
        bound = frozenset(_MACRO_VARIABLE.findall(self.source))
        return self._names - known - bound - _TYPES

    def unknown_functions(self) -> frozenset[str]:
        """Return the functions that do not exist; calling one always fails."""
        return self._functions - FUNCTIONS

    def evaluate(self, scope: Mapping[str, Any]) -> JsonValue:
        """Evaluate to a JSON value.

        Raises:
            ExpressionError: a key is missing, types do not fit, or the value is no JSON.
        """
        try:
            context = cel.Context({name: scope[name] for name in self._names if name in scope})
            walk = _Walk()
            context.add_function(_IN_ORDER, walk)
            value = self._program.execute(context)
            walk.check()
            return _to_json(value)
        except KeyError as error:
            message = f"There is no {error}; test with has(...) what may be absent,"
            raise ExpressionError("expression_failed", message, source=self.source) from error
        except (ValueError, TypeError, RuntimeError, ArithmeticError, LookupError) as error:
            raise ExpressionError("expression_failed", _shorten(str(error), 300), source=self.source) from error

    def holds(self, scope: Mapping[str, Any]) -> bool:
        """Evaluate a condition; anything but true or false is an error."""
        value = self.evaluate(scope)
        if not isinstance(value, bool):
            message = f"A condition gives true or false, not {_shorten(repr(value), 80)},"
            raise ExpressionError("expression_failed", message, source=self.source)
        return value


class Template:
    """A JSON value whose strings may hold expressions; ``$${{`` stands for a literal ``${{``."""

    __slots__ = ("_value",)

    def __init__(self, value: JsonValue) -> None:
        """Compile every expression inside.

        Raises:
            ExpressionError: with the first fault; ``template_faults`` gives all with their places.
        """
        self._value = _compile(value)

    def render(self, scope: Mapping[str, Any]) -> JsonValue:
        """Fill in the expressions. A string that is one expression and nothing else keeps the value's type.

        Raises:
            ExpressionError: an expression cannot be evaluated.
        """
        return _render(self._value, scope)


def template_expressions(value: JsonValue, pointer: str = "") -> Iterator[tuple[str, Expression | ExpressionError]]:
    """Walk a template and yield each expression, or the fault that keeps it from being one, with its JSON pointer."""
    if isinstance(value, str):
        try:
            yield from ((pointer, part) for part in _split(value) if isinstance(part, Expression))
        except ExpressionError as error:
            yield pointer, error
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield from template_expressions(item, f"{pointer}/{escape_pointer(str(key))}")
    elif isinstance(value, Sequence):
        for index, item in enumerate(value):
            yield from template_expressions(item, f"{pointer}/{index}")


def too_deep(value: JsonValue) -> bool:
    """Whether a value is nested deeper than ``MAX_DEPTH`` levels. Does not recurse."""
    level = [value]
    for _ in range(MAX_DEPTH + 1):
        level = [
            item
            for container in level
            if isinstance(container, dict | list)
            for item in (container.values() if isinstance(container, dict) else container)
        ]
        if not level:
            return False
    return True


def escape_pointer(token: str) -> str:
    """Escape one reference token of a JSON pointer (RFC 6901)."""
    return token.replace("~", "~0").replace("/", "~1")


@dataclass(frozen=True, slots=True)
class _Text:
    """A string of several parts, or of one part that is not an expression alone."""

    parts: tuple[str | Expression, ...]


def _compile(value: JsonValue) -> object:
    if isinstance(value, str):
        parts = tuple(_split(value))
        if not any(isinstance(part, Expression) for part in parts):
            return "".join(str(part) for part in parts)
        stripped = [part for part in parts if not (isinstance(part, str) and not part.strip())]
        return stripped[0] if len(stripped) == 1 else _Text(parts)
    if isinstance(value, Mapping):
        return {str(key): _compile(item) for key, item in value.items()}
    if isinstance(value, Sequence):
        return [_compile(item) for item in value]
    return value


def _render(value: object, scope: Mapping[str, Any]) -> JsonValue:
    if isinstance(value, Expression):
        return value.evaluate(scope)
    if isinstance(value, _Text):
        parts = (part if isinstance(part, str) else _as_text(part.evaluate(scope)) for part in value.parts)
        return "".join(parts)
    if isinstance(value, dict):
        return {key: _render(item, scope) for key, item in value.items()}
    if isinstance(value, list):
        return [_render(item, scope) for item in value]
    return value


def _split(text: str) -> Iterator[str | Expression]:
    position = 0
    literal: list[str] = []
    while (start := text.find(_OPEN, position)) >= 0:
        if start > 0 and text[start - 1] == "$":
            literal.append(text[position : start - 1] + _OPEN)
            position = start + len(_OPEN)
            continue
        literal.append(text[position:start])
        end = _closing(text, start + len(_OPEN))
        if any(literal):
            yield "".join(literal)
        literal = []
        yield Expression(text[start + len(_OPEN) : end].strip())
        position = end + len(_CLOSE)
    literal.append(text[position:])
    if any(literal):
        yield "".join(literal)


def _closing(text: str, position: int) -> int:
    """Find the ``}}`` that ends an expression: outside its strings and its own braces."""
    start = position
    depth = 0
    while position < len(text):
        char = text[position]
        if char in "'\"":
            position = _string_end(text, position)
            continue
        if char == "{":
            depth += 1
        elif char == "}":
            if depth == 0 and text.startswith(_CLOSE, position):
                return position
            depth -= 1
        position += 1
    raise ExpressionError("expression_syntax", "`${{` is never closed with `}}`", source=text[start:])


def _string_end(text: str, position: int) -> int:
    quote = text[position]
    position += 1
    while position < len(text) and text[position] != quote:
        position += 2 if text[position] == "\\" else 1
    return position + 1


def _as_text(value: JsonValue) -> str:
    return value if isinstance(value, str) else orjson.dumps(value).decode()


def _to_json(value: object, levels: int = MAX_DEPTH) -> JsonValue:
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float) and math.isfinite(value):
        return value
    if isinstance(value, dt.datetime):
        return value.astimezone(dt.UTC).isoformat().replace("+00:00", "Z")
    if isinstance(value, Mapping | list | tuple) and levels == 0:
        raise ValueError(f"The value is nested deeper than {MAX_DEPTH} levels")
    if isinstance(value, Mapping):
        # The library's maps come in another order each time; a run must be the same on every replay.
        return {key: _to_json(value[key], levels - 1) for key in sorted(map(_key, value))}
    if isinstance(value, list | tuple):
        return [_to_json(item, levels - 1) for item in value]
    shown = value if isinstance(value, float) else type(value).__name__
    raise TypeError(f"The value is no JSON: {shown}")


def _ordered(source: str) -> str:
    """Let every macro go through what it is called on in an order of its own.

    The library walks a map in another order at each evaluation, and a run must be the same on every replay. So a call
    that sorts a map's keys, and leaves a list alone, is put before each macro.
    """
    return _TOKEN.sub(lambda found: found[0] if found["text"] else f".{_IN_ORDER}(){found[0]}", source)


class _Walk:
    """The walks of one evaluation's macros: each in order, all together of a bounded length.

    Macros inside macros multiply: a line of text could keep a worker busy for hours.
    """

    __slots__ = ("_left",)

    def __init__(self) -> None:
        self._left = MAX_WALKED

    def __call__(self, value: object) -> object:
        if not isinstance(value, dict | list):
            return value
        self._left -= len(value)
        if self._left < 0:
            return []  # CEL would go on after an error that an || makes up for
        return sorted(value, key=lambda key: (type(key).__name__, key)) if isinstance(value, dict) else value

    def check(self) -> None:
        if self._left < 0:
            raise ValueError(f"The macros would go through more than {MAX_WALKED:,} items")


def _key(key: object) -> str:
    if not isinstance(key, str):
        msg = f"A JSON object has string keys, not {key!r}"
        raise TypeError(msg)
    return key


def _parse_fault(message: str) -> str:
    """Shorten the parser's report to its reason and column."""
    found = re.search(r"ERROR: <input>:1:(\d+): ([^\n]+)", message)
    return f"Column {found[1]}: {_shorten(found[2], 160)}" if found else "It does not parse"


def _shorten(text: str, limit: int = 120) -> str:
    return text if len(text) <= limit else f"{text[: limit - 1]}…"
