"""The stub over its wire, asked by the gateway that asks real models, and by hand."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import httpx2
import pytest

from aumos_agent_framework.adapters.llm.openai_gateway import OpenAiGateway
from aumos_agent_framework.adapters.llm.stub import MAX_REQUEST_BYTES, create_stub_app
from aumos_agent_framework.core.errors import ModelError
from aumos_agent_framework.core.types import JsonObject
from tests.fakes.clock import START, FakeClock
from tests.unit.llm.commands import LOOKUP, ask, system, tool_results, user

CHAT = "/v1/chat/completions"


@pytest.fixture
async def client() -> AsyncIterator[httpx2.AsyncClient]:
    transport = httpx2.ASGITransport(app=create_stub_app(FakeClock()))
    async with httpx2.AsyncClient(transport=transport, base_url="http://stub") as client:
        yield client


@pytest.fixture
def gateway(client: httpx2.AsyncClient) -> OpenAiGateway:
    return OpenAiGateway(base_url="http://stub", token=None, client=client, timeout_seconds=30)


def _scripted(script: str) -> JsonObject:
    return system(f"You are a test.\n\n```script\n{script}\n```\n")


def _request(script: str = "- say: hello", **changes: Any) -> JsonObject:
    return {"model": "scripted", "messages": [_scripted(script), user("hi")], **changes}


async def _chunks(client: httpx2.AsyncClient, request: JsonObject) -> list[JsonObject]:
    """Ask for a stream and return its chunks, having checked how it ends."""
    response = await client.post(CHAT, json={**request, "stream": True})
    assert response.headers["Content-Type"].startswith("text/event-stream")
    *events, last, rest = response.text.split("\n\n")
    assert (last, rest) == ("data: [DONE]", "")
    return [json.loads(event.removeprefix("data: ")) for event in events]


def _deltas(chunks: list[JsonObject]) -> list[JsonObject]:
    return [chunk["choices"][0]["delta"] for chunk in chunks if chunk["choices"]]


class TestConversation:
    async def test_runs_a_script_from_call_to_answer(self, gateway: OpenAiGateway) -> None:
        script = """
        - call: {tool: lookup, arguments: {q: "${{ input.topic }}"}}
        - calls:
            - {tool: lookup, arguments: {q: "${{ results[0].next }}"}}
            - {tool: note, arguments: {text: "found ${{ results[0].count }}"}}
        - say: "${{ results[0].count }} of ${{ input.topic }}, then ${{ results[2] }}"
        """
        messages = [_scripted(script), user('{"topic": "licences"}')]

        first = await gateway.complete(ask(*messages, tools=(LOOKUP,)))
        messages += [first.message, *tool_results(first, '{"count": 3, "next": "MIT"}')]
        second = await gateway.complete(ask(*messages))
        messages += [second.message, *tool_results(second, "[]", "noted")]
        third = await gateway.complete(ask(*messages))

        assert [(call.name, call.arguments) for call in first.tool_calls] == [("lookup", {"q": "licences"})]
        assert [(call.name, call.arguments) for call in second.tool_calls] == [
            ("lookup", {"q": "MIT"}),
            ("note", {"text": "found 3"}),
        ]
        assert third.text == "3 of licences, then noted"
        assert [turn.finish_reason for turn in (first, second, third)] == ["tool_calls", "tool_calls", "stop"]
        ids = [call.id for turn in (first, second) for call in turn.tool_calls]
        assert len(set(ids)) == 3

    async def test_same_question_gets_the_same_answer(self, client: httpx2.AsyncClient) -> None:
        request = _request("- call: {tool: a}")

        first, again = [(await client.post(CHAT, json=request)).json() for _ in range(2)]

        assert first == again

    async def test_input_is_the_last_user_message_and_text_where_it_is_no_json(self, gateway: OpenAiGateway) -> None:
        turn = await gateway.complete(ask(_scripted("- say: '<${{ input }}>'"), user('{"a": 1}'), user("plain text")))

        assert turn.text == "<plain text>"

    async def test_messages_may_hold_parts(self, gateway: OpenAiGateway) -> None:
        parts = [{"type": "text", "text": '{"n": '}, {"type": "text", "text": "4}"}, {"type": "image_url"}]
        instructions = {
            "role": "developer",
            "content": [{"type": "text", "text": "```script\n- say: '${{ input.n }}'\n```"}],
        }

        turn = await gateway.complete(ask(instructions, {"role": "user", "content": parts}))

        assert turn.text == "4"

    async def test_without_a_user_message_input_is_null(self, gateway: OpenAiGateway) -> None:
        turn = await gateway.complete(ask(_scripted("- say: '${{ input == null }}'")))

        assert turn.text == "true"

    async def test_arguments_that_are_no_json_arrive_as_such(self, gateway: OpenAiGateway) -> None:
        turn = await gateway.complete(ask(_scripted("- call: {tool: a, arguments: '{oops'}")))

        assert turn.tool_calls[0].arguments is None
        assert turn.tool_calls[0].raw_arguments == "{oops"


class TestFailure:
    @pytest.mark.parametrize(("status", "retryable"), [(500, True), (429, True), (400, False), (418, False)])
    async def test_scripted_failure_comes_each_time(
        self,
        status: int,
        retryable: bool,  # noqa: FBT001 - a table's column
        gateway: OpenAiGateway,
    ) -> None:
        for _ in range(2):
            with pytest.raises(ModelError, match=str(status)) as caught:
                await gateway.complete(ask(_scripted(f"- fail: {status}\n- say: never")))
            assert caught.value.retryable is retryable

    @pytest.mark.parametrize(
        ("messages", "code", "said"),
        [
            ([user("hi")], "script_missing", "fenced block marked"),
            ([_scripted("- say: a\n- shout: b")], "script_invalid", "Line 2"),
            ([_scripted("- say: '${{ results[0] }}'")], "script_failed", "Line 1"),
            ([_scripted("- say: a"), {"role": "assistant", "content": "a"}], "script_exhausted", "asked for turn 2"),
        ],
        ids=["missing", "invalid", "failed", "exhausted"],
    )
    async def test_script_that_cannot_be_followed_is_a_400(
        self, messages: list[JsonObject], code: str, said: str, client: httpx2.AsyncClient
    ) -> None:
        response = await client.post(CHAT, json={"model": "scripted", "messages": messages})

        assert response.status_code == 400
        error = response.json()["error"]
        assert (error["code"], error["type"], error["param"]) == (code, "invalid_request_error", "messages")
        assert said in error["message"]

    async def test_other_models_do_not_exist(self, client: httpx2.AsyncClient) -> None:
        response = await client.post(CHAT, json=_request(model="gpt-4o"))

        assert response.status_code == 404
        error = response.json()["error"]
        assert (error["code"], error["param"]) == ("model_not_found", "model")
        assert "LLM_SERVING_URL" in error["message"]

    @pytest.mark.parametrize(
        "content",
        [
            b"",
            b"{",
            b"[]",
            b"{}",
            b'{"model": "scripted"}',
            b'{"model": "scripted", "messages": []}',
            b'{"model": "scripted", "messages": ["hi"]}',
            b'{"model": "scripted", "messages": "hi"}',
            b'{"model": 5, "messages": [{}]}',
            b'{"model": "scripted", "messages": [{}]}',
            b'{"model": "scripted", "messages": [{"role": ["system"], "content": {}}]}',
        ],
    )
    async def test_malformed_request_is_a_400(self, content: bytes, client: httpx2.AsyncClient) -> None:
        response = await client.post(CHAT, content=content)

        assert response.status_code == 400
        assert response.json()["error"]["type"] == "invalid_request_error"

    async def test_endless_request_is_refused(self, client: httpx2.AsyncClient) -> None:
        async def endless() -> AsyncIterator[bytes]:
            for _ in range(2 + MAX_REQUEST_BYTES // 1_000_000):
                yield b" " * 1_000_000

        response = await client.post(CHAT, content=endless())

        assert response.status_code == 413
        assert response.json()["error"]["code"] == "request_too_large"


class TestDelay:
    async def test_delayed_turn_lets_others_pass(self, gateway: OpenAiGateway) -> None:
        slow = asyncio.create_task(gateway.complete(ask(_scripted("- delay: 60\n- say: slow"))))
        answered, _ = await asyncio.wait([slow], timeout=0.1)

        assert not answered
        assert (await gateway.complete(ask(_scripted("- say: quick")))).text == "quick"
        slow.cancel()
        await asyncio.wait([slow], timeout=10)

    async def test_delay_ends(self, gateway: OpenAiGateway) -> None:
        assert (await gateway.complete(ask(_scripted("- {say: at last, delay: 0.01}")))).text == "at last"

    async def test_fault_is_told_without_the_delay(self, gateway: OpenAiGateway) -> None:
        async with asyncio.timeout(30):
            with pytest.raises(ModelError, match="Line 1"):
                await gateway.complete(ask(_scripted("- {say: '${{ nobody }}', delay: 60}")))


class TestWireFormat:
    async def test_completion_has_every_field(self, client: httpx2.AsyncClient) -> None:
        completion = (await client.post(CHAT, json=_request("- call: {tool: a, arguments: {n: 1}}"))).json()

        assert completion.pop("id").startswith("chatcmpl-")
        assert completion.pop("usage").keys() == {"prompt_tokens", "completion_tokens", "total_tokens"}
        function = {"name": "a", "arguments": '{"n":1}'}
        message = {
            "role": "assistant",
            "content": None,
            "refusal": None,
            "tool_calls": [{"id": "call_0_0", "type": "function", "function": function}],
        }
        assert completion == {
            "object": "chat.completion",
            "created": int(START.timestamp()),
            "model": "scripted",
            "choices": [{"index": 0, "message": message, "logprobs": None, "finish_reason": "tool_calls"}],
        }

    async def test_usage_grows_with_what_is_said(self, client: httpx2.AsyncClient) -> None:
        short, long = [
            (await client.post(CHAT, json=_request(f"- say: {'a' * length}"))).json()["usage"] for length in (40, 400)
        ]

        assert short["completion_tokens"] == 10
        assert long["completion_tokens"] == 100
        assert long["prompt_tokens"] == short["prompt_tokens"] + 90
        assert long["total_tokens"] == long["prompt_tokens"] + 100

    async def test_lists_its_model(self, client: httpx2.AsyncClient) -> None:
        models = (await client.get("/v1/models")).json()

        assert models["object"] == "list"
        assert [model["id"] for model in models["data"]] == ["scripted"]

    async def test_is_healthy(self, client: httpx2.AsyncClient) -> None:
        response = await client.get("/health")

        assert (response.status_code, response.json()) == (200, {"status": "ok"})


class TestStream:
    async def test_text_arrives_in_pieces_that_add_up(self, client: httpx2.AsyncClient) -> None:
        text = "A sentence long enough to need more than one piece of the stream."

        chunks = await _chunks(client, _request(f"- say: {text}"))

        deltas = _deltas(chunks)
        assert deltas[0] == {"role": "assistant", "content": ""}
        pieces = [delta["content"] for delta in deltas[1:-1]]
        assert len(pieces) > 1
        assert "".join(pieces) == text
        assert [chunk["choices"][0]["finish_reason"] for chunk in chunks] == [None] * (len(chunks) - 1) + ["stop"]
        assert {(chunk["id"], chunk["object"]) for chunk in chunks} == {(chunks[0]["id"], "chat.completion.chunk")}

    async def test_calls_arrive_in_pieces_that_add_up(self, client: httpx2.AsyncClient) -> None:
        script = "- calls:\n  - {tool: a, arguments: {text: some words that take several pieces}}\n  - {tool: b}"

        chunks = await _chunks(client, _request(script))

        calls: dict[int, dict[str, str]] = {}
        for delta in _deltas(chunks):
            for piece in delta.get("tool_calls", ()):
                call = calls.setdefault(piece["index"], {"arguments": ""})
                call.update({"id": piece["id"], "name": piece["function"]["name"]} if "id" in piece else {})
                call["arguments"] += piece["function"]["arguments"]
        assert calls == {
            0: {"id": "call_0_0", "name": "a", "arguments": '{"text":"some words that take several pieces"}'},
            1: {"id": "call_0_1", "name": "b", "arguments": "{}"},
        }
        assert chunks[-1]["choices"][0]["finish_reason"] == "tool_calls"

    async def test_usage_comes_last_where_asked_for(self, client: httpx2.AsyncClient) -> None:
        whole = (await client.post(CHAT, json=_request())).json()

        chunks = await _chunks(client, _request(stream_options={"include_usage": True}))

        assert chunks[-1]["choices"] == []
        assert chunks[-1]["usage"] == whole["usage"]
        assert not any("usage" in chunk for chunk in chunks[:-1])

    async def test_failure_is_a_plain_error(self, client: httpx2.AsyncClient) -> None:
        response = await client.post(CHAT, json=_request("- fail: 503", stream=True))

        assert response.status_code == 503
        assert response.json()["error"]["code"] == "scripted_failure"
