"""The stack as a whole: ``async with EmbeddedStack(config) as stack: ...``."""

import asyncio
import os
from collections.abc import Coroutine, Sequence
from contextlib import ExitStack
from functools import partial
from types import TracebackType
from typing import Self

from aumos_agent_framework.embedded import assembly, leftovers, lock
from aumos_agent_framework.embedded.board import Board, Listener
from aumos_agent_framework.embedded.components import (
    ISSUER,
    POSTGRES,
    SERVERS,
    SERVICES,
    Command,
    ComponentState,
    ComponentStatus,
)
from aumos_agent_framework.embedded.config import StackConfig
from aumos_agent_framework.embedded.credentials import Credentials, load_or_create
from aumos_agent_framework.embedded.environment import MIGRATION_URL, environment
from aumos_agent_framework.embedded.errors import PortTakenError, StackError, log_tail
from aumos_agent_framework.embedded.issuer import IssuerServer
from aumos_agent_framework.embedded.ports import LOOPBACK, port_variable
from aumos_agent_framework.embedded.processes import ProcessId, run
from aumos_agent_framework.embedded.state import read_state
from aumos_agent_framework.embedded.supervisor import RestartPolicy, Supervised

# Together below the 10 s within which a stopped stack is gone.
_SERVICES_GRACE_SECONDS = 5.5
_SERVERS_GRACE_SECONDS = 3.5
_MIGRATION_SECONDS = 300.0


class EmbeddedStack:
    """Runs the wanted components from entering the context until leaving it.

    Enter it in the main thread (see ``processes.spawn``). Entering returns when everything is ready and raises
    ``StackError`` when something cannot be started, after stopping the rest; leaving takes at most 10 s.
    """

    def __init__(
        self,
        config: StackConfig,
        *,
        listener: Listener | None = None,
        policy: RestartPolicy | None = None,
        assemble: assembly.Assembler = assembly.assemble,
    ) -> None:
        self._config = config
        self._policy = policy or RestartPolicy()
        self._assemble = assemble
        self._board = Board(config.data_dir, ProcessId.of(os.getpid()), listener)
        self._lock = ExitStack()
        self._ports: dict[str, int] = {}
        self._credentials = Credentials()
        self._supervised: dict[str, Supervised] = {}
        self._issuer: IssuerServer | None = None

    async def __aenter__(self) -> Self:
        self._config.data_dir.create()
        self._lock.enter_context(lock.held(self._config.data_dir))
        try:
            await self._start()
        except BaseException:
            await self._stop()
            raise
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None
    ) -> None:
        await self._stop()

    def environment(self) -> dict[str, str]:
        """Return the variables that lead to the stack, the administrator's database login among them."""
        return environment(self._config, self._ports, self._credentials)

    async def failed(self) -> None:
        """Wait until a component does not stay up, which raises ``StackError``."""
        tasks = [asyncio.create_task(supervised.given_up()) for supervised in self._supervised.values()]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            for task in tasks:
                task.cancel()

    async def _start(self) -> None:
        config = self._config
        earlier = read_state(config.data_dir.state)
        await leftovers.clear(earlier)
        self._ports = assembly.choose_ports(config, earlier.ports)
        self._credentials = load_or_create(config.data_dir.credentials)
        parts = self._assemble(config, self._ports, self._credentials)
        self._board.begin(self._first_statuses(parts), self._ports)
        await self._start_servers(parts)
        await self._start_services(parts)
        self._board.set_ready(ready=True)

    def _first_statuses(self, parts: assembly.Parts) -> dict[str, ComponentStatus]:
        external = {
            name: ComponentStatus(name, ComponentState.EXTERNAL, url) for name, url in self._config.external.items()
        }
        statuses = {}
        for name in (*SERVERS, *SERVICES):
            port = self._ports.get(name)
            if name in parts.processes:
                statuses[name] = ComponentStatus(name, ComponentState.STARTING, parts.processes[name].url, port)
            elif name == ISSUER and port:
                statuses[name] = ComponentStatus(name, ComponentState.STARTING, f"http://{LOOPBACK}:{port}", port)
            elif name in external and name in self._config.components:
                statuses[name] = external[name]
        return statuses

    async def _start_servers(self, parts: assembly.Parts) -> None:
        """Start the servers at the same time, and change the database's schema as soon as its server is there."""
        for name in (name for name in SERVERS if name in parts.processes):
            self._supervise(name, parts)
        steps = [supervised.ready() for supervised in self._supervised.values()]
        if ISSUER in self._ports:
            steps.append(self._serve_issuer(self._ports[ISSUER]))
        if parts.migration is not None:
            steps.append(self._migrate(parts.migration))
        elif POSTGRES in self._config.external:
            self._board.note(f"database left as it is: {MIGRATION_URL} is not set")
        await _all(steps)

    async def _start_services(self, parts: assembly.Parts) -> None:
        for name in (name for name in SERVICES if name in parts.processes):
            self._supervise(name, parts)
        await _all([self._supervised[name].ready() for name in SERVICES if name in parts.processes])

    def _supervise(self, name: str, parts: assembly.Parts) -> None:
        log = self._config.data_dir.rotate_log(name)
        report = partial(self._board.set, name)
        self._supervised[name] = Supervised(parts.processes[name], log, report, self._policy)

    async def _serve_issuer(self, port: int) -> None:
        self._issuer = IssuerServer(port, self._config.issuer_documents(f"http://{LOOPBACK}:{port}"))
        try:
            await self._issuer.start()
        except OSError as error:
            raise PortTakenError(ISSUER, port, port_variable(ISSUER)) from error
        self._board.set(ISSUER, ComponentState.RUNNING, os.getpid())

    async def _migrate(self, command: Command) -> None:
        if POSTGRES in self._supervised:
            await self._supervised[POSTGRES].ready()
        log = self._config.data_dir.rotate_log("migrate")
        if await run(command, log, within_seconds=_MIGRATION_SECONDS) != 0:
            raise StackError(f"The database could not be migrated. {log_tail(log)}")
        self._board.note("database migrated")

    async def _stop(self) -> None:
        """Stop in the reverse order of starting, and give the directory back."""
        try:
            await self._stop_all(SERVICES, _SERVICES_GRACE_SECONDS)
            await self._stop_all(SERVERS, _SERVERS_GRACE_SECONDS)
            if self._issuer is not None:
                await self._issuer.stop()
                self._board.set(ISSUER, ComponentState.STOPPED, None)
            self._board.end()
        finally:
            self._lock.close()

    async def _stop_all(self, names: Sequence[str], grace_seconds: float) -> None:
        running = [self._supervised.pop(name) for name in names if name in self._supervised]
        await asyncio.gather(*(supervised.stop(grace_seconds) for supervised in running))


async def _all(steps: Sequence[Coroutine[None, None, None]]) -> None:
    """Run steps at the same time; the first failure ends the others."""
    tasks = [asyncio.create_task(step) for step in steps]
    try:
        await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
