"""Tools that count what reaches them."""

from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from aumos_agent_framework.core.domain.tools import (
    Tool,
    ToolCallContext,
    ToolDraft,
    ToolOutcome,
    ToolOutcomeKind,
)
from aumos_agent_framework.core.types import JsonObject


@dataclass(frozen=True, slots=True)
class RecordedCall:
    """One attempt that reached a tool."""

    tool: Tool
    arguments: JsonObject
    context: ToolCallContext


Behaviour = ToolOutcome | BaseException | Callable[[RecordedCall], Awaitable[ToolOutcome]]


class FakeToolRunner:
    """See ``ToolRunner``.

    ``script`` is consumed from the left, one behaviour per call: an outcome to give, an exception to raise, or a
    coroutine function to await. Without one a call answers ``default``. ``complete`` stands in for ``check``. Tools
    have the same target if their configurations have the same ``ref``, which those of ``tests.factories`` lack.
    """

    def __init__(self) -> None:
        self.calls: list[RecordedCall] = []
        self.script: deque[Behaviour] = deque()
        self.default = ToolOutcome(ToolOutcomeKind.DONE, result={"ok": True})
        self.complete: Callable[[ToolDraft], ToolDraft] = lambda draft: draft
        self.short = True

    def check(self, draft: ToolDraft) -> ToolDraft:
        return self.complete(draft)

    def same_target(self, one: JsonObject, other: JsonObject) -> bool:
        return one.get("ref") is not None and one.get("ref") == other.get("ref")

    def is_short(self, config: JsonObject) -> bool:
        return self.short

    async def call(self, tool: Tool, arguments: JsonObject, context: ToolCallContext) -> ToolOutcome:
        call = RecordedCall(tool, arguments, context)
        self.calls.append(call)
        behaviour = self.script.popleft() if self.script else self.default
        if isinstance(behaviour, BaseException):
            raise behaviour
        if isinstance(behaviour, ToolOutcome):
            return behaviour
        return await behaviour(call)
