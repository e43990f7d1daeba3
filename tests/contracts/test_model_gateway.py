"""``ModelGateway``: the same promises from the fake and from the OpenAI-format client before the stub."""

import json
from collections.abc import AsyncIterator

import httpx2
import pytest

from aumos_agent_framework.adapters.llm.openai_gateway import OpenAiGateway
from aumos_agent_framework.adapters.llm.stub import create_stub_app
from aumos_agent_framework.core.domain.executions import Usage
from aumos_agent_framework.core.domain.inference import ModelTurn, ThinkCommand, ToolCall
from aumos_agent_framework.core.errors import ModelError
from aumos_agent_framework.core.interfaces.model_gateway import ModelGateway
from aumos_agent_framework.core.types import JsonObject
from tests.factories import new_tenant_id
from tests.fakes.clock import FakeClock
from tests.fakes.model_gateway import ScriptedModel

SCRIPT = """```script
- call: {tool: lookup, arguments: {q: licences}}
- fail: 503
```"""


@pytest.fixture
def fake() -> ModelGateway:
    function = {"name": "lookup", "arguments": '{"q":"licences"}'}
    call = {"id": "call_0_0", "type": "function", "function": function}
    first = ModelTurn(
        message={"role": "assistant", "content": None, "tool_calls": [call]},
        text="",
        tool_calls=(ToolCall("call_0_0", "lookup", {"q": "licences"}, '{"q":"licences"}'),),
        usage=Usage(prompt_tokens=40, completion_tokens=6, model_calls=1),
        finish_reason="tool_calls",
    )
    return ScriptedModel([first, ModelError("model_unavailable", "The model server answered 503.", retryable=True)])


@pytest.fixture
async def openai() -> AsyncIterator[ModelGateway]:
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app=create_stub_app(FakeClock()))) as client:
        yield OpenAiGateway(base_url="http://stub", token=None, client=client, timeout_seconds=30)


@pytest.fixture(params=["fake", "openai"])
def gateway(request: pytest.FixtureRequest) -> ModelGateway:
    found: ModelGateway = request.getfixturevalue(request.param)
    return found


def _ask(*more: JsonObject) -> ThinkCommand:
    messages = ({"role": "system", "content": SCRIPT}, {"role": "user", "content": "go"}, *more)
    return ThinkCommand(tenant_id=new_tenant_id(), model={"name": "scripted"}, messages=messages, tools=())


class TestComplete:
    async def test_turn_can_be_appended_and_answered(self, gateway: ModelGateway) -> None:
        turn = await gateway.complete(_ask())

        (call,) = turn.tool_calls
        (entry,) = turn.message["tool_calls"]
        assert (call.name, call.arguments) == ("lookup", {"q": "licences"})
        assert json.loads(call.raw_arguments) == call.arguments
        assert turn.message["role"] == "assistant"
        assert entry["id"] == call.id
        assert json.loads(entry["function"]["arguments"]) == call.arguments
        assert turn.finish_reason == "tool_calls"
        assert turn.usage.model_calls == 1
        assert turn.usage.prompt_tokens > turn.usage.completion_tokens > 0

    async def test_failure_says_whether_to_ask_again(self, gateway: ModelGateway) -> None:
        turn = await gateway.complete(_ask())
        result = {"role": "tool", "tool_call_id": turn.tool_calls[0].id, "content": "found"}

        with pytest.raises(ModelError) as caught:
            await gateway.complete(_ask(turn.message, result))

        assert caught.value.code == "model_unavailable"
        assert caught.value.retryable
