"""A stack that is killed, stopped and started again, and people who keep trying."""

import asyncio
import os
import signal
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

import asyncpg
import httpx2

from aumos_agent_framework.embedded.components import ComponentState
from aumos_agent_framework.embedded.credentials import load_or_create
from aumos_agent_framework.embedded.layout import DataDir
from tests.e2e import runs
from tests.e2e.client import PEOPLE, Person, full_path
from tests.e2e.contract import Contract
from tests.effect_counter.process import EffectCounter
from tests.running_stack import RunningStack, running_stack
from tests.waiting import eventually

BACK_SECONDS = 60
# The supervisor gives a component up that ends by itself more than 5 times in 60 s; no test here kills one more than 3.
KILLS_REMEMBERED_SECONDS = 60
KILLS_LEFT_OVER = 2
PATIENCE_SECONDS = 60
ANSWER_SECONDS = 20
TENANT = "chaos"


class World:
    """One data directory, the stack that runs on it now, and the counter that outlives it."""

    def __init__(self, data_dir: Path, counter: EffectCounter) -> None:
        self.counter = counter
        self._data_dir = data_dir
        self._running = ExitStack()
        self._stack: RunningStack | None = None
        self._http = httpx2.Client(timeout=ANSWER_SECONDS)
        self._kills: list[tuple[str, float]] = []

    @property
    def stack(self) -> RunningStack:
        """The stack that runs now."""
        assert self._stack is not None, "The stack is stopped"
        return self._stack

    def start(self) -> None:
        """Start the stack: if it does not run, or if its supervisor remembers too many kills for another test."""
        if self._stack is not None and self._stack.process.poll() is None and self._most_kills() <= KILLS_LEFT_OVER:
            return
        self.stop()
        self._kills.clear()
        self._stack = self._running.enter_context(running_stack(self._data_dir))

    def _most_kills(self) -> int:
        since = time.monotonic() - KILLS_REMEMBERED_SECONDS
        kills = Counter(component for component, when in self._kills if when > since)
        return max(kills.values(), default=0)

    def stop(self) -> None:
        """Stop the stack as a person would (SIGTERM), and wait until it is gone."""
        self._stack = None
        self._running.close()

    def crash(self) -> None:
        """Kill the supervisor with SIGKILL; what becomes of its children is the product's business."""
        self.stack.process.kill()
        self.stack.process.wait()
        self.stop()

    def close(self) -> None:
        """Stop everything for good."""
        self.stop()
        self._http.close()

    def kill(self, component: str) -> int:
        """Kill a component with SIGKILL and return the pid that it had."""
        pid = self.stack.pid(component)
        os.kill(pid, signal.SIGKILL)
        self._kills.append((component, time.monotonic()))
        return pid

    @contextmanager
    def frozen(self, component: str) -> Iterator[None]:
        """Let a component hang (SIGSTOP) for the time of the block: it accepts connections and answers nothing."""
        pid = self.stack.pid(component)
        os.kill(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            with suppress(ProcessLookupError):  # killed meanwhile
                os.kill(pid, signal.SIGCONT)

    def await_back(self, component: str, old_pid: int) -> None:
        """Wait until a killed component runs again, as another process."""

        def back() -> bool:
            now = self.stack.component(component)
            assert self.stack.process.poll() is None, f"The stack gave up:\n{self.stack.log('supervisor')}"
            return now.state is ComponentState.RUNNING and now.pid != old_pid

        eventually(back, BACK_SECONDS, f"{component} is back")

    def kill_and_await_back(self, component: str) -> None:
        """Kill a component and wait until it runs again."""
        self.await_back(component, self.kill(component))

    def ledger(self, execution_id: str) -> list[str]:
        """Read the statuses of a run's effects from the database: no API tells them yet."""
        return asyncio.run(self._ledger(execution_id))

    async def _ledger(self, execution_id: str) -> list[str]:
        connection = await asyncpg.connect(
            host="127.0.0.1",
            port=self.stack.component("postgres").port,
            user="postgres",
            password=load_or_create(DataDir(self._data_dir).credentials).postgres_superuser,
            database="agf",
        )
        try:
            rows = await connection.fetch("SELECT status FROM agf_effects WHERE execution_id = $1", execution_id)
        finally:
            await connection.close()
        return [row["status"] for row in rows]

    def people(self) -> "dict[str, PatientPerson]":
        """Return all of ``PEOPLE``, patient."""
        document = self._http.get(f"{self.stack.base_url}/openapi.json").raise_for_status().json()
        contract = Contract(document)
        return {
            name: PatientPerson(name, self.stack.token(TENANT, name, [role]), contract, self._http, self)
            for name, role in PEOPLE.items()
        }


@dataclass(frozen=True)
class PatientPerson(Person):
    """Somebody who repeats a request until it is answered, under one idempotency key.

    What they do not put up with: a fault of the service (500), or an answer that is not as published.
    """

    world: World = field(repr=False)

    def exchange(self, method: str, path: str, **options: Any) -> httpx2.Response:
        """Send a request until there is an answer that is more than "not now"."""
        headers = {"Idempotency-Key": str(uuid4()), **options.pop("headers", {})}
        answers: list[httpx2.Response] = []

        def answered() -> bool:
            try:
                url = f"{self.world.stack.base_url}{full_path(path)}"
                answers.append(Person.exchange(self, method, url, headers=dict(headers), **options))
            except httpx2.TransportError:
                return False
            return not _not_now(answers[-1])

        eventually(answered, PATIENCE_SECONDS, f"{method} {path} is answered")
        return answers[-1]

    def decide(self, request: dict[str, Any], verb: str = "approve") -> None:
        """Decide a request; where the answer to an earlier try was lost, see that it counted."""
        body = {"digest": request["digest"]} if verb == "approve" else {}
        answer = self.ask("POST", f"/hitl/{request['id']}/{verb}", json=body)
        if answer.status_code == 409:
            settled = self.get(f"/hitl/{request['id']}")
            assert settled["decided_by"] == self.name, answer.text
        else:
            assert answer.status_code == 200, answer.text

    def decide_all(self, verb: str = "approve") -> int:
        """Decide everything that waits for this person, and return how much that was."""
        waiting = self.get("/hitl/pending", mine=True, page_size=200)["items"]
        for request in waiting:
            self.decide(request, verb)
        return len(waiting)


def ended_runs(person: Person, execution_ids: list[str], within_seconds: float) -> dict[str, dict[str, Any]]:
    """Wait until all runs have ended, and return them."""
    ended: dict[str, dict[str, Any]] = {}

    def over() -> bool:
        for execution_id in execution_ids:
            if execution_id not in ended:
                run = runs.execution(person, execution_id)
                if run["status"] in runs.FINAL:
                    ended[execution_id] = run
        return len(ended) == len(execution_ids)

    eventually(over, within_seconds, f"{len(execution_ids)} runs end; {len(ended)} have")
    return ended


@contextmanager
def world_in(data_dir: Path, counter: EffectCounter) -> Iterator[World]:
    """Yield a world whose stack stops in the end, whatever has happened to it."""
    world = World(data_dir, counter)
    try:
        yield world
    finally:
        world.close()


def _not_now(answer: httpx2.Response) -> bool:
    """Tell whether the service asks to come back: something it needs is away, or the first try is still under way."""
    if answer.status_code == 409:
        return bool(answer.json()["code"] == "idempotency_in_progress")
    if answer.status_code == 503:
        assert "Retry-After" in answer.headers, answer.text
    return answer.status_code == 503
