"""Answers as servers really give them."""

import json
from typing import Any

import orjson
import pytest

from aumos_agent_framework.adapters.llm.openai_format import MAX_TOOL_CALLS, read_turn, request_body
from aumos_agent_framework.core.domain.executions import Usage
from aumos_agent_framework.core.domain.inference import ModelTurn
from aumos_agent_framework.core.errors import ModelError
from tests.unit.llm.commands import LOOKUP, ask, system, user


def _completion(message: dict[str, Any], **changes: Any) -> bytes:
    choice = {"index": 0, "message": {"role": "assistant", **message}, "finish_reason": "stop"}
    good = {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1,
        "model": "m",
        "choices": [choice],
        "usage": {"prompt_tokens": 11, "completion_tokens": 7, "total_tokens": 18},
    }
    return json.dumps(good | changes).encode()


def _calling(*calls: dict[str, Any], **changes: Any) -> bytes:
    return _completion({"content": None, "tool_calls": list(calls)}, **changes)


def _call(arguments: Any = '{"q": "x"}', call_id: Any = "call_abc", name: str = "lookup") -> dict[str, Any]:
    return {"id": call_id, "type": "function", "function": {"name": name, "arguments": arguments}}


def _calls(*calls: dict[str, Any]) -> dict[str, Any]:
    return {"choices": [{"message": {"tool_calls": list(calls)}}]}


NO_COMPLETIONS: dict[str, Any] = {
    "no choice": {"choices": []},
    "choices null": {"choices": None},
    "choice without message": {"choices": [{"finish_reason": "stop"}]},
    "message null": {"choices": [{"message": None}]},
    "content a number": {"choices": [{"message": {"content": 5}}]},
    "call without function": _calls({"id": "a"}),
    "call without name": _calls({"id": "a", "function": {"arguments": "{}"}}),
    "call of nothing": _calls(_call(name="")),
    "arguments a list": _calls(_call([1])),
    "too many calls": _calls(*[_call()] * (MAX_TOOL_CALLS + 1)),
    "a list": [],
    "a string": "text",
    "null": None,
}


class TestRequestBody:
    def test_holds_what_the_format_asks_for(self) -> None:
        model = {"name": "m", "temperature": 0.2, "stop": ["END"], "top_p": None}
        command = ask(system("Be brief."), user("hi"), model=model, tools=(LOOKUP,))

        assert orjson.loads(request_body(command)) == {
            "model": "m",
            "messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "hi"}],
            "temperature": 0.2,
            "stop": ["END"],
            "tools": [
                {
                    "type": "function",
                    "function": {
                        "name": "lookup",
                        "description": "Find a thing",
                        "parameters": {"type": "object", "properties": {"q": {"type": "string"}}},
                    },
                }
            ],
            "tool_choice": "auto",
        }

    def test_says_nothing_of_tools_where_there_are_none(self) -> None:
        assert orjson.loads(request_body(ask())).keys() == {"model", "messages"}

    @pytest.mark.parametrize(
        ("model", "bound", "expected"),
        [
            ({}, 50, {"max_tokens": 50}),
            ({"max_tokens": 20}, 50, {"max_tokens": 20}),
            ({"max_tokens": 80}, 50, {"max_tokens": 50}),
            ({"max_tokens": 80}, None, {"max_tokens": 80}),
            ({"max_completion_tokens": 80}, 50, {"max_completion_tokens": 50}),
            ({"max_tokens": "many"}, 50, {"max_tokens": 50}),
            ({}, None, {}),
        ],
        ids=str,
    )
    def test_asks_for_no_more_tokens_than_the_budget_has(
        self, model: dict[str, Any], bound: int | None, expected: dict[str, int]
    ) -> None:
        body = orjson.loads(request_body(ask(model={"name": "m", **model}, max_output_tokens=bound)))

        assert {key: body[key] for key in ("max_tokens", "max_completion_tokens") if key in body} == expected

    @pytest.mark.parametrize(
        ("model", "code"),
        [
            ({}, "model_not_named"),
            ({"name": ""}, "model_not_named"),
            ({"name": 5}, "model_not_named"),
            ({"name": "m", "temprature": 1}, "model_parameter_unknown"),
            ({"name": "m", "stream": True}, "model_parameter_unknown"),
            ({"name": "m", "messages": []}, "model_parameter_unknown"),
        ],
        ids=str,
    )
    def test_refuses_a_model_that_makes_no_request(self, model: dict[str, Any], code: str) -> None:
        with pytest.raises(ModelError) as caught:
            request_body(ask(model=model))

        assert caught.value.code == code
        assert not caught.value.retryable


class TestReadTurn:
    def test_text(self) -> None:
        turn = read_turn(_completion({"content": "Good day."}), ask())

        assert turn == ModelTurn(
            message={"role": "assistant", "content": "Good day."},
            text="Good day.",
            tool_calls=(),
            usage=Usage(prompt_tokens=11, completion_tokens=7, model_calls=1),
            finish_reason="stop",
        )

    def test_calls(self) -> None:
        turn = read_turn(_calling(_call(), _call('{"q":"y"}', "call_def")), ask())

        assert [(call.id, call.name, call.arguments) for call in turn.tool_calls] == [
            ("call_abc", "lookup", {"q": "x"}),
            ("call_def", "lookup", {"q": "y"}),
        ]
        assert turn.text == ""
        assert turn.message == {
            "role": "assistant",
            "content": None,
            "tool_calls": [_call(), _call('{"q":"y"}', "call_def")],
        }

    def test_text_beside_calls_is_kept(self) -> None:
        turn = read_turn(_completion({"content": "Let me see.", "tool_calls": [_call()]}), ask())

        assert turn.text == turn.message["content"] == "Let me see."

    @pytest.mark.parametrize(
        ("message", "text"),
        [
            ({"content": None}, ""),
            ({}, ""),
            ({"content": ""}, ""),
            ({"content": []}, ""),
            ({"content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]}, "ab"),
            ({"content": [{"type": "thinking", "thinking": "hm"}, {"type": "text", "text": "a"}]}, "a"),
            ({"content": [{"type": "refusal", "refusal": "No."}]}, "No."),
            ({"content": None, "refusal": "I cannot."}, "I cannot."),
            ({"content": "a", "refusal": None, "tool_calls": None, "function_call": None, "annotations": []}, "a"),
            ({"content": "a", "tool_calls": []}, "a"),
            ({"content": "a", "reasoning_content": "hidden"}, "a"),
        ],
        ids=str,
    )
    def test_content_may_be(self, message: dict[str, Any], text: str) -> None:
        turn = read_turn(_completion(message), ask())

        assert turn.text == text
        assert turn.message == {"role": "assistant", "content": text}

    @pytest.mark.parametrize(
        "arguments", ["{", "not json", "[1]", '"text"', "null", "7", "NaN", '{"a": NaN}', "{'a': 1}"]
    )
    def test_arguments_that_are_no_object_are_none(self, arguments: str) -> None:
        turn = read_turn(_calling(_call(arguments)), ask())

        assert turn.tool_calls[0].arguments is None
        assert turn.tool_calls[0].raw_arguments == arguments
        # Many servers parse the arguments of earlier turns, and fail for good on what is no object.
        assert turn.message["tool_calls"][0]["function"]["arguments"] == "{}"

    @pytest.mark.parametrize("arguments", ["", "  ", None, {}, "{}"])
    def test_arguments_may_be_empty(self, arguments: Any) -> None:
        turn = read_turn(_calling(_call(arguments)), ask())

        assert turn.tool_calls[0].arguments == {}
        assert turn.message["tool_calls"][0]["function"]["arguments"] == "{}"

    def test_arguments_may_be_an_object(self) -> None:
        (call,) = read_turn(_calling(_call({"q": "x"})), ask()).tool_calls

        assert call.arguments == {"q": "x"}
        assert call.raw_arguments == '{"q":"x"}'

    def test_signatures_go_back_to_the_server(self) -> None:
        signature = {"google": {"thought_signature": "c2ln"}}
        turn = read_turn(_calling({**_call(), "extra_content": signature, "other": 1}), ask())

        assert turn.message["tool_calls"] == [{**_call(), "extra_content": signature}]

    @pytest.mark.parametrize("reason", [None, "tool_calls", "length"])
    def test_finish_reason_is_kept_or_follows_from_the_turn(self, reason: str | None) -> None:
        choice = {"message": {"tool_calls": [_call()]}, "finish_reason": reason}

        assert read_turn(_completion({}, choices=[choice]), ask()).finish_reason == (reason or "tool_calls")

    @pytest.mark.parametrize(
        "usage",
        [None, {}, {"total_tokens": 5}, {"prompt_tokens": -1, "completion_tokens": 2}, {"prompt_tokens": "x"}, "5", []],
        ids=str,
    )
    def test_missing_usage_is_estimated_so_that_budgets_bind(self, usage: Any) -> None:
        command = ask(user("a" * 400), tools=(LOOKUP,))

        turn = read_turn(_completion({"content": "b" * 40}, usage=usage), command)

        assert 100 < turn.usage.prompt_tokens < 200
        assert turn.usage.completion_tokens == 10
        assert turn.usage.model_calls == 1

    @pytest.mark.parametrize("fault", NO_COMPLETIONS)
    def test_refuses_what_is_no_chat_completion(self, fault: str) -> None:
        with pytest.raises(ModelError) as caught:
            read_turn(json.dumps(NO_COMPLETIONS[fault]).encode(), ask())

        assert caught.value.code == "model_answer_invalid"
        assert not caught.value.retryable

    @pytest.mark.parametrize("body", [b"", b"<html>", b'{"choices": [{"mess', b"\xff"])
    def test_answer_cut_off_may_be_asked_for_again(self, body: bytes) -> None:
        with pytest.raises(ModelError) as caught:
            read_turn(body, ask())

        assert caught.value.code == "model_answer_invalid"
        assert caught.value.retryable

    @pytest.mark.parametrize(
        ("error", "retryable"),
        [
            ({"code": 502, "message": "upstream died"}, True),
            ({"code": 429, "message": "slow down"}, True),
            ({"code": 400, "message": "no"}, False),
            ({"code": "bad", "message": "no"}, False),
            ("broken", False),
        ],
        ids=str,
    )
    def test_error_inside_a_200_is_an_error(self, error: Any, retryable: bool) -> None:  # noqa: FBT001 - a table's column
        with pytest.raises(ModelError) as caught:
            read_turn(json.dumps({"error": error}).encode(), ask())

        assert caught.value.code == "model_refused"
        assert caught.value.retryable is retryable
        assert (error if isinstance(error, str) else error["message"]) in caught.value.message


class TestCallIds:
    @pytest.mark.parametrize("call_id", [None, "", 7, "x" * 129, ["a"]], ids=lambda value: f"{value!r:.20}")
    def test_missing_id_is_made_from_the_place(self, call_id: Any) -> None:
        body = _calling(_call(call_id=call_id), _call(call_id=call_id))

        first, again = read_turn(body, ask()), read_turn(body, ask())

        assert [call.id for call in first.tool_calls] == ["call_0_0", "call_0_1"]
        assert first == again

    def test_absent_id_is_made_from_the_place(self) -> None:
        call = {"function": {"name": "lookup", "arguments": "{}"}}

        assert read_turn(_calling(call), ask()).tool_calls[0].id == "call_0_0"

    def test_second_of_two_equal_ids_is_replaced(self) -> None:
        turn = read_turn(_calling(_call(call_id="a"), _call(call_id="a")), ask())

        assert [call.id for call in turn.tool_calls] == ["a", "call_0_1"]
        assert [call["id"] for call in turn.message["tool_calls"]] == ["a", "call_0_1"]

    def test_id_of_an_earlier_turn_is_replaced(self) -> None:
        body = _calling(_call(call_id="0"))
        first = read_turn(body, ask())
        result = {"role": "tool", "tool_call_id": "0", "content": "found"}

        second = read_turn(body, ask(user("hello"), first.message, result))

        assert first.tool_calls[0].id == "0"
        assert second.tool_calls[0].id == "call_1_0"

    def test_made_id_avoids_one_that_the_model_has_taken(self) -> None:
        turn = read_turn(_calling(_call(call_id="call_0_1"), _call(call_id=None)), ask())

        assert [call.id for call in turn.tool_calls] == ["call_0_1", "call_0_1_"]
