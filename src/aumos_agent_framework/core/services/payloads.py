"""What may be stored: JSON of bounded size and depth, text that the database can hold."""

import json
import re
from collections.abc import Iterable

from aumos_agent_framework.core.errors import InvalidInputError, Problem
from aumos_agent_framework.core.types import JsonValue

MAX_INPUT_BYTES = 1 << 20
MAX_RESULT_BYTES = 1 << 20
MAX_DOCUMENT_BYTES = 1 << 20
MAX_DEPTH = 100
MAX_NAME_LENGTH = 100
MAX_TEXT_LENGTH = 100_000
_NUL = re.compile(r"(?<!\\)(?:\\\\)*\\u0000")


class UnstorableError(ValueError):
    """The value cannot be kept; the text says why, and fits after "It"."""

    def __init__(self, reason: str, *, too_large: bool = False) -> None:
        super().__init__(reason)
        self.too_large = too_large


def normalized(value: JsonValue, max_bytes: int) -> JsonValue:
    """Return the value as it will be read back from storage.

    Raises:
        UnstorableError: it is no JSON (NaN and infinities included), is nested deeper than ``MAX_DEPTH``, is larger
            than ``max_bytes`` as UTF-8, or holds a character that PostgreSQL cannot store (NUL, lone surrogates).
    """
    if _depth_exceeds(value, MAX_DEPTH):
        raise UnstorableError(f"is nested deeper than {MAX_DEPTH} levels")
    try:
        text = json.dumps(value, allow_nan=False, ensure_ascii=False, separators=(",", ":"))
        size = len(text.encode())
    except UnicodeEncodeError:
        raise UnstorableError("holds a lone surrogate, which is no character") from None
    except (TypeError, ValueError) as error:
        raise UnstorableError(f"is no JSON: {error}") from None
    if size > max_bytes:
        raise UnstorableError(f"has {size} bytes; at most {max_bytes} are kept", too_large=True)
    if "\\u0000" in text and _NUL.search(text):
        raise UnstorableError("holds a NUL character, which the database cannot store")
    return json.loads(text)


def document_problems(value: JsonValue, pointer: str) -> Iterable[Problem]:
    """Say what keeps a part of a definition from being stored."""
    try:
        normalized(value, MAX_DOCUMENT_BYTES)
    except UnstorableError as error:
        yield Problem(pointer, f"It {error}.", "unstorable")


def text_problems(value: str, pointer: str, *, max_length: int = MAX_TEXT_LENGTH) -> Iterable[Problem]:
    """Say what keeps a text from being stored; line breaks and tabs are welcome."""
    if len(value) > max_length:
        yield Problem(pointer, f"It has {len(value)} characters; at most {max_length} are kept.", "too_long")
    if "\x00" in value or any("\ud800" <= character <= "\udfff" for character in value):
        yield Problem(pointer, "It holds a character that cannot be stored.", "unstorable")


def name_problems(name: str, pointer: str) -> Iterable[Problem]:
    """Say what keeps a text from being a name: 1 to 100 printable characters, no blanks at the ends."""
    if not 0 < len(name) <= MAX_NAME_LENGTH or not name.isprintable() or name != name.strip():
        message = f"A name has 1 to {MAX_NAME_LENGTH} printable characters and no blanks at its ends."
        yield Problem(pointer, message, "name_invalid")


def check(problems: Iterable[Problem], message: str) -> None:
    """Raise all problems at once, if there are any.

    Raises:
        InvalidInputError: ``invalid_input``.
    """
    found = tuple(problems)
    if found:
        raise InvalidInputError(message, found)


def check_optional_text(value: str | None, pointer: str, *, max_length: int = MAX_TEXT_LENGTH) -> None:
    """Check a text that may be absent, such as notes or a reason."""
    if value is not None:
        check(text_problems(value, pointer, max_length=max_length), "The text cannot be stored.")


def _depth_exceeds(value: JsonValue, limit: int) -> bool:
    layer: list[JsonValue] = [value]
    for _ in range(limit):
        layer = [
            inner
            for outer in layer
            if isinstance(outer, dict | list | tuple)
            for inner in (outer.values() if isinstance(outer, dict) else outer)
        ]
        if not layer:
            return False
    return True
