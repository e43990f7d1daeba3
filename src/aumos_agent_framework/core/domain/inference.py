"""Talking to models, in the shape of the OpenAI chat completions format."""

from dataclasses import dataclass

from aumos_agent_framework.core.domain.executions import Usage
from aumos_agent_framework.core.domain.tools import ToolSpec
from aumos_agent_framework.core.types import JsonObject, TenantId


@dataclass(frozen=True, slots=True)
class ThinkCommand:
    """One model call. ``messages`` are chat completions messages; ``model`` is the agent's ``{name, ...}``."""

    tenant_id: TenantId
    model: JsonObject
    messages: tuple[JsonObject, ...]
    tools: tuple[ToolSpec, ...]
    max_output_tokens: int | None = None


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A model's wish to call a tool. ``arguments`` is ``None`` when the model's JSON does not parse or is no object."""

    id: str
    name: str
    arguments: JsonObject | None
    raw_arguments: str


@dataclass(frozen=True, slots=True)
class ModelTurn:
    """A model's answer: the assistant message to append, its text, and the calls it asks for."""

    message: JsonObject
    text: str
    tool_calls: tuple[ToolCall, ...]
    usage: Usage
    finish_reason: str
