"""Activities with scripted answers, so that the workflow alone is under test against a real Temporal server."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any
from uuid import uuid4

from temporalio import activity
from temporalio.exceptions import ApplicationError

from aumos_agent_framework.adapters.durable_execution import names
from aumos_agent_framework.adapters.durable_execution.workflows.messages import (
    FinishRun,
    RequestRef,
    RequestRefs,
    RunRef,
    SaveSteps,
)
from aumos_agent_framework.core.domain.effects import ActCommand, ActResult, ActStatus
from aumos_agent_framework.core.domain.executions import ExecutionStatus, RunEnd, StepRecord, Usage
from aumos_agent_framework.core.domain.hitl import HitlStatus, OpenedRequest, OpenGateCommand, Settlement
from aumos_agent_framework.core.domain.inference import ModelTurn, ThinkCommand, ToolCall
from aumos_agent_framework.core.errors import UnavailableError
from aumos_agent_framework.core.types import ExecutionId, HitlRequestId

Act = Callable[[ActCommand], ActResult]


class ScriptedActivities:
    """Answers by script and remembers what it was asked. ``ended`` and ``opened`` wake whoever waits."""

    def __init__(self) -> None:
        self.acts: list[ActCommand] = []
        self.thoughts: list[ThinkCommand] = []
        self.begun: list[ExecutionId] = []
        self.saved: list[StepRecord] = []
        self.end: RunEnd | None = None
        self.last_steps: tuple[StepRecord, ...] = ()
        self.opened = asyncio.Event()
        self.request_id = HitlRequestId(uuid4())
        self.expires_in = 60.0
        self.settled = HitlStatus.PENDING
        self.looked_up = 0
        self.withdrawn: list[HitlRequestId] = []
        self.finish_faults = 0
        self.finishing = asyncio.Event()
        self.act_script: Act = lambda command: ActResult(ActStatus.DONE, result=command.arguments)
        self.turns: list[ModelTurn | ApplicationError] = []
        self.act_faults: list[ApplicationError] = []
        self.hold_act: asyncio.Event | None = None
        self.act_cancelled = asyncio.Event()

    def all(self) -> Sequence[Callable[..., Any]]:
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

    def approve_first(self, command: ActCommand) -> ActResult:
        """An ``Act`` that asks for approval at the first knock."""
        if command.hitl_request_id is not None:
            return ActResult(ActStatus.DONE, result={"approved": True})
        self.opened.set()
        return ActResult(
            ActStatus.APPROVAL_REQUIRED, hitl_request_id=self.request_id, expires_in_seconds=self.expires_in
        )

    @activity.defn(name=names.THINK)
    async def think(self, command: ThinkCommand) -> ModelTurn:
        self.thoughts.append(command)
        turn = self.turns.pop(0)
        if isinstance(turn, ApplicationError):
            raise turn
        return turn

    @activity.defn(name=names.ACT)
    async def act(self, command: ActCommand) -> ActResult:
        self.acts.append(command)
        if self.act_faults:
            raise self.act_faults.pop(0)
        if self.hold_act is not None:
            self.opened.set()
            await self._held(self.hold_act)
        return self.act_script(command)

    async def _held(self, release: asyncio.Event) -> None:
        waiting = asyncio.create_task(release.wait())
        try:
            while not waiting.done():
                if not activity.info().is_local:
                    activity.heartbeat()
                await asyncio.wait({waiting}, timeout=0.5)
        except asyncio.CancelledError:
            self.act_cancelled.set()
            raise
        finally:
            waiting.cancel()

    @activity.defn(name=names.OPEN_GATE)
    async def open_gate(self, command: OpenGateCommand) -> OpenedRequest:
        self.opened.set()
        return OpenedRequest(self.request_id, HitlStatus.PENDING, self.expires_in)

    @activity.defn(name=names.EXPIRE_REQUEST)
    async def expire_request(self, ref: RequestRef) -> Settlement:
        self.looked_up += 1
        if self.settled is HitlStatus.PENDING and self.expires_in < 1:
            self.settled = HitlStatus.EXPIRED
        return Settlement(ref.request_id, self.settled, "bob" if self.settled is HitlStatus.APPROVED else None)

    @activity.defn(name=names.WITHDRAW_REQUESTS)
    async def withdraw_requests(self, refs: RequestRefs) -> None:
        self.withdrawn.extend(refs.request_ids)

    @activity.defn(name=names.BEGIN_RUN)
    async def begin_run(self, run: RunRef) -> None:
        self.begun.append(run.execution_id)

    @activity.defn(name=names.SAVE_STEPS)
    async def save_steps(self, command: SaveSteps) -> None:
        self.saved.extend(command.steps)

    @activity.defn(name=names.FINISH_RUN)
    async def finish_run(self, command: FinishRun) -> None:
        self.finishing.set()
        if self.finish_faults > 0:
            self.finish_faults -= 1
            raise UnavailableError("database_unavailable", "The database is away.")
        if self.end is None:  # as in the database, the first end stays
            self.end = command.end
            self.last_steps = command.steps

    @property
    def finished(self) -> RunEnd:
        """How the run ended; it must have."""
        assert self.end is not None, "the run has not written its end"
        return self.end

    @property
    def completed(self) -> bool:
        return self.finished.status is ExecutionStatus.COMPLETED


def says(text: str) -> ModelTurn:
    """A turn that answers."""
    return ModelTurn({"role": "assistant", "content": text}, text, (), Usage(5, 3, 1), "stop")


def wants(*calls: tuple[str, dict[str, Any]]) -> ModelTurn:
    """A turn that asks for tool calls."""
    wishes = tuple(ToolCall(f"call_{index}", name, arguments, "{}") for index, (name, arguments) in enumerate(calls))
    message = {"role": "assistant", "content": None, "tool_calls": [{"id": wish.id} for wish in wishes]}
    return ModelTurn(message, "", wishes, Usage(5, 3, 1), "tool_calls")
