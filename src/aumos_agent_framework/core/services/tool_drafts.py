"""What a valid tool is, its configuration apart, and how drafts become tools. Pure."""

import re
from collections.abc import Iterator
from dataclasses import fields

from aumos_agent_framework.core.domain.tools import Tool, ToolDraft, ToolStatus
from aumos_agent_framework.core.errors import Problem
from aumos_agent_framework.core.graph.json_schema import check_schema
from aumos_agent_framework.core.services.payloads import document_problems, text_problems
from aumos_agent_framework.core.types import JsonObject

EDITABLE = frozenset({field.name for field in fields(ToolDraft)} - {"name"} | {"status"})
_NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")


def draft_problems(draft: ToolDraft) -> Iterator[Problem]:
    """Say what is wrong with a draft; ``config`` is the runner's to judge."""
    if not _NAME.fullmatch(draft.name):
        message = "A tool's name has 1 to 64 characters out of letters, digits, _ and - (as models require it)."
        yield Problem("/name", message, "name_invalid")
    yield from text_problems(draft.description, "/description")
    yield from document_problems(draft.config, "/config")
    yield from _schema_problems(draft.input_schema, "/input_schema")
    if draft.input_schema.get("type", "object") != "object":
        yield Problem("/input_schema/type", "A tool's arguments are an object.", "schema_invalid")
    if draft.output_schema is not None:
        yield from _schema_problems(draft.output_schema, "/output_schema")


def draft_of(tool: Tool) -> ToolDraft:
    """Return what the tool was registered with."""
    return ToolDraft(
        name=tool.name,
        description=tool.description,
        min_privilege_level=tool.min_privilege_level,
        input_schema=tool.input_schema,
        config=tool.config,
        output_schema=tool.output_schema,
        idempotency=tool.idempotency,
    )


def opens(before: Tool, after: Tool) -> bool:
    """Whether a change may let calls through that were refused before."""
    lowered = after.min_privilege_level < before.min_privilege_level
    enabled = after.status is ToolStatus.ACTIVE and before.status is not ToolStatus.ACTIVE
    return lowered or enabled or (after.config, after.input_schema) != (before.config, before.input_schema)


def _schema_problems(schema: JsonObject, pointer: str) -> Iterator[Problem]:
    unstorable = tuple(document_problems(schema, pointer))
    yield from unstorable
    if not unstorable:
        try:
            check_schema(schema)
        except ValueError as error:
            yield Problem(pointer, f"It is no JSON Schema (draft 2020-12): {error}", "schema_invalid")
