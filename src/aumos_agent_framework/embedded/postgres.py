"""The embedded PostgreSQL: its cluster, made once, and its server."""

import os
import pwd
import shutil
import signal
from pathlib import Path

from aumos_agent_framework.embedded import binaries
from aumos_agent_framework.embedded.components import POSTGRES, Command, Component
from aumos_agent_framework.embedded.errors import StackError, log_tail
from aumos_agent_framework.embedded.launch import UNPRIVILEGED_USER
from aumos_agent_framework.embedded.layout import DataDir
from aumos_agent_framework.embedded.ports import LOOPBACK
from aumos_agent_framework.embedded.processes import ProcessId, end, run

SUPERUSER = "postgres"
DATABASE = "agf"
_ENVIRONMENT = {"LC_ALL": "C", "TZ": "UTC"}
_STARTED_WITHIN_SECONDS = 5  # between a process's start and the time that it writes into its pid file
_STOP_SECONDS = 8.0
_MAKE_SECONDS = 120.0


def component(data_dir: DataDir, port: int, superuser_password: str, extra_options: tuple[str, ...] = ()) -> Component:
    """Return the component ``postgres``.

    Args:
        data_dir: where the cluster is, or will be made.
        port: where it listens, on loopback only.
        superuser_password: given to the superuser when the cluster is made.
        extra_options: more options of the server, as ``name=value``.
    """
    cluster = data_dir.of(POSTGRES)
    options = (f"listen_addresses={LOOPBACK}", f"port={port}", "unix_socket_directories=", *extra_options)
    flags = tuple(flag for option in options for flag in ("-c", option))

    async def prepare() -> None:
        if not (cluster / "PG_VERSION").exists():
            await _make_cluster(data_dir, superuser_password)
        _give_away(cluster)
        await _clear_stale_pid(cluster)

    async def ready(pid: int) -> bool:
        lines = _pid_file(cluster)
        return lines[:1] == [str(pid)] and lines[7:8] == ["ready"]

    return Component(
        name=POSTGRES,
        url=f"postgresql://{LOOPBACK}:{port}/{DATABASE}",
        # SIGINT is PostgreSQL's fast shutdown; on SIGTERM it would wait for its clients to leave.
        command=_command(data_dir, "postgres", "-D", str(cluster), *flags, stop_signal=signal.SIGINT),
        ready=ready,
        prepare=prepare,
    )


def _command(data_dir: DataDir, program: str, *arguments: str, stop_signal: signal.Signals = signal.SIGKILL) -> Command:
    return Command(
        argv=(binaries.postgres(program), *arguments),
        cwd=data_dir.root,
        env=_ENVIRONMENT,
        stop_signal=stop_signal,
        unprivileged=True,
    )


async def _make_cluster(data_dir: DataDir, superuser_password: str) -> None:
    """Make the cluster aside and move it into place at the end: a crash half-way leaves nothing to repair."""
    draft = data_dir.of("postgres.new")
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(mode=0o700)
    _give_away(draft)
    initdb = _command(
        data_dir,
        "initdb",
        *("-D", str(draft), "--username", SUPERUSER, "--auth", "scram-sha-256", "--pwfile", "/dev/stdin"),
        # The builtin locale sorts alike on every machine and needs none installed.
        *("--encoding", "UTF8", "--locale-provider", "builtin", "--locale", "C.UTF-8", "--no-instructions"),
    )
    create = _command(data_dir, "postgres", "--single", "-D", str(draft), "postgres")
    await _run(data_dir, initdb, superuser_password + "\n")
    await _run(data_dir, create, f"CREATE DATABASE {DATABASE}\n")
    draft.rename(data_dir.of(POSTGRES))


async def _run(data_dir: DataDir, command: Command, standard_input: str) -> None:
    log = data_dir.log(POSTGRES)
    if await run(command, log, within_seconds=_MAKE_SECONDS, standard_input=standard_input.encode()) != 0:
        raise StackError(f"PostgreSQL's data could not be made. {log_tail(log)}")


def _give_away(directory: Path) -> None:
    """As root, let the server's user own its data: PostgreSQL does not start on anybody else's."""
    if os.geteuid() != 0:
        return
    user = pwd.getpwnam(UNPRIVILEGED_USER)
    if directory.stat().st_uid == user.pw_uid:
        return
    for path in (directory, *directory.rglob("*")):
        os.chown(path, user.pw_uid, user.pw_gid, follow_symlinks=False)


def _pid_file(cluster: Path) -> list[str]:
    try:
        return [line.strip() for line in (cluster / "postmaster.pid").read_text().splitlines()]
    except FileNotFoundError:
        return []


async def _clear_stale_pid(cluster: Path) -> None:
    """End a server that was left behind, or remove a pid file that names another program.

    PostgreSQL believes any living process with the pid in its file, which after a reboot (or in a new container) is
    often another program. Where that process is dead the file stays: with it PostgreSQL makes sure that no orphaned
    backend still uses the data.
    """
    lines = _pid_file(cluster)
    try:
        process, began = ProcessId.of(int(lines[0])), int(lines[2])
    except (IndexError, ValueError):
        # None, or cut short by a crash of the machine, which PostgreSQL would ask a person about.
        (cluster / "postmaster.pid").unlink(missing_ok=True)
        return
    if process is None or not process.alive():
        return
    if abs(process.create_time - began) < _STARTED_WITHIN_SECONDS:
        await end([(process, signal.SIGINT)], _STOP_SECONDS)
    else:
        (cluster / "postmaster.pid").unlink()
