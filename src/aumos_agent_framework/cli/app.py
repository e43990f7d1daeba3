"""The program ``agf``."""

import sys

import typer

from aumos_agent_framework.cli import commands
from aumos_agent_framework.core.errors import AgfError

_LOCAL = "The stack on this machine"
_PARTS = "Its parts, one by one"


def create_app() -> typer.Typer:
    """Put the commands together."""
    app = typer.Typer(
        name="agf",
        help="Run multi-agent workflows durably, under human control, for many tenants.\n\n"
        "Start with `agf up`: it runs everything on this machine. Every setting is an environment variable; "
        "`.env.example` lists them.",
        no_args_is_help=True,
        add_completion=False,
        # A fault nobody expected is shown as Python shows it, without the values of variables: they hold passwords.
        pretty_exceptions_enable=False,
    )
    app.command(rich_help_panel=_LOCAL)(commands.up)
    app.command(rich_help_panel=_LOCAL)(commands.demo)
    app.command(rich_help_panel=_LOCAL)(commands.down)
    app.command(rich_help_panel=_LOCAL)(commands.status)
    app.command(rich_help_panel=_LOCAL)(commands.token)
    app.command(rich_help_panel=_PARTS)(commands.api)
    app.command(rich_help_panel=_PARTS)(commands.worker)
    app.command(rich_help_panel=_PARTS)(commands.migrate)
    app.command(name="llm-stub", rich_help_panel=_PARTS)(commands.llm_stub)
    app.command()(commands.version)
    return app


def main() -> None:
    """Run ``agf``; an expected fault is one clear message on stderr and exit code 1."""
    try:
        create_app()()
    except AgfError as error:
        sys.exit(f"agf: {error.message}")
