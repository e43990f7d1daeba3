"""Definition, agents, scripts and tools of the demo together: whole runs in this process."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import orjson
import pytest

from aumos_agent_framework.adapters.llm.script import find_script, read_script, turn_at
from aumos_agent_framework.adapters.tool_registry import ToolRegistry
from aumos_agent_framework.adapters.tools.address_guard import AddressGuard
from aumos_agent_framework.adapters.tools.http import HttpTools
from aumos_agent_framework.adapters.tools.python import PythonTools
from aumos_agent_framework.adapters.workflow_engine.langgraph_engine import run_graph
from aumos_agent_framework.api.v1.schemas.agents import AgentRequest
from aumos_agent_framework.api.v1.schemas.tools import ToolRequest
from aumos_agent_framework.api.v1.schemas.workflows import WorkflowRequest
from aumos_agent_framework.core.domain.agents import AgentDraft
from aumos_agent_framework.core.domain.effects import ActCommand, ActResult, ActStatus
from aumos_agent_framework.core.domain.executions import AgentBinding, StepRecord, Usage
from aumos_agent_framework.core.domain.hitl import HitlStatus, OpenedRequest, OpenGateCommand, Settlement
from aumos_agent_framework.core.domain.inference import ModelTurn, ThinkCommand, ToolCall
from aumos_agent_framework.core.domain.tools import Tool, ToolCallContext, ToolDraft, ToolOutcomeKind, ToolSpec
from aumos_agent_framework.core.graph.input import check_input
from aumos_agent_framework.core.graph.json_schema import check_schema
from aumos_agent_framework.core.graph.runtime.context import RunContext
from aumos_agent_framework.core.graph.validation import Catalog, validate
from aumos_agent_framework.core.interfaces.step_runner import RetryPolicy
from aumos_agent_framework.core.types import (
    APPROVAL_FROM,
    AgentId,
    EffectId,
    HitlRequestId,
    JsonObject,
    JsonValue,
)
from aumos_agent_framework.demo.scenario import Scenario, load_scenario
from tests.factories import NOW, TENANT, make_agent, make_governance, make_plan, make_tool, new_id

FUNCTIONS = {
    "audit_collect_packages": "collect_packages",
    "audit_check_licences": "check_licences",
    "audit_check_metadata": "check_metadata",
    "audit_compose_report": "compose_report",
    "audit_publish_report": "publish_report",
}
"""The entry points that pyproject.toml declares."""


@pytest.fixture(scope="module")
def scenario() -> Scenario:
    return load_scenario()


@pytest.fixture(scope="module")
def registry() -> ToolRegistry:
    entries = [
        EntryPoint(name=name, value=f"aumos_agent_framework.demo.tools:{function}", group="aumos.tools")
        for name, function in FUNCTIONS.items()
    ]
    return ToolRegistry(http=HttpTools(AddressGuard()), python=PythonTools(entries))


@pytest.fixture
def tools(scenario: Scenario, registry: ToolRegistry) -> dict[str, Tool]:
    drafts = [registry.check(ToolRequest.model_validate(body).to_draft()) for body in scenario.tools]
    return {draft.name: registered(draft) for draft in drafts}


def registered(draft: ToolDraft) -> Tool:
    return make_tool(
        name=draft.name,
        description=draft.description,
        min_privilege_level=draft.min_privilege_level,
        input_schema=draft.input_schema,
        output_schema=draft.output_schema,
        config=draft.config,
        idempotency=draft.idempotency,
    )


def agent_drafts(scenario: Scenario) -> dict[str, AgentDraft]:
    drafts = [AgentRequest.model_validate(body).to_draft() for body in scenario.agents]
    return {draft.name: draft for draft in drafts}


@dataclass
class InProcess:
    """A ``StepRunner`` with scripted models, real tools, and a person who says yes or no."""

    registry: ToolRegistry
    tools: dict[str, Tool]
    approves: bool
    asked: list[ActCommand] = field(default_factory=list)
    sizes: dict[str, int] = field(default_factory=dict)
    settled: dict[HitlRequestId, HitlStatus] = field(default_factory=dict)

    def now(self) -> datetime:
        return NOW

    async def think(self, command: ThinkCommand, retry: RetryPolicy) -> ModelTurn:
        messages = command.messages
        instructions = next(message["content"] for message in messages if message["role"] == "system")
        said = sum(message["role"] == "assistant" for message in messages)
        answer = turn_at(read_script(find_script(instructions)), said).answer(
            {
                "input": orjson.loads(next(m["content"] for m in messages if m["role"] == "user")),
                "results": [orjson.loads(m["content"]) for m in messages if m["role"] == "tool"],
            }
        )
        self.sizes[f"think {len(self.sizes)}"] = len(orjson.dumps(messages))
        calls = tuple(
            ToolCall(f"c{said}_{index}", call.tool, orjson.loads(call.arguments), call.arguments)
            for index, call in enumerate(answer.calls)
        )
        wire = [{"id": c.id, "type": "function", "function": {"name": c.name}} for c in calls]
        message: JsonObject = {"role": "assistant", "content": answer.text, "tool_calls": wire}
        return ModelTurn(message, answer.text or "", calls, Usage(model_calls=1), "stop")

    async def act(self, command: ActCommand, retry: RetryPolicy, *, short: bool) -> ActResult:
        tool = self.tools[command.tool]
        if tool.min_privilege_level >= APPROVAL_FROM and command.hitl_request_id is None:
            self.asked.append(command)
            request = HitlRequestId(new_id())
            self.settled[request] = HitlStatus.APPROVED if self.approves else HitlStatus.REJECTED
            return ActResult(ActStatus.APPROVAL_REQUIRED, hitl_request_id=request, expires_in_seconds=60)
        if command.hitl_request_id and self.settled[command.hitl_request_id] is HitlStatus.REJECTED:
            return ActResult(ActStatus.REJECTED, code="hitl_rejected", message="bob rejected the call.")
        outcome = await self.registry.call(
            tool, command.arguments, ToolCallContext(tool.tenant_id, EffectId(new_id()), 1)
        )
        assert outcome.kind is ToolOutcomeKind.DONE, outcome.message
        self.sizes[f"act {command.tool}"] = len(orjson.dumps([command.arguments, outcome.result]))
        return ActResult(ActStatus.DONE, result=outcome.result)

    async def settlement(self, request_id: HitlRequestId, expires_in_seconds: float) -> Settlement:
        return Settlement(request_id, self.settled[request_id], "bob")

    async def open_gate(self, command: OpenGateCommand) -> OpenedRequest:
        raise AssertionError("the demo has no gates")

    async def sleep(self, seconds: float) -> None:
        raise AssertionError("nothing in the demo waits")

    async def paused(self, steps: Sequence[StepRecord]) -> None:
        """Nobody reads the steps here."""


async def run(scenario: Scenario, registry: ToolRegistry, tools: dict[str, Tool], *, approves: bool) -> Any:
    draft = WorkflowRequest.model_validate(scenario.workflow).to_draft()
    agents = agent_drafts(scenario)
    bindings = {node: binding(agents[name], tools) for node, name in draft.agents.items()}
    plan = make_plan(
        definition=draft.graph_definition,
        bindings=bindings,
        tools={},
        gates={},
        governance=make_governance(max_steps=10),
        input_data={},
    )
    runner = InProcess(registry, tools, approves)
    return await run_graph(RunContext(plan, runner)), runner, plan


def binding(draft: AgentDraft, tools: dict[str, Tool]) -> AgentBinding:
    granted = (tools[name] for name in draft.tool_access)
    specs = tuple(ToolSpec(tool.name, tool.description, tool.input_schema, short=True) for tool in granted)
    return AgentBinding(
        agent_id=AgentId(new_id()),
        name=draft.name,
        version=1,
        instructions=draft.instructions,
        model=draft.model,
        tools=specs,
        limits=draft.resource_limits,
    )


@pytest.fixture(autouse=True)
def data_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("AUMOS_AGF_DATA_DIR", str(tmp_path))
    return tmp_path


class TestDefinition:
    def test_is_valid_without_a_warning(self, scenario: Scenario, tools: dict[str, Tool]) -> None:
        draft = WorkflowRequest.model_validate(scenario.workflow).to_draft()
        agents = {
            name: make_agent(name=name, privilege_level=agent.privilege_level, tool_access=agent.tool_access)
            for name, agent in agent_drafts(scenario).items()
        }
        report = validate(draft, Catalog(agents=agents, tools=tools))
        assert (report.errors, report.warnings) == ((), ())

    def test_needs_no_input(self, scenario: Scenario) -> None:
        check_input(scenario.workflow["graph_definition"], {})

    def test_every_agent_may_call_exactly_what_exists(self, scenario: Scenario, tools: dict[str, Tool]) -> None:
        granted = {name for agent in agent_drafts(scenario).values() for name in agent.tool_access}
        assert granted == set(tools) == set(FUNCTIONS)

    def test_only_publishing_needs_an_approval(self, tools: dict[str, Tool]) -> None:
        risky = [tool.name for tool in tools.values() if tool.min_privilege_level >= APPROVAL_FROM]
        assert risky == ["audit_publish_report"]

    def test_tools_describe_themselves(self, tools: dict[str, Tool]) -> None:
        for tool in tools.values():
            assert tool.description
            check_schema(tool.input_schema)
            assert tool.output_schema is not None
            check_schema(tool.output_schema)


class TestRun:
    async def test_an_approved_report_is_published(
        self, scenario: Scenario, registry: ToolRegistry, tools: dict[str, Tool], data_dir: Path
    ) -> None:
        state, runner, plan = await run(scenario, registry, tools, approves=True)
        publication = state["publication"]
        report = data_dir / "reports" / str(TENANT) / f"dependency-audit-{plan.execution_id}.md"
        assert publication["published"] is True
        assert data_dir / publication["path"] == report
        assert report.read_text(encoding="utf-8") == runner.asked[0].arguments["text"]
        assert publication["headline"] in report.read_text(encoding="utf-8")
        assert "| pytest |" in report.read_text(encoding="utf-8")

    async def test_a_rejected_report_is_not_and_the_agent_says_so(
        self, scenario: Scenario, registry: ToolRegistry, tools: dict[str, Tool], data_dir: Path
    ) -> None:
        state, runner, _ = await run(scenario, registry, tools, approves=False)
        assert state["publication"]["published"] is False
        assert state["publication"]["reason"] == "bob rejected the call."
        assert len(runner.asked) == 1
        assert not (data_dir / "reports").exists()

    async def test_the_approver_sees_the_whole_report_and_where_it_goes(
        self, scenario: Scenario, registry: ToolRegistry, tools: dict[str, Tool]
    ) -> None:
        _, runner, plan = await run(scenario, registry, tools, approves=False)
        arguments: dict[str, JsonValue] = runner.asked[0].arguments
        assert set(arguments) == {"path", "text"}
        assert arguments["path"] == f"dependency-audit-{plan.execution_id}.md"
        assert str(arguments["text"]).startswith("# Dependency licence audit\n")

    async def test_what_travels_stays_moderate(
        self, scenario: Scenario, registry: ToolRegistry, tools: dict[str, Tool]
    ) -> None:
        state, runner, _ = await run(scenario, registry, tools, approves=True)
        packages = len(state["inventory"]["packages"])
        assert len(orjson.dumps(state["inventory"])) < 500 * packages
        assert max(runner.sizes.values()) < 2_000 * packages
