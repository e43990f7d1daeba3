"""A model that says what a test has written."""

from collections.abc import Iterable

from aumos_agent_framework.core.domain.inference import ModelTurn, ThinkCommand


class ScriptedModel:
    """See ``ModelGateway``: gives turns in order and raises those that are errors; ``asked`` keeps the questions."""

    def __init__(self, turns: Iterable[ModelTurn | Exception]) -> None:
        self._turns = iter(turns)
        self.asked: list[ThinkCommand] = []

    async def complete(self, command: ThinkCommand) -> ModelTurn:
        self.asked.append(command)
        turn = next(self._turns, None)
        if turn is None:
            raise AssertionError("The model was asked more often than its script has turns.")
        if isinstance(turn, Exception):
            raise turn
        return turn
