"""The one workflow type: it runs a plan's graph and writes down how that ended."""

import asyncio

import orjson
from temporalio import workflow

from aumos_agent_framework.adapters.durable_execution import names
from aumos_agent_framework.adapters.durable_execution.workflows.messages import RunRef
from aumos_agent_framework.adapters.durable_execution.workflows.step_runner import TemporalStepRunner
from aumos_agent_framework.adapters.workflow_engine.langgraph_engine import run_graph
from aumos_agent_framework.core.domain.executions import (
    ExecutionError,
    ExecutionStatus,
    RunEnd,
    RunPlan,
    StepRecord,
    Usage,
)
from aumos_agent_framework.core.domain.hitl import Settlement
from aumos_agent_framework.core.errors import AgfError
from aumos_agent_framework.core.graph.runtime.context import RunContext
from aumos_agent_framework.core.graph.runtime.visit import RunFailedError
from aumos_agent_framework.core.types import HitlRequestId, JsonObject

_MAX_OUTPUT_BYTES = 1_000_000


@workflow.defn(name=names.WORKFLOW, failure_exception_types=[AgfError])
class AgentWorkflow:
    """One execution. Its input pins everything; its history is the checkpoint."""

    def __init__(self) -> None:
        self._settled: set[HitlRequestId] = set()
        self._context: RunContext | None = None

    @workflow.run
    async def run(self, plan: RunPlan) -> None:
        """Run the plan. The end is written exactly once, also after a cancellation."""
        runner = TemporalStepRunner(RunRef(plan.tenant_id, plan.execution_id), self._settled)
        begun = asyncio.create_task(runner.begin())
        end = await self._outcome(plan, runner)
        await _despite_cancellation(asyncio.create_task(self._close(runner, begun, end)))

    @workflow.signal(name=names.SETTLE_SIGNAL)
    def settle(self, settlement: Settlement) -> None:
        """Word that a request is settled; what was decided is read from the database."""
        self._settled.add(settlement.request_id)

    @workflow.query(name=names.STEPS_QUERY)
    def steps(self) -> tuple[StepRecord, ...]:
        """Return the steps so far."""
        return self._context.journal.steps if self._context else ()

    async def _outcome(self, plan: RunPlan, runner: TemporalStepRunner) -> RunEnd:
        try:
            self._context = RunContext(plan, runner)
            output = await run_graph(self._context)
            _refuse_oversize(output)
            return self._end(ExecutionStatus.COMPLETED, output=output)
        except asyncio.CancelledError:
            return self._end(ExecutionStatus.CANCELLED)
        except RunFailedError as fault:
            return self._end(ExecutionStatus.FAILED, error=fault.error)
        except Exception as fault:  # noqa: BLE001 - a fault of ours must end the run visibly, not hang it for ever
            workflow.logger.exception("run failed by a fault of the service")
            return self._end(ExecutionStatus.FAILED, error=ExecutionError("internal_error", repr(fault)[:500]))

    async def _close(self, runner: TemporalStepRunner, begun: asyncio.Task[None], end: RunEnd) -> None:
        await begun
        await runner.finish(end, self._context.journal.take_unsaved() if self._context else ())

    def _end(
        self, status: ExecutionStatus, *, output: JsonObject | None = None, error: ExecutionError | None = None
    ) -> RunEnd:
        context = self._context
        if context is None:
            return RunEnd(status, output, error, Usage())
        context.journal.cancel_open()
        return RunEnd(status, output, error, context.journal.usage)


async def _despite_cancellation(closing: asyncio.Task[None]) -> None:
    """Await the writing of an end that stands: a cancellation that comes now is too late, and must not lose it."""
    while not closing.done():
        try:
            await asyncio.shield(closing)
        except asyncio.CancelledError:
            workflow.logger.info("cancellation came after the end")
    closing.result()


def _refuse_oversize(output: JsonObject) -> None:
    size = len(orjson.dumps(output))
    if size > _MAX_OUTPUT_BYTES:
        message = f"The final state takes {size} bytes; at most {_MAX_OUTPUT_BYTES} can be kept."
        raise RunFailedError(ExecutionError("output_too_large", message))
