"""The commands: their options and help texts. What a command runs is in the file of its name."""

# Imports are inside the commands on purpose. With Pydantic, SQLAlchemy and Temporal at the top of the file
# `agf --help` and `agf status` would take 1 to 2 s; this way they take a third of a second.
# ruff: noqa: PLC0415

from pathlib import Path
from typing import Annotated

import typer


def _directory(text: str) -> Path:
    if not text.strip():  # Path("") would be the present folder
        raise typer.BadParameter("the name of a directory is empty")
    return Path(text)


DataDirOption = Annotated[
    Path | None,
    typer.Option(
        "--data-dir",
        parser=_directory,
        metavar="PATH",
        help="Where the stack keeps its data. Default: AUMOS_AGF_DATA_DIR, or .agf.",
    ),
]
_STUB_PORT = 8089


def up(
    data_dir: DataDirOption = None,
    detach: Annotated[
        bool, typer.Option("--detach", "-d", help="Return when it is ready; `agf down` stops it.")
    ] = False,
    orphan: Annotated[bool, typer.Option("--orphan", hidden=True, help="Go on when the parent process ends.")] = False,
) -> None:
    """Run everything on this machine: servers, API and worker, until Ctrl-C.

    Starts PostgreSQL, Valkey, Temporal, a Kafka-protocol broker, a token issuer and a model stub, each unless its
    address is configured; then API and worker. Data stays in the data directory for the next start.
    """
    from aumos_agent_framework.cli.up import run_stack

    run_stack(data_dir, detach=detach, orphan=orphan)


def down(data_dir: DataDirOption = None) -> None:
    """Stop the stack, wherever it was started from, and wait until it is gone. Its data stays."""
    from aumos_agent_framework.cli.down import stop_stack

    stop_stack(data_dir)


def status(
    data_dir: DataDirOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")] = False,
) -> None:
    """Show what runs. Exit code 0 if everything does, 3 if the stack is down, 4 if a part of it is not up."""
    from aumos_agent_framework.cli.status import show_status

    raise typer.Exit(show_status(data_dir, as_json=as_json))


def token(
    tenant: Annotated[str, typer.Option(help="Whose data: a name of your choice, or a UUID.")],
    subject: Annotated[str, typer.Option(help="Who is calling.")],
    role: Annotated[list[str] | None, typer.Option(help="A role; repeatable. Default: developer.")] = None,
    level: Annotated[int | None, typer.Option(help="At most this privilege level.", min=1, max=5)] = None,
    ttl: Annotated[str, typer.Option(help="How long it is valid: 90s, 30m, 8h, 7d.")] = "8h",
    data_dir: DataDirOption = None,
) -> None:
    """Print a token for the stack on this machine.

    A tenant that is named for the first time is created. Roles and their levels: viewer and auditor 1, developer 2,
    approver 3, admin 4, platform_admin 5.
    """
    from aumos_agent_framework.cli.token import TokenRequest, issue_token

    request = TokenRequest(tenant=tenant, subject=subject, roles=tuple(role or ["developer"]), level=level, ttl=ttl)
    typer.echo(issue_token(request, data_dir))


def demo(
    data_dir: DataDirOption = None,
    yes: Annotated[
        bool, typer.Option("--yes", help="Approve as the second person without asking, for scripts.")
    ] = False,
    keep: Annotated[bool, typer.Option("--keep", help="Leave the stack running that the demo started.")] = False,
) -> None:
    """Show the main job on real input: a multi-agent workflow in which one risky step waits for your approval.

    Starts the stack if it is not up, runs the workflow with live progress, and stops what it started. Exit code 0
    only on success.
    """
    from aumos_agent_framework.cli.demo import run_demo

    raise typer.Exit(run_demo(data_dir, yes=yes, keep=keep))


def migrate() -> None:
    """Create or change roles and tables in the configured database; repeating it does nothing.

    Needs AUMOS_AGF_DATABASE__MIGRATION_URL, a login that may create roles; AUMOS_DATABASE__URL and
    AUMOS_AGF_DATABASE__RELAY_URL give the passwords of the roles that the service uses. (`agf up` does all this by
    itself.)
    """
    from aumos_agent_framework.cli.migrate import migrate_database

    migrate_database()
    typer.echo("the database is up to date")


def api() -> None:
    """Serve the API (one process; run several behind a load balancer)."""
    from aumos_agent_framework.cli.api import serve_api

    serve_api()


def worker() -> None:
    """Run executions and deliver messages (run as many as the load needs)."""
    from aumos_agent_framework.cli.worker import run_worker

    run_worker()


def llm_stub(
    port: Annotated[int, typer.Option(help="Port to listen on.", min=0, max=65535)] = _STUB_PORT,
) -> None:
    """Serve scripted models in OpenAI's wire format, to try things out without a model."""
    from aumos_agent_framework.cli.llm_stub import serve_llm_stub

    serve_llm_stub(port)


def version() -> None:
    """Print the version."""
    from aumos_agent_framework import __version__

    typer.echo(f"agf {__version__}")
