"""What a tool's answer may be: bounded JSON that every store behind this service can hold."""

import orjson

from aumos_agent_framework.core.types import JsonValue

MAX_RESULT_BYTES = 1024 * 1024
MAX_MESSAGE_CHARACTERS = 1_000
REPLACEMENT = "\ufffd"


def parse_json(raw: bytes) -> JsonValue:
    """Parse a JSON answer.

    Raises:
        ValueError: it is no JSON.
    """
    value = orjson.loads(raw)
    return _without_nul(value) if b"\\u0000" in raw else value


def clean_text(text: str) -> str:
    """Replace NUL characters, which JSON allows and PostgreSQL's text and jsonb do not."""
    return text.replace("\x00", REPLACEMENT)


def shortened(text: str, limit: int = MAX_MESSAGE_CHARACTERS) -> str:
    """Bound a text that came from a tool and goes into a message."""
    text = clean_text(text)
    return text if len(text) <= limit else f"{text[:limit]}… ({len(text)} characters)"


def _without_nul(value: JsonValue) -> JsonValue:
    match value:
        case str():
            return clean_text(value)
        case list():
            return [_without_nul(item) for item in value]
        case dict():
            return {clean_text(key): _without_nul(item) for key, item in value.items()}
    return value
