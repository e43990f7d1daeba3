"""The demo's course: register, start, follow, ask, check what was published."""

import hashlib
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from aumos_agent_framework.core.errors import AgfError
from aumos_agent_framework.core.types import JsonObject
from aumos_agent_framework.demo.client import API, ApiClient, ApiError
from aumos_agent_framework.demo.scenario import Scenario
from aumos_agent_framework.demo.terminal import Terminal

POLL_SECONDS = 0.15
RUN_SECONDS = 300.0
"""How long the run may take, the time that the person takes not counted."""
_FINAL = frozenset({"completed", "failed", "cancelled"})


class DemoError(AgfError):
    """The demo did not end as it should."""


@dataclass(frozen=True, slots=True)
class Published:
    """What the demo leaves: a report that was checked against its digest."""

    execution_id: str
    path: Path


class Demo:
    """One run of the audit. ``alice`` builds and starts it, ``bob`` decides: nobody approves a run of their own.

    Args:
        alice: may register agents and tools up to level 3.
        bob: may approve at level 3.
        data_dir: the stack's, in which the report appears.
        terminal: where it shows what happens.
        decide: says whether to approve a request that has been shown.
        wait: waits between two looks, in seconds.
    """

    def __init__(
        self,
        *,
        alice: ApiClient,
        bob: ApiClient,
        data_dir: Path,
        terminal: Terminal,
        decide: Callable[[JsonObject], bool],
        wait: Callable[[float], None] = time.sleep,
    ) -> None:
        self._alice = alice
        self._bob = bob
        self._data_dir = data_dir
        self._terminal = terminal
        self._decide = decide
        self._wait = wait
        self.execution_id: str | None = None

    def run(self, scenario: Scenario) -> Published:
        """Run the audit and check the report.

        Raises:
            DemoError: the run failed, was rejected, took too long, or its report is not what was approved.
            ApiError: the API refused something.
        """
        self._terminal.heading("alice registers tools, agents and the workflow")
        workflow_id = self._register(scenario)
        self._terminal.heading("alice starts a run")
        self.execution_id = str(self._alice.execute(workflow_id, {})["id"])
        self._terminal.say(f"execution {self.execution_id}", "dim")
        execution = self._follow(self.execution_id)
        return self._check(execution)

    def cancel(self) -> None:
        """Ask the run to stop, if there is one; that it cannot be reached is no further fault."""
        if self.execution_id is None:
            return
        try:
            self._alice.cancel(self.execution_id, "The demo was interrupted.")
        except ApiError as error:
            self._terminal.say(f"The run could not be cancelled: {error.message}", "yellow")

    def _register(self, scenario: Scenario) -> str:
        for tool in scenario.tools:
            self._alice.ensure_tool(tool)
            self._terminal.say(f"tool   {tool['name']}, level {tool['min_privilege_level']}")
        for agent in scenario.agents:
            self._alice.ensure_agent(agent)
            self._terminal.say(f"agent  {agent['name']}, level {agent['privilege_level']}")
        workflow_id = self._alice.ensure_workflow(scenario.workflow)
        self._terminal.say(f"flow   {scenario.workflow['name']}")
        return workflow_id

    def _follow(self, execution_id: str) -> JsonObject:
        """Show steps as they happen and put every request to the person, until the run ends."""
        deadline = time.monotonic() + RUN_SECONDS
        decided: set[str] = set()
        while time.monotonic() < deadline:
            execution = self._look(execution_id)
            if execution is not None and execution["status"] in _FINAL:
                return execution
            if execution is not None and execution["status"] == "paused_hitl":
                deadline += self._answer_open(execution_id, decided)
            self._wait(POLL_SECONDS)
        raise DemoError("demo_timeout", f"The run has not ended within {RUN_SECONDS:g} s.")

    def _look(self, execution_id: str) -> JsonObject | None:
        """Return the run after showing its steps; ``None`` while the API is away, which a run survives."""
        try:
            execution = self._alice.execution(execution_id)
            self._terminal.steps(self._alice.history(execution_id))
        except ApiError as error:
            if not error.retryable:
                raise
            return None
        return execution

    def _answer_open(self, execution_id: str, decided: set[str]) -> float:
        """Decide what is open, and return how many seconds the person took."""
        started = time.monotonic()
        for request in self._bob.pending(execution_id):
            if request["id"] in decided:
                continue
            self._terminal.approval(request)
            if self._decide(request):
                self._bob.approve(request, "Approved in the demo.")
                self._terminal.say("bob approves", "green")
            else:
                self._bob.reject(request, "Rejected in the demo.")
                self._terminal.say("bob rejects", "red")
            decided.add(request["id"])
        return time.monotonic() - started

    def _check(self, execution: JsonObject) -> Published:
        if execution["status"] != "completed":
            error = execution["error"] or {}
            reason = error.get("message") or "no reason given"
            raise DemoError("demo_failed", f"The run {execution['status']} at {error.get('node')}: {reason}")
        publication = execution["output_data"]["publication"]
        if not publication["published"]:
            raise DemoError("demo_rejected", f"The report was not published: {publication['reason']}")
        path = self._data_dir / publication["path"]
        if not path.is_file():
            raise DemoError("demo_report_missing", f"There is no report at {path}.")
        if hashlib.sha256(path.read_bytes()).hexdigest() != publication["sha256"]:
            raise DemoError("demo_report_altered", f"The report at {path} is not the one that was approved.")
        return Published(str(execution["id"]), path)

    def show(self, published: Published, base_url: str) -> None:
        """Show the report's beginning and where everything is."""
        self._terminal.heading("The report")
        self._terminal.report(published.path.read_text(encoding="utf-8"))
        self._terminal.heading("Where to look")
        run = f"{base_url}{API}/executions/{published.execution_id}"
        self._terminal.say(f"report     {published.path}")
        self._terminal.say(f"execution  {run}")
        self._terminal.say(f"history    {run}/history")
        self._terminal.say(f"API docs   {base_url}/docs")
