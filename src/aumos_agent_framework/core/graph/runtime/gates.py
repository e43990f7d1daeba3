"""Gates: asking people before or after a node, or as a node."""

from aumos_agent_framework.core.domain.executions import ExecutionError
from aumos_agent_framework.core.domain.hitl import Gate, HitlStatus, OpenGateCommand, Settlement
from aumos_agent_framework.core.graph.runtime.context import NodeFailedError, RunContext
from aumos_agent_framework.core.graph.runtime.journal import Step, bounded
from aumos_agent_framework.core.types import JsonObject

_MAX_SHOWN_BYTES = 65_536
REJECTED = "hitl_rejected"
"""A no at any gate, a deadline's as well (ADR 0009); the message says whose."""


class RejectedError(NodeFailedError):
    """People (or the deadline) said no."""

    def __init__(self, gate: str, settlement: Settlement) -> None:
        how = {HitlStatus.EXPIRED: "was not decided in time", HitlStatus.CANCELLED: "was cancelled"}
        text = how.get(settlement.status, f"was rejected by {settlement.decided_by}")
        notes = f": {settlement.notes}" if settlement.notes else "."
        super().__init__(REJECTED, f"The gate {gate} {text}{notes}")


async def ask(context: RunContext, gate: Gate, node: str, call_id: str, shown: JsonObject, step: Step) -> Settlement:
    """Open the gate's request and wait for its end.

    The request is found again by its call id on every repetition, so no other place in the run may have the same.
    """
    binding = context.plan.bindings.get(node)
    command = OpenGateCommand(
        tenant_id=context.plan.tenant_id,
        execution_id=context.plan.execution_id,
        workflow_id=context.plan.workflow_id,
        node=node,
        call_id=call_id,
        gate=gate,
        initiated_by=context.plan.governance.initiated_by,
        agent_id=binding.agent_id if binding else None,
        context_data=bounded(shown, _MAX_SHOWN_BYTES),
        current_nodes=context.journal.current_nodes,
    )
    opened = await context.runner.open_gate(command)
    if opened.status is not HitlStatus.PENDING:
        return await context.runner.settlement(opened.request_id, 0.0)
    step.waiting(opened.request_id)
    await context.runner.paused(context.journal.take_unsaved())
    settlement = await context.runner.settlement(opened.request_id, opened.expires_in_seconds)
    step.going_on()
    return settlement


async def pass_gate(context: RunContext, node: str, visit: int, state: JsonObject, *, before: bool) -> None:
    """Ask at the node's gate, if it has one on this side and its condition holds.

    Raises:
        RejectedError: the answer is no.
        ExpressionError: the condition cannot be evaluated.
    """
    gate = context.gates.get(node)
    if gate is None or gate.before is not before:
        return
    if gate.condition is not None and not context.expression(gate.condition).holds(context.scope(state)):
        return
    step = context.journal.open(node, "gate", {"gate": gate.name})
    # No node's name holds a colon, but one may be called as this gate is.
    call_id = f"{node}:{visit}:{'before' if before else 'after'}"
    settlement = await ask(context, gate, node, call_id, {"state": state}, step)
    if settlement.status is not HitlStatus.APPROVED:
        rejection = RejectedError(gate.name, settlement)
        step.failed(ExecutionError(rejection.code, rejection.message, node))
        raise rejection
    step.done({"status": str(settlement.status), "decided_by": settlement.decided_by, "notes": settlement.notes})
