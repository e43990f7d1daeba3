"""What the nodes of one run share."""

from collections import Counter
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from aumos_agent_framework.core.domain.executions import ExecutionError, RunPlan
from aumos_agent_framework.core.domain.hitl import Gate
from aumos_agent_framework.core.errors import AgfError
from aumos_agent_framework.core.graph.expressions import Expression, Template
from aumos_agent_framework.core.graph.runtime.journal import Journal
from aumos_agent_framework.core.graph.schema import GraphDefinition, Retry, parse_gate
from aumos_agent_framework.core.graph.state import Channel, channels
from aumos_agent_framework.core.graph.topology import Topology, topology
from aumos_agent_framework.core.interfaces.step_runner import RetryPolicy, StepRunner
from aumos_agent_framework.core.types import JsonObject, JsonValue


class NodeFailedError(AgfError):
    """A node did not do what it should; its ``on_error`` node takes over where it has one."""


class StepLimitError(AgfError):
    """The run has used up its steps; nothing takes over."""

    def __init__(self, limit: int) -> None:
        super().__init__("step_limit_exceeded", f"The run took its {limit} steps without an end; see limits.max_steps.")


class RunContext:
    """One run: its plan, its runner, its journal, and what has been compiled of its definition."""

    def __init__(self, plan: RunPlan, runner: StepRunner) -> None:
        self.plan = plan
        self.runner = runner
        self.journal = Journal(runner.now)
        self.graph = GraphDefinition.model_validate(plan.definition)
        self.topology: Topology = topology(self.graph)
        self.gates: Mapping[str, Gate] = {node: parse_gate(node, gate) for node, gate in plan.gates.items()}
        self.channels: Mapping[str, Channel] = channels(self.graph.state, self._written())
        self.last_error: ExecutionError | None = None
        self._visits: Counter[str] = Counter()
        self._expressions: dict[str, Expression] = {}
        self._templates: dict[tuple[str, str], Template] = {}

    def visit(self, node: str) -> int:
        """Count a visit of a node, from 1.

        Raises:
            StepLimitError: the run's steps are used up.
        """
        if self.visits >= self.plan.governance.max_steps:
            raise StepLimitError(self.plan.governance.max_steps)
        self._visits[node] += 1
        return self._visits[node]

    @property
    def visits(self) -> int:
        """How many visits of nodes the run has made."""
        return self._visits.total()

    def expression(self, source: str) -> Expression:
        """Compile an expression once."""
        if source not in self._expressions:
            self._expressions[source] = Expression(source)
        return self._expressions[source]

    def render(self, node: str, part: str, value: JsonValue, scope: Mapping[str, Any]) -> JsonValue:
        """Render a node's template, compiled once."""
        key = (node, part)
        if key not in self._templates:
            self._templates[key] = Template(value)
        return self._templates[key].render(scope)

    def scope(self, state: JsonObject) -> dict[str, Any]:
        """Return what expressions may speak of."""
        plan = self.plan
        execution: JsonObject = {
            "id": str(plan.execution_id),
            "workflow_id": None if plan.workflow_id is None else str(plan.workflow_id),
            "workflow_name": plan.workflow_name,
            "workflow_version": plan.workflow_version,
            "session_id": plan.session_id,
            "initiated_by": plan.governance.initiated_by,
        }
        if self.last_error is not None:
            error = self.last_error
            execution["error"] = {"code": error.code, "message": error.message, "node": error.node}
        return {"state": state, "input": plan.input_data, "execution": execution}

    def _written(self) -> frozenset[str]:
        keys = set(self.plan.input_data) if self.graph.state.get("additionalProperties", True) is not False else set()
        for node in self.graph.nodes.values():
            if node.type == "transform":
                keys.update(node.set)
            elif node.output is not None:
                keys.add(node.output)
        return frozenset(keys)


def retry_policy(retry: Retry) -> RetryPolicy:
    """Return a node's retry in seconds."""
    return RetryPolicy(
        retry.max_attempts,
        _seconds(retry.initial_interval),
        retry.backoff,
        _seconds(retry.max_interval),
        retry.non_retryable,
    )


def _seconds(duration: timedelta) -> float:
    return duration.total_seconds()
