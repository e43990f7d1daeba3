"""Tools, as the door sees them."""

from typing import Protocol

from aumos_agent_framework.core.domain.tools import Tool, ToolCallContext, ToolDraft, ToolOutcome
from aumos_agent_framework.core.types import JsonObject


class ToolRunner(Protocol):
    """Calls tools and knows what their configuration may hold."""

    def check(self, draft: ToolDraft) -> ToolDraft:
        """Validate ``config`` and return the draft completed (a Python tool's schema from its annotations).

        Raises:
            InvalidInputError: with pointers such as ``/config/url``.
        """
        ...

    def same_target(self, one: JsonObject, other: JsonObject) -> bool:
        """Whether two configurations may lead to the same function or endpoint, whatever their tools are called.

        A level fences that target, not the name in front of it. In doubt the answer is yes.
        """
        ...

    def is_short(self, config: JsonObject) -> bool:
        """Whether a call ends within a few seconds by its own timeout."""
        ...

    async def call(self, tool: Tool, arguments: JsonObject, context: ToolCallContext) -> ToolOutcome:
        """Call the tool once. Never raises for what a tool does; cancellation passes through.

        A fault after the request may have left is ``retryable`` for ``idempotent`` and ``key`` tools and ``unknown``
        for ``none`` (CONTRACT.md, Tools); a fault before anything left is ``retryable`` for all.
        """
        ...
