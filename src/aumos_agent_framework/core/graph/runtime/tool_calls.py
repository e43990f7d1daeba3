"""One tool call, from the first knock at the door to the last: approvals and rate limits are waited for."""

from dataclasses import dataclass

from aumos_agent_framework.core.domain.effects import ActCommand, ActResult, ActStatus
from aumos_agent_framework.core.domain.executions import ExecutionError, Usage
from aumos_agent_framework.core.graph.runtime.context import NodeFailedError, RunContext
from aumos_agent_framework.core.graph.runtime.journal import Step
from aumos_agent_framework.core.interfaces.step_runner import RetryPolicy
from aumos_agent_framework.core.types import AgentId, HitlRequestId, JsonObject

_MAX_APPROVALS = 20
_MAX_RATE_WAITS = 1_000
_SHORTEST_RATE_WAIT = 0.05
_LONGEST_RATE_WAIT = 60.0


@dataclass(frozen=True, slots=True)
class Call:
    """A tool call that a node wants. ``call_id`` is unique in the run and the same on every repetition."""

    node: str
    call_id: str
    tool: str
    arguments: JsonObject
    agent_id: AgentId | None
    retry: RetryPolicy
    short: bool


async def call_tool(context: RunContext, call: Call, step: Step) -> ActResult:
    """Knock until the door has done, denied or rejected it, and record how it went in ``step``.

    Raises:
        NodeFailedError: the outcome is unknown (``effect_unknown``): the run must not go on as if it knew.
        StepFailedError: the tool is away and the attempts are used up.
    """
    result = await _knock(context, call, step)
    if result.status is ActStatus.DONE:
        step.done(result.result, usage=Usage(tool_calls=1), attempts=result.attempts)
    else:
        step.failed(ExecutionError(result.code, result.message, call.node), attempts=result.attempts)
    if result.status is ActStatus.UNKNOWN:
        raise NodeFailedError(result.code, result.message)
    return result


async def _knock(context: RunContext, call: Call, step: Step) -> ActResult:
    request_id: HitlRequestId | None = None
    approvals = waits = 0
    while approvals <= _MAX_APPROVALS and waits <= _MAX_RATE_WAITS:
        result = await context.runner.act(_command(context, call, request_id), call.retry, short=call.short)
        if result.status is ActStatus.RATE_LIMITED:
            waits += 1
            pause = min(max(result.retry_after_seconds, _SHORTEST_RATE_WAIT), _LONGEST_RATE_WAIT)
            await context.runner.sleep(pause)
        elif result.status is ActStatus.APPROVAL_REQUIRED and result.hitl_request_id is not None:
            approvals += 1
            request_id = result.hitl_request_id
            await wait_for_decision(context, step, request_id, result.expires_in_seconds)
        else:
            return result
    message = f"The call was put off {approvals + waits} times; given up."
    raise NodeFailedError("tool_call_stuck", message)


async def wait_for_decision(
    context: RunContext, step: Step, request_id: HitlRequestId, expires_in_seconds: float
) -> None:
    """Wait, visibly, until a request is settled; what was decided is the server's to say, not the message's."""
    step.waiting(request_id)
    await context.runner.paused(context.journal.take_unsaved())
    await context.runner.settlement(request_id, expires_in_seconds)
    step.going_on()


def _command(context: RunContext, call: Call, request_id: HitlRequestId | None) -> ActCommand:
    plan = context.plan
    return ActCommand(
        tenant_id=plan.tenant_id,
        execution_id=plan.execution_id,
        workflow_id=plan.workflow_id,
        node=call.node,
        call_id=call.call_id,
        tool=call.tool,
        arguments=call.arguments,
        agent_id=call.agent_id,
        governance=plan.governance,
        hitl_request_id=request_id,
        current_nodes=context.journal.current_nodes,
    )
