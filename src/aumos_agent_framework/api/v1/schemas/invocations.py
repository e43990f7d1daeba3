"""Bodies of the direct run of one agent."""

from collections.abc import Sequence
from uuid import UUID

from pydantic import ConfigDict, Field

from aumos_agent_framework.api.v1.schemas.base import Answer, Body, SessionId
from aumos_agent_framework.api.v1.schemas.executions import USAGE_EXAMPLE, RunError, UsageAnswer
from aumos_agent_framework.core.domain.executions import Execution, ExecutionStatus, InvokeCommand
from aumos_agent_framework.core.types import HitlRequestId, JsonObject

MAX_WAIT_SECONDS = 300
DEFAULT_WAIT_SECONDS = 30


class InvokeRequest(Body):
    """A request to run one agent."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"input_data": {"topic": "tidal power"}, "wait_seconds": 20}]}
    )

    input_data: JsonObject = Field(default_factory=dict, description="What the agent is told.")
    session_id: SessionId | None = Field(default=None, description="Ties related executions together.")
    wait_seconds: float = Field(
        default=DEFAULT_WAIT_SECONDS,
        strict=True,
        ge=0,
        le=MAX_WAIT_SECONDS,
        description="How long to wait for the end before answering 202.",
    )

    def to_command(self) -> InvokeCommand:
        """Return what the services understand."""
        return InvokeCommand(input_data=self.input_data, session_id=self.session_id)


class InvokeAnswer(Answer):
    """Where an invocation stands: ended (200), or running or waiting for people (202)."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "execution_id": "0199a1b9-0d1e-7f2a-8b3c-4d5e6f708192",
                    "status": "completed",
                    "output_data": {"output": "Twice a day the sea comes to work."},
                    "error": None,
                    "hitl_request_ids": [],
                    "usage": USAGE_EXAMPLE,
                },
                {
                    "execution_id": "0199a1b9-0d1e-7f2a-8b3c-4d5e6f708192",
                    "status": "paused_hitl",
                    "output_data": None,
                    "error": None,
                    "hitl_request_ids": ["0199a1ba-1e2f-7a3b-8c4d-5e6f708192a3"],
                    "usage": USAGE_EXAMPLE,
                },
            ]
        }
    )

    execution_id: UUID
    status: ExecutionStatus
    output_data: JsonObject | None
    error: RunError | None = Field(description="Why it failed; a failed run is an answer, not a failed request.")
    hitl_request_ids: list[UUID] = Field(description="What waits for people.")
    usage: UsageAnswer

    @classmethod
    def of(cls, execution: Execution, waiting_for: Sequence[HitlRequestId]) -> "InvokeAnswer":
        """Build the answer."""
        return cls(
            execution_id=execution.id,
            status=execution.status,
            output_data=execution.output_data,
            error=None if execution.error is None else RunError.model_validate(execution.error),
            hitl_request_ids=list(waiting_for),
            usage=UsageAnswer.model_validate(execution.usage),
        )
