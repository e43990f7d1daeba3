"""OpenAI's chat completions format, as its many speakers really speak it: the request, and the answer as a turn."""

from typing import Any

import orjson
from pydantic import BaseModel, Field, ValidationError

from aumos_agent_framework.adapters.llm.openai_errors import reported_error
from aumos_agent_framework.adapters.llm.tokens import estimate_tokens
from aumos_agent_framework.core.domain.executions import Usage
from aumos_agent_framework.core.domain.inference import ModelTurn, ThinkCommand, ToolCall
from aumos_agent_framework.core.domain.tools import ToolSpec
from aumos_agent_framework.core.errors import ModelError
from aumos_agent_framework.core.types import JsonObject, JsonValue

MODEL_PARAMETERS = frozenset(
    {
        *("temperature", "top_p", "max_tokens", "max_completion_tokens", "stop", "seed", "user"),
        *("presence_penalty", "frequency_penalty", "logit_bias", "response_format", "parallel_tool_calls"),
        *("reasoning_effort", "verbosity", "service_tier", "metadata"),
        # Common among self-hosted servers.
        *("top_k", "min_p", "repetition_penalty", "chat_template_kwargs"),
    }
)
"""What an agent's ``model`` may say besides ``name``. Everything else of a request is this service's to decide."""

MAX_TOOL_CALLS = 128
MAX_CALL_ID_LENGTH = 128


class _Part(BaseModel):
    text: str | None = None
    refusal: str | None = None


class _Function(BaseModel):
    name: str = Field(min_length=1, max_length=256)
    arguments: str | dict[str, Any] | None = None


class _ToolCall(BaseModel):
    id: Any = None
    function: _Function
    extra_content: dict[str, Any] | None = None


class _Message(BaseModel):
    content: str | list[_Part] | None = None
    refusal: str | None = None
    tool_calls: list[_ToolCall] | None = Field(None, max_length=MAX_TOOL_CALLS)


class _Choice(BaseModel):
    message: _Message
    finish_reason: str | None = None


class _Usage(BaseModel):
    prompt_tokens: int = Field(ge=0)
    completion_tokens: int = Field(ge=0)


class _Completion(BaseModel):
    choices: list[_Choice] = Field(min_length=1)
    usage: Any = None


def request_body(command: ThinkCommand) -> bytes:
    """Return the JSON body of one chat completion.

    The smaller of the agent's ``max_tokens`` (or ``max_completion_tokens``) and the command's bound is asked for.

    Raises:
        ModelError: the agent's ``model`` has no name or says something unknown.
    """
    name = command.model.get("name")
    if not isinstance(name, str) or not name:
        raise ModelError("model_not_named", "The agent's model has no name.", retryable=False)
    parameters = {key: value for key, value in command.model.items() if key != "name" and value is not None}
    if unknown := sorted(parameters.keys() - MODEL_PARAMETERS):
        known = ", ".join(sorted(MODEL_PARAMETERS))
        message = f"The agent's model has unknown parameters: {', '.join(unknown)}. Known ones: {known}."
        raise ModelError("model_parameter_unknown", message, retryable=False)
    body: JsonObject = {"model": name, "messages": command.messages, **_bounded(parameters, command.max_output_tokens)}
    if command.tools:
        body |= {"tools": [_tool(tool) for tool in command.tools], "tool_choice": "auto"}
    return orjson.dumps(body)


def read_turn(body: bytes, command: ThinkCommand) -> ModelTurn:
    """Read the answer to ``command``.

    Tolerated, because servers differ: content that is null or a list of parts, refusals in a field of their own,
    arguments as an object or as text that is no JSON, call ids that are missing or not unique, no usage (then it is
    estimated, so that budgets still bind).

    Raises:
        ModelError: ``model_answer_invalid``: this is no chat completion; ``model_refused``: it reports an error.
    """
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        # Cut off on the way or a proxy's page: the next attempt may get through.
        raise ModelError("model_answer_invalid", "The model's answer is not JSON.", retryable=True) from error
    if isinstance(document, dict) and document.get("error") and not document.get("choices"):
        raise reported_error(document)
    try:
        completion = _Completion.model_validate(document)
    except ValidationError as error:
        place = "/".join(map(str, error.errors()[0]["loc"]))
        message = f"The model's answer is no chat completion: see {place or 'its root'}."
        raise ModelError("model_answer_invalid", message, retryable=False) from error
    choice = completion.choices[0]
    text, calls = _text(choice.message), choice.message.tool_calls or []
    ids = _call_ids(calls, command.messages)
    tool_calls = tuple(_tool_call(call, call_id) for call, call_id in zip(calls, ids, strict=True))
    return ModelTurn(
        message=_assistant_message(text, calls, tool_calls),
        text=text,
        tool_calls=tool_calls,
        usage=_usage(completion.usage, command, text, tool_calls),
        finish_reason=choice.finish_reason or ("tool_calls" if calls else "stop"),
    )


def _bounded(parameters: JsonObject, bound: int | None) -> JsonObject:
    if bound is None:
        return parameters
    name = "max_completion_tokens" if "max_completion_tokens" in parameters else "max_tokens"
    asked = parameters.get(name)
    return {**parameters, name: min(asked, bound) if isinstance(asked, int) else bound}


def _tool(tool: ToolSpec) -> JsonObject:
    function = {"name": tool.name, "description": tool.description, "parameters": tool.input_schema}
    return {"type": "function", "function": function}


def _text(message: _Message) -> str:
    content = message.content
    if isinstance(content, list):
        content = "".join(part.text or part.refusal or "" for part in content)
    return content or message.refusal or ""


def _call_ids(calls: list[_ToolCall], messages: tuple[JsonObject, ...]) -> list[str]:
    """Keep the model's ids where they are unique in the conversation; make the others from the calls' places.

    Some servers count from zero in every answer: kept, the result of an old call would answer a new one.
    """
    used = {str(call.get("id")) for message in messages for call in message.get("tool_calls") or ()}
    turn = sum(message.get("role") == "assistant" for message in messages)
    ids: list[str] = []
    for index, call in enumerate(calls):
        call_id = call.id
        if not isinstance(call_id, str) or not 0 < len(call_id) <= MAX_CALL_ID_LENGTH or call_id in used:
            call_id = _unused(f"call_{turn}_{index}", used)
        used.add(call_id)
        ids.append(call_id)
    return ids


def _unused(call_id: str, used: set[str]) -> str:
    while call_id in used:
        call_id += "_"
    return call_id


def _tool_call(call: _ToolCall, call_id: str) -> ToolCall:
    arguments = call.function.arguments
    if isinstance(arguments, dict):
        return ToolCall(call_id, call.function.name, arguments, orjson.dumps(arguments).decode())
    return ToolCall(call_id, call.function.name, _parsed(arguments or ""), arguments or "")


def _parsed(arguments: str) -> JsonObject | None:
    """Parse arguments; nothing at all is how many models call a tool that takes none."""
    if not arguments.strip():
        return {}
    try:
        value = orjson.loads(arguments)
    except orjson.JSONDecodeError:
        return None
    return value if isinstance(value, dict) else None


def _assistant_message(text: str, calls: list[_ToolCall], tool_calls: tuple[ToolCall, ...]) -> JsonObject:
    if not tool_calls:
        return {"role": "assistant", "content": text}
    entries = []
    for call, tool_call in zip(calls, tool_calls, strict=True):
        # Servers parse the arguments of earlier turns and fail for good if one is no JSON object.
        arguments = tool_call.raw_arguments if tool_call.arguments else "{}"
        function = {"name": tool_call.name, "arguments": arguments}
        entry: JsonObject = {"id": tool_call.id, "type": "function", "function": function}
        if call.extra_content is not None:
            entry["extra_content"] = call.extra_content  # signatures that the server wants back with the next turn
        entries.append(entry)
    return {"role": "assistant", "content": text or None, "tool_calls": entries}


def _usage(reported: JsonValue, command: ThinkCommand, text: str, calls: tuple[ToolCall, ...]) -> Usage:
    try:
        usage = _Usage.model_validate(reported)
    except ValidationError:
        prompt = orjson.dumps([command.messages, [_tool(tool) for tool in command.tools]]).decode()
        completion = text + "".join(call.name + call.raw_arguments for call in calls)
        return Usage(estimate_tokens(prompt), estimate_tokens(completion), model_calls=1)
    return Usage(usage.prompt_tokens, usage.completion_tokens, model_calls=1)
