"""Every activity of ``AgentWorkflow``."""

from collections.abc import Callable, Sequence
from typing import Any

from temporalio import activity

from aumos_agent_framework.adapters.durable_execution import names
from aumos_agent_framework.adapters.durable_execution.activities.faults import bookkeeping, step
from aumos_agent_framework.adapters.durable_execution.workflows.messages import (
    FinishRun,
    RequestRef,
    RequestRefs,
    RunRef,
    SaveSteps,
)
from aumos_agent_framework.core.domain.effects import ActCommand, ActResult
from aumos_agent_framework.core.domain.hitl import OpenedRequest, OpenGateCommand, Settlement
from aumos_agent_framework.core.domain.inference import ModelTurn, ThinkCommand
from aumos_agent_framework.core.interfaces.model_gateway import ModelGateway
from aumos_agent_framework.core.services.effects import EffectService
from aumos_agent_framework.core.services.hitl import HitlService
from aumos_agent_framework.core.services.runs import RunService


class RunActivities:
    """Activities bound to the services that do the work."""

    def __init__(self, *, effects: EffectService, runs: RunService, hitl: HitlService, models: ModelGateway) -> None:
        self._effects = effects
        self._runs = runs
        self._hitl = hitl
        self._models = models

    def all(self) -> Sequence[Callable[..., Any]]:
        """Return the activities to register with a worker."""
        return (
            self.think,
            self.act,
            self.open_gate,
            self.expire_request,
            self.withdraw_requests,
            self.begin_run,
            self.save_steps,
            self.finish_run,
        )

    @activity.defn(name=names.THINK)
    async def think(self, command: ThinkCommand) -> ModelTurn:
        """Call the model once."""
        return await step(self._models.complete(command))

    @activity.defn(name=names.ACT)
    async def act(self, command: ActCommand) -> ActResult:
        """Go through the door once."""
        return await step(self._effects.act(command))

    @activity.defn(name=names.OPEN_GATE)
    async def open_gate(self, command: OpenGateCommand) -> OpenedRequest:
        """Open a gate's request."""
        return await bookkeeping(self._hitl.open_gate(command))

    @activity.defn(name=names.EXPIRE_REQUEST)
    async def expire_request(self, ref: RequestRef) -> Settlement:
        """Expire a request whose deadline has passed, and say how it stands."""
        return await bookkeeping(self._hitl.expire(ref.tenant_id, ref.request_id))

    @activity.defn(name=names.WITHDRAW_REQUESTS)
    async def withdraw_requests(self, refs: RequestRefs) -> None:
        """Cancel requests that the run gave up."""
        await bookkeeping(self._hitl.withdraw(refs.tenant_id, refs.request_ids))

    @activity.defn(name=names.BEGIN_RUN)
    async def begin_run(self, run: RunRef) -> None:
        """Mark the run as begun."""
        await bookkeeping(self._runs.begin(run.tenant_id, run.execution_id))

    @activity.defn(name=names.SAVE_STEPS)
    async def save_steps(self, command: SaveSteps) -> None:
        """Store steps."""
        await bookkeeping(self._runs.record_pause(command.run.tenant_id, command.run.execution_id, command.steps))

    @activity.defn(name=names.FINISH_RUN)
    async def finish_run(self, command: FinishRun) -> None:
        """Write the run's end."""
        await bookkeeping(
            self._runs.finish(command.run.tenant_id, command.run.execution_id, command.end, command.steps)
        )
