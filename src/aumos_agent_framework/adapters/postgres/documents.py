"""JSON columns: what Python writes is what Python reads."""

from typing import Any

import orjson

from aumos_agent_framework.core.errors import InvalidInputError, Problem


def to_json(value: Any) -> str:
    """Return the value as JSON text.

    Raises:
        InvalidInputError: ``unstorable``: an integer beyond 64 bits, a lone surrogate, too deep, or no JSON at all.
    """
    try:
        return orjson.dumps(value).decode()
    except TypeError as error:  # orjson.JSONEncodeError is a TypeError
        problem = Problem("", f"This cannot be stored as JSON: {error}.", "unstorable")
        raise InvalidInputError("A value cannot be stored.", [problem], code="unstorable") from error


def from_json(text: str) -> Any:
    """Return the value of JSON text that ``to_json`` wrote."""
    return orjson.loads(text)
