"""One run through the engine, in process."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from aumos_agent_framework.adapters.workflow_engine.langgraph_engine import run_graph
from aumos_agent_framework.core.domain.executions import AgentBinding, ExecutionError, RunPlan, StepRecord
from aumos_agent_framework.core.graph.runtime.context import RunContext
from aumos_agent_framework.core.graph.runtime.visit import RunFailedError
from aumos_agent_framework.core.types import JsonObject
from tests.factories import make_binding, make_governance, make_plan, make_tool_spec
from tests.fakes.step_runner import ScriptedStepRunner

DEADLINE_SECONDS = 20.0


@dataclass(frozen=True)
class Ran:
    """A run that has ended: with a state, or with an error."""

    context: RunContext
    output: JsonObject | None
    error: ExecutionError | None

    @property
    def state(self) -> JsonObject:
        assert self.output is not None, f"the run failed: {self.error}"
        return self.output

    @property
    def fault(self) -> ExecutionError:
        assert self.error is not None, f"the run did not fail: {self.output}"
        return self.error

    @property
    def steps(self) -> tuple[StepRecord, ...]:
        return self.context.journal.steps

    def of(self, kind: str) -> list[StepRecord]:
        """Return the steps of a kind."""
        return [step for step in self.steps if step.kind == kind]


def plan(
    definition: JsonObject,
    *,
    input_data: JsonObject | None = None,
    gates: Mapping[str, JsonObject] | None = None,
    agents: Mapping[str, AgentBinding] | None = None,
    max_steps: int = 100,
    **overrides: Any,
) -> RunPlan:
    """Return the plan of a run; tools and agents that the definition needs exist, short and unlimited."""
    nodes = definition["nodes"]
    bindings = {name: make_binding(name=name) for name, node in nodes.items() if node["type"] == "agent"}
    tools = {node["tool"]: make_tool_spec(name=node["tool"]) for node in nodes.values() if node["type"] == "tool"}
    return make_plan(
        definition=definition,
        input_data=input_data or {},
        gates=gates or {},
        bindings={**bindings, **(agents or {})},
        tools=tools,
        governance=make_governance(max_steps=max_steps),
        **overrides,
    )


async def run(definition: JsonObject, runner: ScriptedStepRunner | None = None, **rest: Any) -> Ran:
    """Run a definition to its end."""
    context = RunContext(plan(definition, **rest), runner or ScriptedStepRunner())
    try:
        async with asyncio.timeout(DEADLINE_SECONDS):
            return Ran(context, await run_graph(context), None)
    except RunFailedError as fault:
        return Ran(context, None, fault.error)
