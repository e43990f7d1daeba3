"""A tool that can be counted, as a process of its own: ``python -m tests.effect_counter.server DIRECTORY``.

It stands for the world outside: it survives whatever is killed, and what it has written down is what has happened.
``attempts.jsonl`` holds every call that arrived, ``effects.jsonl`` every effect that was done.

- ``POST /dedupe/{label}`` drops repeats of an Idempotency-Key, as a service that honours keys does;
- ``POST /plain/{label}`` does the effect each time;
- ``PUT /plans/{label}`` says how calls of a label behave, see ``Plan``;
- ``DELETE /plans/{label}`` takes that back and lets held calls go on.

Prints its port as one line of JSON, and ends when its standard input closes.
"""

import json
import sys
import threading
from dataclasses import asdict, dataclass, field
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

LONGEST_HOLD_SECONDS = 240


@dataclass
class Plan:
    """How a label's calls behave: they are held before or after the effect, answered late, refused, or cut off."""

    hold: str | None = None  # "before" or "after" the effect, until the plan is taken back
    delay_seconds: float = 0.0  # before the answer
    failures: int = 0  # so many calls answer 503 and do nothing
    cuts: int = 0  # so many calls do the effect and lose their connection before the answer
    taken_back: threading.Event = field(default_factory=threading.Event)


@dataclass(frozen=True)
class Attempt:
    """One call that arrived."""

    label: str
    key: str
    tenant: str
    arguments: Any


@dataclass(frozen=True)
class Effect:
    """One thing that was done. ``number`` counts the label's effects from 1."""

    label: str
    key: str
    number: int


class World:
    """What has happened, and the plans for what comes. Safe to use from many threads."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._lock = threading.Lock()
        self._plans: dict[str, Plan] = {}
        self._effects: list[Effect] = []

    def plan(self, label: str, wishes: dict[str, Any] | None) -> None:
        """Replace a label's plan; held calls of the old one go on."""
        with self._lock:
            old = self._plans.pop(label, None)
            if wishes is not None:
                self._plans[label] = Plan(**wishes)
        if old is not None:
            old.taken_back.set()

    def arrive(self, attempt: Attempt) -> Plan:
        """Write a call down and return what is planned for it."""
        with self._lock:
            self._append("attempts", attempt)
            return self._plans.get(attempt.label, Plan())

    def do(self, attempt: Attempt, *, dedupe: bool) -> Effect:
        """Do the effect, or find the one that was done for this key."""
        with self._lock:
            mine = [effect for effect in self._effects if effect.label == attempt.label]
            done = next((effect for effect in mine if effect.key == attempt.key), None) if dedupe else None
            if done is not None:
                return done
            effect = Effect(attempt.label, attempt.key, len(mine) + 1)
            self._effects.append(effect)
            self._append("effects", effect)
            return effect

    def use_up(self, plan: Plan, what: str) -> bool:
        """Take one of the planned failures or cuts, if one is left."""
        with self._lock:
            left: int = getattr(plan, what)
            if left:
                setattr(plan, what, left - 1)
            return left > 0

    def _append(self, log: str, line: Attempt | Effect) -> None:
        with (self._directory / f"{log}.jsonl").open("a") as file:
            file.write(json.dumps(asdict(line)) + "\n")


class Server(ThreadingHTTPServer):
    """One thread per call, so that held calls hold up nothing else."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, world: World) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.world = world

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Be quiet about callers that were killed while they waited for an answer; report anything else."""
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)


class Handler(BaseHTTPRequestHandler):
    """Calls and plans."""

    server: Server

    def do_POST(self) -> None:
        """Take a call."""
        mode, _, label = self.path.strip("/").partition("/")
        if mode not in {"dedupe", "plain"} or not label:
            self._answer(HTTPStatus.NOT_FOUND, {"error": "POST /dedupe/{label} or /plain/{label}"})
            return
        attempt = Attempt(
            label, self.headers.get("Idempotency-Key", ""), self.headers.get("X-Tenant-ID", ""), self._body()
        )
        world = self.server.world
        plan = world.arrive(attempt)
        if plan.hold == "before":
            plan.taken_back.wait(LONGEST_HOLD_SECONDS)
        if world.use_up(plan, "failures"):
            self._answer(HTTPStatus.SERVICE_UNAVAILABLE, {"error": "planned failure"})
            return
        effect = world.do(attempt, dedupe=mode == "dedupe")
        if plan.hold == "after":
            plan.taken_back.wait(LONGEST_HOLD_SECONDS)
        if world.use_up(plan, "cuts"):
            self.close_connection = True
            return
        plan.taken_back.wait(plan.delay_seconds)
        self._answer(HTTPStatus.OK, {"label": label, "number": effect.number, "arguments": attempt.arguments})

    def do_PUT(self) -> None:
        """Take a plan."""
        self.server.world.plan(self.path.removeprefix("/plans/"), self._body())
        self._answer(HTTPStatus.OK, {})

    def do_DELETE(self) -> None:
        """Take a plan back."""
        self.server.world.plan(self.path.removeprefix("/plans/"), None)
        self._answer(HTTPStatus.OK, {})

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the library's name
        """Say nothing: the logs on disk are what is read."""

    def _body(self) -> Any:
        return json.loads(self.rfile.read(int(self.headers.get("Content-Length", "0"))) or b"null")

    def _answer(self, status: HTTPStatus, body: dict[str, Any]) -> None:
        content = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)


def main() -> None:
    """Serve until standard input closes."""
    server = Server(World(Path(sys.argv[1])))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    sys.stdout.write(json.dumps({"port": server.server_port}) + "\n")
    sys.stdout.flush()
    sys.stdin.read()


if __name__ == "__main__":
    main()
