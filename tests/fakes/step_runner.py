"""The steps of a run, done in process and by script."""

import asyncio
import inspect
from collections import defaultdict, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

import orjson

from aumos_agent_framework.core.domain.effects import ActCommand, ActResult, ActStatus
from aumos_agent_framework.core.domain.executions import StepRecord, Usage
from aumos_agent_framework.core.domain.hitl import HitlStatus, OpenedRequest, OpenGateCommand, Settlement
from aumos_agent_framework.core.domain.inference import ModelTurn, ThinkCommand, ToolCall
from aumos_agent_framework.core.interfaces.step_runner import RetryPolicy
from aumos_agent_framework.core.types import HitlRequestId, JsonObject, JsonValue
from tests.fakes.clock import FakeClock
from tests.fakes.ids import SequentialIds

EXPIRES_IN_SECONDS = 3600.0
MODEL = "scripted"

Tool = Callable[[JsonObject], JsonValue]
"""Given a call's arguments, the tool's result; a coroutine function is awaited."""


@dataclass(frozen=True, slots=True)
class RecordedAct:
    """One knock at the door."""

    command: ActCommand
    retry: RetryPolicy
    short: bool


class ScriptedStepRunner:
    """See ``StepRunner``. Whatever it is asked it remembers, in order.

    ``tools`` maps names to callables that stand for tools. What a tool is to answer before its callable's turn stands
    in ``answers``: an ``ActResult`` to give or an error to raise, taken from the left. Tools in ``risky`` need an
    approval first, as the door does it. ``turns`` maps models' names to what they answer next. Gates and risky calls
    are approved unless ``decide`` says otherwise or ``leave_open`` lets them wait; both take a gate's or tool's name.
    Gates in ``found_decided`` have their decision already when they are opened.
    ``now`` stands still but for ``sleep``.
    """

    def __init__(self) -> None:
        self.tools: dict[str, Tool] = {}
        self.answers: defaultdict[str, deque[ActResult | Exception]] = defaultdict(deque)
        self.risky: set[str] = set()
        self.turns: defaultdict[str, deque[ModelTurn | Exception]] = defaultdict(deque)
        self.found_decided: set[str] = set()
        self.acts: list[RecordedAct] = []
        self.thoughts: list[ThinkCommand] = []
        self.gates: list[OpenGateCommand] = []
        self.waits: list[HitlRequestId] = []
        self.withdrawn: list[HitlRequestId] = []
        self.slept: list[float] = []
        self.saved: list[tuple[StepRecord, ...]] = []
        self.clock = FakeClock()
        self._ids = SequentialIds()
        self._requests: dict[str, HitlRequestId] = {}  # by call id
        self._subjects: dict[HitlRequestId, str] = {}
        self._decisions: dict[str, tuple[HitlStatus, str | None, str | None]] = {}
        self._open: set[str] = set()
        self._waiting: set[HitlRequestId] = set()
        self._changed = asyncio.Condition()

    def decide(
        self, subject: str, status: HitlStatus, *, by: str | None = "approver", notes: str | None = None
    ) -> None:
        """Settle every request about a gate or tool in this way, those that come as well."""
        self._decisions[subject] = (status, by, notes)

    def leave_open(self, subject: str) -> None:
        """Let requests about a gate or tool wait until ``settle``."""
        self._open.add(subject)

    async def settle(self, subject: str, status: HitlStatus = HitlStatus.APPROVED) -> None:
        """Decide what was left open."""
        self.decide(subject, status)
        async with self._changed:
            self._open.discard(subject)
            self._changed.notify_all()

    async def waited_for(self, requests: int = 1) -> None:
        """Return as soon as a run waits for so many requests that are left open."""
        async with self._changed:
            await self._changed.wait_for(lambda: len(self._waiting) >= requests)

    def now(self) -> datetime:
        return self.clock.now()

    async def think(self, command: ThinkCommand, retry: RetryPolicy) -> ModelTurn:
        self.thoughts.append(command)
        turns = self.turns[command.model["name"]]
        if not turns:
            raise AssertionError(f"The model {command.model['name']} was asked more often than it has turns.")
        turn = turns.popleft()
        if isinstance(turn, Exception):
            raise turn
        return turn

    async def act(self, command: ActCommand, retry: RetryPolicy, *, short: bool) -> ActResult:
        self.acts.append(RecordedAct(command, retry, short))
        if self.answers[command.tool]:
            answer = self.answers[command.tool].popleft()
            if isinstance(answer, Exception):
                raise answer
            return answer
        if command.tool in self.risky and (unapproved := self._unapproved(command)) is not None:
            return unapproved
        if command.tool not in self.tools:
            return denied(f"There is no tool {command.tool}.")
        result = self.tools[command.tool](command.arguments)
        return ActResult(ActStatus.DONE, result=await result if inspect.isawaitable(result) else result)

    async def open_gate(self, command: OpenGateCommand) -> OpenedRequest:
        self.gates.append(command)
        name = command.gate.name
        request_id = self._request(command.call_id, name)
        status = self._settlement(request_id).status if name in self.found_decided else HitlStatus.PENDING
        return OpenedRequest(request_id, status, EXPIRES_IN_SECONDS)

    async def settlement(self, request_id: HitlRequestId, expires_in_seconds: float) -> Settlement:
        self.waits.append(request_id)
        subject = self._subjects[request_id]
        async with self._changed:
            if subject in self._open:
                self._waiting.add(request_id)
                self._changed.notify_all()
            await self._changed.wait_for(lambda: subject not in self._open)
        return self._settlement(request_id)

    async def withdraw(self, request_ids: Sequence[HitlRequestId]) -> None:
        self.withdrawn.extend(request_ids)

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.clock.advance(seconds)

    async def paused(self, steps: Sequence[StepRecord]) -> None:
        self.saved.append(tuple(steps))

    def _unapproved(self, command: ActCommand) -> ActResult | None:
        if command.hitl_request_id is None:
            request_id = self._request(command.call_id, command.tool)
            return ActResult(
                ActStatus.APPROVAL_REQUIRED, hitl_request_id=request_id, expires_in_seconds=EXPIRES_IN_SECONDS
            )
        settlement = self._settlement(command.hitl_request_id)
        if settlement.status is HitlStatus.APPROVED:
            return None
        said = f"{settlement.status} by {settlement.decided_by}: {settlement.notes}"
        return ActResult(ActStatus.REJECTED, code=f"hitl_{settlement.status}", message=said)

    def _request(self, call_id: str, subject: str) -> HitlRequestId:
        if call_id not in self._requests:
            request_id = HitlRequestId(self._ids.new())
            self._requests[call_id] = request_id
            self._subjects[request_id] = subject
        return self._requests[call_id]

    def _settlement(self, request_id: HitlRequestId) -> Settlement:
        decision = self._decisions.get(self._subjects[request_id], (HitlStatus.APPROVED, "approver", None))
        return Settlement(request_id, *decision)


def says(text: str, *, tokens: tuple[int, int] = (5, 3)) -> ModelTurn:
    """A turn that answers; ``tokens`` are those of prompt and completion."""
    return ModelTurn({"role": "assistant", "content": text}, text, (), Usage(*tokens, 1), "stop")


def wants(*calls: tuple[str, JsonObject | str], tokens: tuple[int, int] = (5, 3)) -> ModelTurn:
    """A turn that asks for tool calls; arguments given as text are malformed JSON."""
    wishes = tuple(
        ToolCall(f"wish-{index}", name, None, arguments)
        if isinstance(arguments, str)
        else ToolCall(f"wish-{index}", name, arguments, orjson.dumps(arguments).decode())
        for index, (name, arguments) in enumerate(calls)
    )
    functions = [
        {"id": wish.id, "type": "function", "function": {"name": wish.name, "arguments": wish.raw_arguments}}
        for wish in wishes
    ]
    message = {"role": "assistant", "content": None, "tool_calls": functions}
    return ModelTurn(message, "", wishes, Usage(*tokens, 1), "tool_calls")


def denied(message: str = "The agent may not call this tool.") -> ActResult:
    """The door's answer to whoever lacks the right."""
    return ActResult(ActStatus.DENIED, code="denied", message=message)


def failed(message: str = "The tool said no.") -> ActResult:
    """The door's answer when a tool refused or failed."""
    return ActResult(ActStatus.ERROR, code="tool_error", message=message)


def rate_limited(retry_after_seconds: float) -> ActResult:
    """The door's answer to whoever comes too often."""
    return ActResult(ActStatus.RATE_LIMITED, code="rate_limited", retry_after_seconds=retry_after_seconds)


def unknown() -> ActResult:
    """The door's answer when a call may or may not have happened."""
    return ActResult(ActStatus.UNKNOWN, code="effect_unknown", message="It may or may not have happened.")
