import pytest

from aumos_agent_framework.core.errors import ConflictError
from aumos_agent_framework.core.services.optimistic import WRITE_ATTEMPTS, repeat_stale


class Write:
    """A write that loses against others some times."""

    def __init__(self, losses: int, code: str = "stale") -> None:
        self.tries = 0
        self._losses = losses
        self._code = code

    async def __call__(self) -> str:
        self.tries += 1
        if self.tries <= self._losses:
            raise ConflictError(self._code, "Somebody was first.")
        return "written"


class TestRepeatStale:
    @pytest.mark.parametrize("losses", range(WRITE_ATTEMPTS))
    async def test_tries_again_while_somebody_was_first(self, losses: int) -> None:
        write = Write(losses)
        assert await repeat_stale(write) == "written"
        assert write.tries == losses + 1

    async def test_gives_up_after_five_times(self) -> None:
        write = Write(losses=100)
        with pytest.raises(ConflictError):
            await repeat_stale(write)
        assert write.tries == WRITE_ATTEMPTS == 5

    async def test_another_conflict_is_none_of_its_business(self) -> None:
        write = Write(losses=1, code="agent_name_taken")
        with pytest.raises(ConflictError):
            await repeat_stale(write)
        assert write.tries == 1
