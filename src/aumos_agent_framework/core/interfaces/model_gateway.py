"""Models."""

from typing import Protocol

from aumos_agent_framework.core.domain.inference import ModelTurn, ThinkCommand


class ModelGateway(Protocol):
    """One chat completion."""

    async def complete(self, command: ThinkCommand) -> ModelTurn:
        """Ask the model once; no retries inside.

        Raises:
            ModelError: the model refused or its answer does not follow the format; ``retryable`` says whether a
                repetition may help (408, 409, 429, 5xx, connection faults).
        """
        ...
