"""The API over the real services, which stand on the fakes of their ports."""

from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any, Self
from uuid import UUID

import httpx2

from aumos_agent_framework.api.app import create_app
from aumos_agent_framework.api.services import Probe
from aumos_agent_framework.core.domain.executions import StepRecord
from aumos_agent_framework.core.domain.identity import Caller
from aumos_agent_framework.core.domain.tools import Tool
from aumos_agent_framework.core.interfaces.token_verifier import TokenVerifier
from aumos_agent_framework.core.services.agents import AgentService
from aumos_agent_framework.core.services.executions import ExecutionService
from aumos_agent_framework.core.services.hitl import HitlService
from aumos_agent_framework.core.services.runs import RunService
from aumos_agent_framework.core.services.tools import ToolService
from aumos_agent_framework.core.services.workflows import WorkflowService
from aumos_agent_framework.core.types import ExecutionId, JsonObject, PrivilegeLevel
from tests.factories import OTHER_TENANT, TENANT, make_open_gate_command, make_run_end
from tests.fakes.clock import FakeClock
from tests.fakes.durable_executor import RecordingExecutor
from tests.fakes.ids import SequentialIds
from tests.fakes.run_signals import InMemoryRunSignals
from tests.fakes.token_verifier import FakeTokenVerifier
from tests.fakes.tool_runner import FakeToolRunner
from tests.fakes.unit_of_work import InMemoryUnitOfWorkFactory

PEOPLE = {
    "vera": Caller(TENANT, "vera", PrivilegeLevel.READ_ONLY, frozenset({"viewer"})),
    "dana": Caller(TENANT, "dana", PrivilegeLevel.EXECUTE_SAFE, frozenset({"developer"})),
    "ari": Caller(TENANT, "ari", PrivilegeLevel.EXECUTE_RISKY, frozenset({"approver"})),
    "adam": Caller(TENANT, "adam", PrivilegeLevel.ADMIN, frozenset({"admin"})),
    "pat": Caller(TENANT, "pat", PrivilegeLevel.SUPER_ADMIN, frozenset({"platform_admin"})),
    "olga": Caller(OTHER_TENANT, "olga", PrivilegeLevel.SUPER_ADMIN, frozenset({"platform_admin"})),
}
"""A token is its owner's name. Olga belongs to another tenant."""


async def _up() -> None:
    """Answer as a dependency that is there."""


@dataclass
class FakeServices:
    """See ``ApiServices``."""

    workflows: WorkflowService
    agents: AgentService
    tools: ToolService
    executions: ExecutionService
    hitl: HitlService
    verifier: TokenVerifier
    health: Mapping[str, Probe]


_SERVED: list[FakeServices] = []


@asynccontextmanager
async def _open_newest() -> AsyncIterator[FakeServices]:
    yield _SERVED.pop()


APP = create_app(_open_newest)
"""One for all tests: the framework takes its time to prepare the routes, at their first request."""


class World:
    """Everything a test can look at or disturb."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.uow = InMemoryUnitOfWorkFactory()
        self.executor = RecordingExecutor()
        self.runner = FakeToolRunner()
        self.signals = InMemoryRunSignals(self.clock)
        ids = SequentialIds()
        self.runs = RunService(uow=self.uow, clock=self.clock, signals=self.signals)
        self.services = FakeServices(
            workflows=WorkflowService(uow=self.uow, clock=self.clock, ids=ids),
            agents=AgentService(uow=self.uow, clock=self.clock, ids=ids),
            tools=ToolService(uow=self.uow, clock=self.clock, runner=self.runner),
            executions=ExecutionService(
                uow=self.uow,
                clock=self.clock,
                ids=ids,
                executor=self.executor,
                runner=self.runner,
                signals=self.signals,
            ),
            hitl=HitlService(uow=self.uow, clock=self.clock, ids=ids, executor=self.executor, signals=self.signals),
            verifier=FakeTokenVerifier(PEOPLE),
            health={"database": _up, "redis": _up, "temporal": _up},
        )
        self.app = APP
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        _SERVED.append(self.services)
        await self._stack.enter_async_context(self.app.router.lifespan_context(self.app))
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    async def client(self, subject: str | None = None) -> httpx2.AsyncClient:
        """Return a client that speaks for a person, or for nobody."""
        headers = {} if subject is None else {"Authorization": f"Bearer {subject}"}
        transport = httpx2.ASGITransport(app=self.app)
        client = httpx2.AsyncClient(transport=transport, base_url="http://agf.test", headers=headers)
        return await self._stack.enter_async_context(client)

    async def begin(self, execution: JsonObject) -> None:
        """Do what a worker does when it takes up a run."""
        await self.runs.begin(TENANT, _id(execution))

    async def open_gate(self, execution: JsonObject, **overrides: Any) -> str:
        """Do what a run does when it reaches a gate; returns the request's id."""
        command = replace(make_open_gate_command(execution_id=_id(execution)), **overrides)
        return str((await self.services.hitl.open_gate(command)).request_id)

    async def finish(self, execution: JsonObject, steps: tuple[StepRecord, ...] = (), **overrides: Any) -> None:
        """Do what a run does at its end."""
        await self.runs.finish(TENANT, _id(execution), make_run_end(**overrides), steps)


class FailingTools(ToolService):
    """A service with a fault."""

    def __init__(self, error: Exception) -> None:
        self._error = error

    async def get(self, caller: Caller, name: str) -> Tool:
        raise self._error


def _id(execution: JsonObject) -> ExecutionId:
    return ExecutionId(UUID(execution["id"]))
