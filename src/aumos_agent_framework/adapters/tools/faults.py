"""What a fault means for the effect on the world (CONTRACT.md, Tools)."""

from aumos_agent_framework.adapters.tools.results import shortened
from aumos_agent_framework.core.domain.tools import ToolIdempotency, ToolOutcome, ToolOutcomeKind


def without_result(message: str) -> ToolOutcome:
    """The call took place, and what it answered is of no use."""
    return ToolOutcome(ToolOutcomeKind.DONE, message=shortened(message))


def refused(message: str) -> ToolOutcome:
    """The call is settled and repeating it would not help; the agent sees why."""
    return ToolOutcome(ToolOutcomeKind.ERROR, message=shortened(message))


def nothing_happened(message: str) -> ToolOutcome:
    """The fault came before anything left this process: every tool may be called again."""
    return ToolOutcome(ToolOutcomeKind.RETRYABLE, message=shortened(message))


def may_have_happened(idempotency: ToolIdempotency, message: str) -> ToolOutcome:
    """The fault came after the call may have reached the tool: only some tools may be called again."""
    repeatable = idempotency is not ToolIdempotency.NONE
    kind = ToolOutcomeKind.RETRYABLE if repeatable else ToolOutcomeKind.UNKNOWN
    return ToolOutcome(kind, message=shortened(message))
