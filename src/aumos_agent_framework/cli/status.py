"""``agf status``: what runs."""

from enum import IntEnum
from pathlib import Path

import orjson
import typer
from rich.console import Console
from rich.table import Table

from aumos_agent_framework.cli.stack_config import data_dir_of
from aumos_agent_framework.embedded.components import ComponentState, ComponentStatus
from aumos_agent_framework.embedded.state import StackState, read_state
from aumos_agent_framework.settings import load_settings

_STYLES = {ComponentState.RUNNING: "green", ComponentState.EXTERNAL: "cyan"}
_GOOD = frozenset(_STYLES)


class _Exit(IntEnum):
    ALL_RUN = 0
    DOWN = 3
    PARTLY = 4


def show_status(data_dir: Path | None, *, as_json: bool) -> int:
    """Print what runs and return the exit code that says so too."""
    state = read_state(data_dir_of(load_settings(), data_dir).state).as_seen_now()
    components = list(state.components.values())
    if as_json:
        document = {"components": [_as_json(component) for component in components]}
        typer.echo(orjson.dumps(document, option=orjson.OPT_INDENT_2).decode())
    elif components:
        Console(highlight=False).print(_table(components))
    else:
        typer.echo("not running")
    return _exit_code(state)


def _exit_code(state: StackState) -> _Exit:
    if not state.running():
        return _Exit.DOWN
    return _Exit.ALL_RUN if all(c.state in _GOOD for c in state.components.values()) else _Exit.PARTLY


def _as_json(component: ComponentStatus) -> dict[str, object]:
    return {"name": component.name, "pid": component.pid, "url": component.url, "state": component.state}


def _table(components: list[ComponentStatus]) -> Table:
    table = Table("component", "state", "pid", "address", box=None)
    for component in components:
        style = _STYLES.get(component.state, "yellow")
        table.add_row(
            component.name,
            f"[{style}]{component.state}[/]",
            str(component.pid or "-"),
            component.url or "-",
        )
    return table
