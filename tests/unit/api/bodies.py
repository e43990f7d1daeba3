"""Bodies that clients send, as small as they go."""

from typing import Any

from aumos_agent_framework.core.types import JsonObject
from tests.factories import make_graph_definition, unique

MISSING = "00000000-0000-7000-8000-000000000000"
"""An id that nobody has."""


def tool_body(**fields: Any) -> JsonObject:
    """Return a level-2 HTTP tool."""
    return {
        "name": unique("lookup"),
        "description": "Looks something up.",
        "min_privilege_level": 2,
        "input_schema": {"type": "object", "properties": {"query": {"type": "string"}}},
        "config": {"type": "http", "url": "https://example.com/lookup"},
        **fields,
    }


def agent_body(**fields: Any) -> JsonObject:
    """Return a level-2 agent without tools."""
    return {"name": unique("writer"), "privilege_level": 2, "model": {"name": "scripted"}, **fields}


def workflow_body(**fields: Any) -> JsonObject:
    """Return a workflow of one transform node."""
    return {"name": unique("count"), "graph_definition": make_graph_definition(), **fields}
