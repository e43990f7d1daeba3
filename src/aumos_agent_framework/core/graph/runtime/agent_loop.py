"""An agent at work: think, act, think again, until it answers or a limit ends it."""

import asyncio
from dataclasses import dataclass, field

import orjson

from aumos_agent_framework.core.domain.effects import ActResult, ActStatus
from aumos_agent_framework.core.domain.executions import AgentBinding, ExecutionError, Usage
from aumos_agent_framework.core.domain.inference import ModelTurn, ThinkCommand, ToolCall
from aumos_agent_framework.core.graph.json_schema import violations
from aumos_agent_framework.core.graph.runtime.context import NodeFailedError, RunContext
from aumos_agent_framework.core.graph.runtime.journal import Step
from aumos_agent_framework.core.graph.runtime.tool_calls import Call, call_tool
from aumos_agent_framework.core.interfaces.step_runner import RetryPolicy, StepFailedError
from aumos_agent_framework.core.types import JsonObject, JsonValue


@dataclass(slots=True)
class Conversation:
    """One agent's work on one node visit."""

    node: str
    visit: int
    binding: AgentBinding
    retry: RetryPolicy
    messages: list[JsonObject]
    usage: Usage = field(default_factory=Usage)


async def converse(context: RunContext, conversation: Conversation, parent: Step) -> str:
    """Run the loop and return the agent's answer.

    Raises:
        NodeFailedError: a limit of the agent is reached (``agent_step_limit``, ``token_limit``), or an effect's
            outcome is unknown.
        StepFailedError: the model is away.
    """
    limits = conversation.binding.limits
    for turn_number in range(1, limits.max_steps + 1):
        turn = await _think(context, conversation, parent)
        conversation.messages.append(turn.message)
        conversation.usage += turn.usage
        if limits.max_tokens is not None and conversation.usage.tokens > limits.max_tokens:
            used = conversation.usage.tokens
            raise NodeFailedError("token_limit", f"The agent used {used} tokens; its limit is {limits.max_tokens}.")
        if not turn.tool_calls:
            return turn.text
        await _act(context, conversation, turn, turn_number, parent)
    raise NodeFailedError("agent_step_limit", f"The agent took its {limits.max_steps} turns without an answer.")


def opening_messages(binding: AgentBinding, message: JsonValue) -> list[JsonObject]:
    """Return the first messages: the agent's instructions, then the node's prompt or input."""
    text = message if isinstance(message, str) else orjson.dumps(message).decode()
    opening: list[JsonObject] = [{"role": "system", "content": binding.instructions}] if binding.instructions else []
    return [*opening, {"role": "user", "content": text}]


def parse_answer(text: str, schema: JsonObject) -> JsonValue:
    """Parse an answer that must be JSON of a schema.

    Raises:
        NodeFailedError: it is none (``answer_misfit``).
    """
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise NodeFailedError("answer_misfit", f"The agent's answer is no JSON: {error}.") from error
    for pointer, message in violations(schema, value):
        raise NodeFailedError("answer_misfit", f"The agent's answer does not fit at {pointer or '/'}: {message}.")
    return value


async def _think(context: RunContext, conversation: Conversation, parent: Step) -> ModelTurn:
    binding = conversation.binding
    remaining = None
    if binding.limits.max_tokens is not None:
        remaining = max(1, binding.limits.max_tokens - conversation.usage.tokens)
    command = ThinkCommand(
        tenant_id=context.plan.tenant_id,
        model=binding.model,
        messages=tuple(conversation.messages),
        tools=binding.tools,
        max_output_tokens=remaining,
    )
    step = context.journal.open(conversation.node, "think", conversation.messages[-1], parent)
    try:
        turn = await context.runner.think(command, conversation.retry)
    except StepFailedError as error:
        step.failed(ExecutionError(error.code, error.message, conversation.node))
        raise
    step.done(turn.message, usage=turn.usage)
    return turn


async def _act(
    context: RunContext, conversation: Conversation, turn: ModelTurn, turn_number: int, parent: Step
) -> None:
    """Do all calls of a turn beside each other and append their results in the order of the calls."""
    calls = [
        _tool_message(context, conversation, wish, f"{turn_number}.{index}", parent)
        for index, wish in enumerate(turn.tool_calls)
    ]
    results = await asyncio.gather(*calls, return_exceptions=True)
    for result in results:
        if isinstance(result, BaseException):
            raise result
        conversation.messages.append(result)


async def _tool_message(
    context: RunContext, conversation: Conversation, wish: ToolCall, place: str, parent: Step
) -> JsonObject:
    step = context.journal.open(conversation.node, "act", {"tool": wish.name, "arguments": wish.arguments}, parent)
    content = await _tool_content(context, conversation, wish, place, step)
    return {"role": "tool", "tool_call_id": wish.id, "content": orjson.dumps(content).decode()}


async def _tool_content(
    context: RunContext, conversation: Conversation, wish: ToolCall, place: str, step: Step
) -> JsonValue:
    """Return what the agent is told of a call: the result, or an error that it can react to."""
    if wish.arguments is None:
        message = "The arguments are no JSON object; nothing was called."
        step.failed(ExecutionError("arguments_malformed", message, conversation.node))
        return _told("arguments_malformed", message)
    binding = conversation.binding
    short = next((tool.short for tool in binding.tools if tool.name == wish.name), False)
    call = Call(
        node=conversation.node,
        call_id=f"{conversation.node}:{conversation.visit}:{place}",
        tool=wish.name,
        arguments=wish.arguments,
        agent_id=binding.agent_id,
        retry=conversation.retry,
        short=short,
    )
    try:
        result = await call_tool(context, call, step)
    except StepFailedError as error:
        step.failed(ExecutionError(error.code, error.message, conversation.node))
        return _told(error.code, error.message)
    return _content(result)


def _content(result: ActResult) -> JsonValue:
    return result.result if result.status is ActStatus.DONE else _told(result.code, result.message)


def _told(code: str, message: str) -> JsonObject:
    return {"error": {"code": code, "message": message}}
