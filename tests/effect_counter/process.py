"""The effect counter's process, and what tests say to it and read from it."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import httpx2

from tests.effect_counter.server import Attempt, Effect
from tests.servers import ROOT
from tests.waiting import eventually

STOP_SECONDS = 5
ARRIVAL_SECONDS = 30


class EffectCounter:
    """A running counter. Attempts and effects are read from its logs: they need no answer from it."""

    def __init__(self, port: int, directory: Path) -> None:
        self._address = f"http://127.0.0.1:{port}"
        self._directory = directory

    def url(self, label: str, *, dedupe: bool = True) -> str:
        """Where a label's tool is; ``dedupe`` honours idempotency keys."""
        return f"{self._address}/{'dedupe' if dedupe else 'plain'}/{label}"

    def hold(self, label: str, when: Literal["before", "after"] = "before") -> None:
        """Hold the label's calls, before or after their effect, until ``release``."""
        self._plan(label, hold=when)

    def delay(self, label: str, seconds: float) -> None:
        """Answer the label's calls so much later."""
        self._plan(label, delay_seconds=seconds)

    def fail(self, label: str, times: int) -> None:
        """Answer so many of the label's calls with 503 and do nothing."""
        self._plan(label, failures=times)

    def cut(self, label: str, times: int) -> None:
        """Do the effect of so many of the label's calls and close their connection without an answer."""
        self._plan(label, cuts=times)

    def release(self, label: str) -> None:
        """Take the plan back: held calls go on, later ones are served at once."""
        httpx2.delete(f"{self._address}/plans/{label}").raise_for_status()

    def attempts(self, label: str) -> list[Attempt]:
        """Every call that arrived, in order."""
        return [attempt for attempt in self.all_attempts() if attempt.label == label]

    def effects(self, label: str) -> list[Effect]:
        """Every effect that was done, in order."""
        return [effect for effect in self.all_effects() if effect.label == label]

    def all_attempts(self) -> list[Attempt]:
        """Every label's calls."""
        return [Attempt(**line) for line in self._read("attempts")]

    def all_effects(self) -> list[Effect]:
        """Every label's effects."""
        return [Effect(**line) for line in self._read("effects")]

    def await_attempts(self, label: str, number: int = 1, within_seconds: float = ARRIVAL_SECONDS) -> None:
        """Wait until so many of the label's calls have arrived."""
        what = f"{number} calls of {label} arrive"
        eventually(lambda: len(self.attempts(label)) >= number, within_seconds, what)

    def _plan(self, label: str, **wishes: Any) -> None:
        httpx2.put(f"{self._address}/plans/{label}", json=wishes).raise_for_status()

    def _read(self, log: str) -> list[dict[str, Any]]:
        path = self._directory / f"{log}.jsonl"
        # The last line may still be on its way to the disk.
        lines = path.read_text().split("\n")[:-1] if path.exists() else []
        return [json.loads(line) for line in lines]


@contextmanager
def effect_counter(directory: Path) -> Iterator[EffectCounter]:
    """Run a counter in a process of its own, with its logs in ``directory``."""
    command = [sys.executable, "-m", "tests.effect_counter.server", str(directory)]
    with subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            line = process.stdout.readline()
            assert line, "The effect counter did not start"
            yield EffectCounter(json.loads(line)["port"], directory)
        finally:
            process.stdin.close()
            process.wait(STOP_SECONDS)
