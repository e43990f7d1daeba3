"""``agf demo``: the whole service on a real job, from starting it to a report that a person approved."""

import signal
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from rich.console import Console

from aumos_agent_framework.cli.detached import start_detached
from aumos_agent_framework.cli.down import stop_stack
from aumos_agent_framework.cli.stack_config import data_dir_of
from aumos_agent_framework.cli.token import TokenRequest, issue_token
from aumos_agent_framework.core.errors import AgfError
from aumos_agent_framework.core.types import JsonObject
from aumos_agent_framework.demo.client import ApiClient
from aumos_agent_framework.demo.run import Demo
from aumos_agent_framework.demo.scenario import load_scenario
from aumos_agent_framework.demo.terminal import Terminal
from aumos_agent_framework.embedded.components import API
from aumos_agent_framework.embedded.layout import DataDir
from aumos_agent_framework.embedded.state import read_state
from aumos_agent_framework.settings import load_settings

TENANT = "demo"
SUCCEEDED, FAILED, MISUSED, INTERRUPTED = 0, 1, 2, 130
_TOKEN_TTL = "1h"  # noqa: S105 - how long, not what
_STARTING_SECONDS = 180.0
_FOUND_SECONDS = 10.0
_POLL_SECONDS = 0.2


def run_demo(data_dir: Path | None, *, yes: bool, keep: bool) -> int:
    """Run the demo and return the exit code: 0 only if the report was published and is what was approved.

    Args:
        data_dir: the stack's data directory; default: as configured.
        yes: approve as the second identity without asking.
        keep: leave a stack running that the demo started.
    """
    console = Console(highlight=False)
    if not yes and not sys.stdin.isatty():
        console.print("The demo asks for an approval, and there is no terminal to ask in.", soft_wrap=True)
        console.print("Approve without being asked: agf demo --yes (make demo YES=1)", soft_wrap=True, markup=False)
        return MISUSED
    terminal = Terminal(console)
    try:
        used = data_dir_of(load_settings(), data_dir)
        with _terminable(), _stack(used, terminal, keep=keep) as base_url:
            return _run(base_url, used.root, terminal, yes=yes)
    except KeyboardInterrupt:
        terminal.say("\ninterrupted", "yellow")
        return INTERRUPTED
    except AgfError as error:
        terminal.say(error.message, "red")
        return FAILED


def _run(base_url: str, data_dir: Path, terminal: Terminal, *, yes: bool) -> int:
    def decide(_: JsonObject) -> bool:
        return yes or terminal.ask()

    with ExitStack() as stack:
        alice = stack.enter_context(ApiClient(base_url, _token("alice", "admin", data_dir)))
        bob = stack.enter_context(ApiClient(base_url, _token("bob", "approver", data_dir)))
        demo = Demo(alice=alice, bob=bob, data_dir=data_dir, terminal=terminal, decide=decide)
        try:
            published = demo.run(load_scenario())
        except (KeyboardInterrupt, EOFError):
            demo.cancel()
            raise KeyboardInterrupt from None
        demo.show(published, base_url)
    return SUCCEEDED


def _token(subject: str, role: str, data_dir: Path) -> str:
    request = TokenRequest(tenant=TENANT, subject=subject, roles=(role,), level=None, ttl=_TOKEN_TTL)
    return issue_token(request, data_dir)


@contextmanager
def _stack(data_dir: DataDir, terminal: Terminal, *, keep: bool) -> Iterator[str]:
    """Use the stack that runs, or start one and stop it at the end; yields the API's address."""
    starts_here = not read_state(data_dir.state).as_seen_now().running()
    try:
        if starts_here:
            terminal.heading("Starting the stack")
            _start(data_dir)
        yield _address(data_dir)
    finally:
        if starts_here and not keep:
            terminal.heading("Stopping the stack (make demo KEEP=1 leaves it running)")
            with _uninterrupted():
                stop_stack(data_dir.root)


def _start(data_dir: DataDir) -> None:
    """Start the stack; if interrupted, wait until it can be found, and so be stopped."""
    try:
        start_detached(data_dir)
    except KeyboardInterrupt:
        with _uninterrupted():
            deadline = time.monotonic() + _FOUND_SECONDS
            while time.monotonic() < deadline and not read_state(data_dir.state).running():
                time.sleep(_POLL_SECONDS)
        raise


def _address(data_dir: DataDir) -> str:
    """Return the API's address once the stack is ready; somebody else may be starting it just now."""
    deadline = time.monotonic() + _STARTING_SECONDS
    while time.monotonic() < deadline:
        state = read_state(data_dir.state).as_seen_now()
        address = state.url(API)
        if state.ready and address is not None:
            return address
        time.sleep(_POLL_SECONDS)
    raise AgfError("stack_not_ready", f"The stack in {data_dir.root} is not ready; `agf status` says why.")


@contextmanager
def _terminable() -> Iterator[None]:
    """Let SIGTERM end the demo as Ctrl-C does: in order."""
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


@contextmanager
def _uninterrupted() -> Iterator[None]:
    """Stopping is bounded in time by itself; a second Ctrl-C must not leave half of it running."""
    before = {number: signal.signal(number, signal.SIG_IGN) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
