"""Questions to a model, as an agent asks them."""

from typing import Any
from uuid import UUID

from aumos_agent_framework.core.domain.inference import ModelTurn, ThinkCommand
from aumos_agent_framework.core.domain.tools import ToolSpec
from aumos_agent_framework.core.types import JsonObject, TenantId

TENANT = TenantId(UUID("0190b6a4-2f1c-7c3e-9a51-3d5c6f7a8b90"))
LOOKUP = ToolSpec(
    name="lookup",
    description="Find a thing",
    input_schema={"type": "object", "properties": {"q": {"type": "string"}}},
    short=True,
)


def ask(*messages: JsonObject, **changes: Any) -> ThinkCommand:
    good: dict[str, Any] = {
        "tenant_id": TENANT,
        "model": {"name": "scripted"},
        "messages": messages or (user("hello"),),
        "tools": (),
    }
    return ThinkCommand(**good | changes)


def system(text: str) -> JsonObject:
    return {"role": "system", "content": text}


def user(text: str) -> JsonObject:
    return {"role": "user", "content": text}


def tool_results(turn: ModelTurn, *results: str) -> list[JsonObject]:
    """The tool messages that answer a turn's calls, in order."""
    return [
        {"role": "tool", "tool_call_id": call.id, "content": result}
        for call, result in zip(turn.tool_calls, results, strict=True)
    ]
