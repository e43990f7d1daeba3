"""Faults in a tool's configuration, as the API reports them."""

from collections.abc import Sequence

from pydantic import ValidationError

from aumos_agent_framework.core.errors import InvalidInputError, Problem

INVALID_TOOL = "invalid_tool"
_KEY_MARK = "[key]"  # Pydantic's way to say that a mapping's key is meant, not its value


def refuse(pointer: str, message: str, *, code: str = "invalid", hint: str | None = None) -> InvalidInputError:
    """Return the error for one fault at a JSON pointer of the tool's draft."""
    return InvalidInputError("The tool is not valid.", [Problem(pointer, message, code, hint)], code=INVALID_TOOL)


def from_pydantic(error: ValidationError, prefix: str) -> InvalidInputError:
    """Return the error for everything that Pydantic found below ``prefix``."""
    problems = [
        Problem(prefix + _pointer(fault["loc"]), fault["msg"].removeprefix("Value error, "), fault["type"])
        for fault in error.errors(include_url=False, include_input=False, include_context=False)
    ]
    return InvalidInputError("The tool is not valid.", problems, code=INVALID_TOOL)


def _pointer(location: Sequence[int | str]) -> str:
    return "".join(f"/{_escaped(part)}" for part in location if part != _KEY_MARK)


def _escaped(part: int | str) -> str:
    return str(part).replace("~", "~0").replace("/", "~1")
