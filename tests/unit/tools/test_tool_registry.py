from importlib.metadata import EntryPoint
from typing import Any

import pytest

from aumos_agent_framework.adapters.tool_registry import ToolRegistry
from aumos_agent_framework.adapters.tools.address_guard import AddressGuard
from aumos_agent_framework.adapters.tools.http import HttpTools
from aumos_agent_framework.adapters.tools.python import PythonTools
from aumos_agent_framework.core.domain.tools import ToolCallContext, ToolOutcome, ToolOutcomeKind
from aumos_agent_framework.core.errors import InvalidInputError
from aumos_agent_framework.core.types import EffectId
from tests.factories import TENANT, make_tool, make_tool_draft, new_id

PYTHON = {"type": "python", "ref": "add"}
HTTP = {"type": "http", "url": "https://api.example/"}
CONTEXT = ToolCallContext(TENANT, EffectId(new_id()), 1)


@pytest.fixture
def registry() -> ToolRegistry:
    installed = [EntryPoint(name="add", value="tests.unit.tools.sample_tools:add", group="aumos.tools")]
    return ToolRegistry(http=HttpTools(AddressGuard()), python=PythonTools(installed))


class TestCheck:
    def test_completes_a_python_tool(self, registry: ToolRegistry) -> None:
        assert registry.check(make_tool_draft(config=PYTHON, input_schema={})).input_schema["required"] == ["a"]

    def test_passes_an_http_tool(self, registry: ToolRegistry) -> None:
        draft = make_tool_draft(config=HTTP)
        assert registry.check(draft) == draft

    @pytest.mark.parametrize(
        ("config", "code"),
        [
            ({"type": "mcp", "server": "x"}, "unknown_tool_type"),
            ({"type": 7}, "unknown_tool_type"),
            ({"type": ["http"]}, "unknown_tool_type"),
            ({"type": None}, "missing"),
            ({}, "missing"),
        ],
    )
    def test_an_unknown_type_comes_with_those_that_exist(
        self, registry: ToolRegistry, config: dict[str, Any], code: str
    ) -> None:
        with pytest.raises(InvalidInputError) as caught:
            registry.check(make_tool_draft(config=config))
        problem = caught.value.problems[0]
        assert (problem.pointer, problem.code) == ("/config/type", code)
        assert "http, python" in problem.message


class TestSameTarget:
    @pytest.mark.parametrize(
        ("one", "other", "same"),
        [
            (PYTHON, PYTHON | {"timeout": 9}, True),
            (PYTHON, PYTHON | {"ref": "other"}, False),
            (HTTP, HTTP | {"headers": {"X-A": "1"}}, True),
            (HTTP, PYTHON, False),
            ({"type": "mcp"}, {"type": "mcp"}, False),
            ({}, {}, False),
        ],
    )
    def test_goes_by_the_type_first(
        self, registry: ToolRegistry, one: dict[str, Any], other: dict[str, Any], *, same: bool
    ) -> None:
        assert registry.same_target(one, other) is registry.same_target(other, one) is same


class TestIsShort:
    @pytest.mark.parametrize(
        ("config", "short"),
        [
            (PYTHON, True),
            (PYTHON | {"timeout": 5}, True),
            (PYTHON | {"timeout": 5.1}, False),
            (HTTP, False),
            (HTTP | {"timeout": 5}, True),
            (HTTP | {"timeout": 6}, False),
            (HTTP | {"timeout": "x"}, False),
            ({"type": "mcp"}, False),
            ({}, False),
        ],
    )
    def test_goes_by_the_calls_own_timeout(self, registry: ToolRegistry, config: dict[str, Any], short: bool) -> None:  # noqa: FBT001
        assert registry.is_short(config) is short


class TestCall:
    async def test_reaches_the_tool(self, registry: ToolRegistry) -> None:
        outcome = await registry.call(make_tool(config=PYTHON), {"a": 1}, CONTEXT)
        assert outcome == ToolOutcome(ToolOutcomeKind.DONE, result=3)

    async def test_a_type_that_this_worker_lacks_is_an_error(self, registry: ToolRegistry) -> None:
        outcome = await registry.call(make_tool(config={"type": "mcp"}), {}, CONTEXT)
        assert (outcome.kind, "was not called" in outcome.message) == (ToolOutcomeKind.ERROR, True)
