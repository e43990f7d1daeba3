"""One visit of one node: its gates, its work within its time, its writes checked, and where to go next."""

import asyncio
from dataclasses import dataclass

from aumos_agent_framework.core.domain.executions import ExecutionError, StepStatus
from aumos_agent_framework.core.errors import AgfError
from aumos_agent_framework.core.graph.runtime.context import NodeFailedError, RunContext, StepLimitError
from aumos_agent_framework.core.graph.runtime.gates import pass_gate
from aumos_agent_framework.core.graph.runtime.nodes import run_body
from aumos_agent_framework.core.graph.schema import ApprovalNode, Node
from aumos_agent_framework.core.graph.state import check_size, reducer_function
from aumos_agent_framework.core.types import HitlRequestId, JsonObject

_VISITS_PER_REST = 500
_REST_SECONDS = 0.001
"""Transforms alone never wait, and a durable engine takes seconds of work without a pause for a deadlock."""


class RunFailedError(AgfError):
    """A node failed and nothing takes over: the run fails with its error."""

    def __init__(self, error: ExecutionError) -> None:
        super().__init__(error.code, error.message)
        self.error = error


@dataclass(frozen=True, slots=True)
class VisitResult:
    """What a node wrote, and the nodes that follow."""

    update: JsonObject
    targets: tuple[str, ...]


async def visit_node(context: RunContext, name: str, state: JsonObject) -> VisitResult:
    """Visit a node.

    Raises:
        RunFailedError: the node failed and has no ``on_error``, or the run's steps are used up.
    """
    node = context.graph.nodes[name]
    first_step = len(context.journal.steps)
    try:
        update = await _work(context, name, node, state)
        return VisitResult(update, _next(context, name, _joined(context, state, update)))
    except AgfError as fault:
        error = ExecutionError(fault.code, fault.message, name)
        await _withdraw_questions(context, name, first_step)
        _record_failure(context, name, node, error, first_step)
        if node.on_error is None or isinstance(fault, StepLimitError):
            raise RunFailedError(error) from fault
        context.last_error = error
        return VisitResult({}, (node.on_error,))


async def _work(context: RunContext, name: str, node: Node, state: JsonObject) -> JsonObject:
    visit = context.visit(name)
    if context.visits % _VISITS_PER_REST == 0:
        await context.runner.sleep(_REST_SECONDS)
    limit = None if isinstance(node, ApprovalNode) or node.timeout is None else node.timeout.total_seconds()
    try:
        async with asyncio.timeout(limit):
            await pass_gate(context, name, visit, state, before=True)
            update = await run_body(context, name, visit, node, state)
            for key, value in update.items():
                context.channels[key].check(value)
            joined = _joined(context, state, update)
            check_size(joined)
            await pass_gate(context, name, visit, joined, before=False)
    except TimeoutError as error:
        raise NodeFailedError("node_timeout", f"The node {name} took longer than its {limit:g} s.") from error
    return update


async def _withdraw_questions(context: RunContext, name: str, first_step: int) -> None:
    """Nobody should decide what a failed visit, one out of time for instance, no longer waits for."""
    mine = (step for step in context.journal.steps[first_step:] if step.node == name)
    asked = [
        HitlRequestId(each) for step in mine if step.status is StepStatus.WAITING for each in step.hitl_request_ids
    ]
    if asked:
        await context.runner.withdraw(asked)


def _record_failure(context: RunContext, name: str, node: Node, error: ExecutionError, first_step: int) -> None:
    """Let the visit's steps tell of the failure: those still open, else the node's own, which a visit always has."""
    mine = [step for step in context.journal.steps[first_step:] if step.node == name]
    unfinished = [step for step in mine if step.ended_at is None]
    for step in unfinished:
        context.journal.close(step.seq, StepStatus.FAILED, error=error)
    if unfinished or any(step.error == error for step in mine):
        return
    own = next((step.seq for step in mine if step.kind == node.type), None)
    if own is None:
        own = context.journal.open(name, node.type).seq
    context.journal.close(own, StepStatus.FAILED, error=error)


def _joined(context: RunContext, state: JsonObject, update: JsonObject) -> JsonObject:
    """Return the state as this branch sees it after its own writes."""
    joined = dict(state)
    for key, value in update.items():
        reduce = reducer_function(context.channels[key].reducer)
        joined[key] = reduce(joined[key], value) if key in joined else value
    return joined


def _next(context: RunContext, name: str, state: JsonObject) -> tuple[str, ...]:
    exits = context.topology.out(name)
    chosen: list[str] = list(exits.always)
    if exits.conditional:
        scope = context.scope(state)
        taken = next((to for when, to in exits.conditional if context.expression(when).holds(scope)), exits.otherwise)
        if taken is None and not chosen:
            raise NodeFailedError("no_edge_taken", f"No condition on the edges of {name} holds, and none is otherwise.")
        if taken is not None:
            chosen.append(taken)
    return tuple(dict.fromkeys(chosen))
