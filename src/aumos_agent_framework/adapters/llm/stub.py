"""A model server for the demo, the tests and trying out without a model: real wire format, scripted answers.

It serves one model, ``scripted`` (see ``script.py``), and remembers nothing: which turn is due follows from the
number of assistant messages in the request, so equal requests get equal answers, ids included.
"""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

import orjson
from pydantic import BaseModel, Field, ValidationError
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from aumos_agent_framework.adapters.clock import SystemClock
from aumos_agent_framework.adapters.llm.script import Answer, ScriptError, find_script, read_script, turn_at
from aumos_agent_framework.adapters.llm.tokens import estimate_tokens
from aumos_agent_framework.core.interfaces.clock import Clock
from aumos_agent_framework.core.types import JsonObject, JsonValue

MODEL = "scripted"
MAX_REQUEST_BYTES = 16 * 1024 * 1024
_CHUNK_CHARACTERS = 24


def create_stub_app(clock: Clock | None = None) -> Starlette:
    """Return the server as an ASGI application.

    ``POST /v1/chat/completions`` (also with ``stream: true``), ``GET /v1/models``, ``GET /health``. Errors have
    OpenAI's shape. ``usage`` is estimated from characters. Credentials are not looked at.
    """
    stub = _Stub(clock or SystemClock())
    return Starlette(
        routes=[
            Route("/v1/chat/completions", stub.chat_completions, methods=["POST"]),
            Route("/v1/models", stub.models, methods=["GET"]),
            Route("/health", stub.health, methods=["GET"]),
        ]
    )


class _StreamOptions(BaseModel):
    include_usage: bool = False


class _ChatRequest(BaseModel):
    model: str
    messages: list[dict[str, Any]] = Field(min_length=1)
    tools: list[dict[str, Any]] | None = None
    stream: bool | None = False
    stream_options: _StreamOptions | None = None


class _RefusedError(Exception):
    """The request gets an error of OpenAI's shape."""

    def __init__(self, status: int, code: str, message: str, *, param: str | None = None) -> None:
        super().__init__(message)
        kind = "server_error" if status >= HTTPStatus.INTERNAL_SERVER_ERROR else "invalid_request_error"
        self.status = status
        self.body = {"error": {"message": message, "type": kind, "param": param, "code": code}}


@dataclass(frozen=True, slots=True)
class _Completion:
    """What every chunk of one completion repeats, and its content."""

    id: str
    created: int
    message: JsonObject
    finish_reason: str
    usage: JsonObject

    def whole(self) -> JsonObject:
        choice = {"index": 0, "message": self.message, "logprobs": None, "finish_reason": self.finish_reason}
        return {**self._head("chat.completion"), "choices": [choice], "usage": self.usage}

    def chunks(self, *, include_usage: bool) -> Iterator[JsonObject]:
        for delta in _deltas(self.message):
            yield self._chunk(delta, None)
        yield self._chunk({}, self.finish_reason)
        if include_usage:
            yield {**self._head("chat.completion.chunk"), "choices": [], "usage": self.usage}

    def _chunk(self, delta: JsonObject, finish_reason: str | None) -> JsonObject:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish_reason}
        return {**self._head("chat.completion.chunk"), "choices": [choice]}

    def _head(self, kind: str) -> JsonObject:
        return {"id": self.id, "object": kind, "created": self.created, "model": MODEL}


class _Stub:
    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    async def health(self, _: Request) -> Response:
        return _json({"status": "ok"})

    async def models(self, _: Request) -> Response:
        entry = {"id": MODEL, "object": "model", "created": 0, "owned_by": "aumos-agent-framework"}
        return _json({"object": "list", "data": [entry]})

    async def chat_completions(self, request: Request) -> Response:
        try:
            body = await _read_body(request)
            chat = _read_chat(body)
            completion = await self._complete(chat, body)
        except _RefusedError as error:
            return _json(error.body, error.status)
        except ScriptError as error:
            return _json(_RefusedError(400, error.code, error.message, param="messages").body, 400)
        if chat.stream:
            include_usage = chat.stream_options is not None and chat.stream_options.include_usage
            return StreamingResponse(
                _events(completion.chunks(include_usage=include_usage)), media_type="text/event-stream"
            )
        return _json(completion.whole())

    async def _complete(self, chat: _ChatRequest, body: bytes) -> _Completion:
        index = sum(message.get("role") == "assistant" for message in chat.messages)
        turn = turn_at(read_script(find_script(_instructions(chat.messages))), index)
        answer = turn.answer(_scope(chat.messages))
        await asyncio.sleep(turn.delay_seconds)
        if answer.fail is not None:
            raise _RefusedError(answer.fail, "scripted_failure", f"The script fails this turn with {answer.fail}.")
        message = _message(answer, index)
        prompt = orjson.dumps([chat.messages, chat.tools]).decode()
        return _Completion(
            id=f"chatcmpl-{hashlib.sha256(body).hexdigest()[:24]}",
            created=int(self._clock.now().timestamp()),
            message=message,
            finish_reason="tool_calls" if answer.calls else "stop",
            usage=_usage(estimate_tokens(prompt), estimate_tokens(_spoken(answer))),
        )


async def _read_body(request: Request) -> bytes:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_REQUEST_BYTES:
            raise _RefusedError(413, "request_too_large", f"The request is larger than {MAX_REQUEST_BYTES} bytes.")
    return bytes(body)


def _read_chat(body: bytes) -> _ChatRequest:
    try:
        chat = _ChatRequest.model_validate(orjson.loads(body))
    except orjson.JSONDecodeError as error:
        raise _RefusedError(400, "invalid_json", "The request is not JSON.") from error
    except ValidationError as error:
        fault = error.errors()[0]
        place = ".".join(map(str, fault["loc"]))
        raise _RefusedError(
            400, "invalid_request", f"{place or 'The request'}: {fault['msg']}.", param=place
        ) from error
    if chat.model != MODEL:
        message = (
            f"The model `{chat.model}` does not exist. This is agf llm-stub, which serves `{MODEL}` alone: set "
            "LLM_SERVING_URL to a real model server to use others."
        )
        raise _RefusedError(404, "model_not_found", message, param="model")
    return chat


def _instructions(messages: list[JsonObject]) -> str:
    return "\n\n".join(_content(message) for message in messages if message.get("role") in ("system", "developer"))


def _scope(messages: list[JsonObject]) -> JsonObject:
    """Return what a script's expressions see."""
    asked = [_content(message) for message in messages if message.get("role") == "user"]
    results = [_content(message) for message in messages if message.get("role") == "tool"]
    return {"input": _value(asked[-1]) if asked else None, "results": [_value(result) for result in results]}


def _content(message: JsonObject) -> str:
    content = message.get("content")
    if isinstance(content, list):
        content = "".join(str(part.get("text", "")) for part in content if isinstance(part, dict))
    return content if isinstance(content, str) else ""


def _value(text: str) -> JsonValue:
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return text


def _message(answer: Answer, index: int) -> JsonObject:
    message: JsonObject = {"role": "assistant", "content": answer.text, "refusal": None}
    if answer.calls:
        message["tool_calls"] = [
            {
                "id": f"call_{index}_{place}",
                "type": "function",
                "function": {"name": call.tool, "arguments": call.arguments},
            }
            for place, call in enumerate(answer.calls)
        ]
    return message


def _spoken(answer: Answer) -> str:
    return (answer.text or "") + "".join(call.tool + call.arguments for call in answer.calls)


def _usage(prompt: int, completion: int) -> JsonObject:
    return {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion}


def _deltas(message: JsonObject) -> Iterator[JsonObject]:
    """Cut a message into the pieces of a stream: clients add up ``content`` and each call's ``arguments``."""
    yield {"role": "assistant", "content": None if message.get("tool_calls") else ""}
    for piece in _pieces(message["content"] or ""):
        yield {"content": piece}
    for index, call in enumerate(message.get("tool_calls", ())):
        function = call["function"]
        yield {"tool_calls": [{**call, "index": index, "function": {**function, "arguments": ""}}]}
        for piece in _pieces(function["arguments"]):
            yield {"tool_calls": [{"index": index, "function": {"arguments": piece}}]}


def _pieces(text: str) -> Iterator[str]:
    return (text[start : start + _CHUNK_CHARACTERS] for start in range(0, len(text), _CHUNK_CHARACTERS))


async def _events(chunks: Iterator[JsonObject]) -> AsyncIterator[bytes]:
    for chunk in chunks:
        yield b"data: " + orjson.dumps(chunk) + b"\n\n"
    yield b"data: [DONE]\n\n"


def _json(value: JsonValue, status: int = 200) -> Response:
    return Response(orjson.dumps(value), status, media_type="application/json")
