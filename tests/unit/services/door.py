"""The door and the people around it, over fakes: one run of one agent that may call one tool."""

from dataclasses import replace
from typing import Any

from aumos_agent_framework.core.domain.agents import Agent, ToolGrant
from aumos_agent_framework.core.domain.effects import ActCommand, ActResult, ActStatus, Effect
from aumos_agent_framework.core.domain.executions import Execution, ExecutionStatus
from aumos_agent_framework.core.domain.hitl import HitlRequest
from aumos_agent_framework.core.domain.identity import Caller
from aumos_agent_framework.core.domain.tools import Tool, ToolIdempotency
from aumos_agent_framework.core.services.agents import AgentService
from aumos_agent_framework.core.services.effects import EffectService
from aumos_agent_framework.core.services.hitl import HitlService
from aumos_agent_framework.core.services.runs import RunService
from aumos_agent_framework.core.services.tools import ToolService
from aumos_agent_framework.core.types import HitlRequestId, JsonObject, PrivilegeLevel
from tests.factories import TENANT, make_act_command, make_agent, make_execution, make_governance, make_plan, make_tool
from tests.fakes.clock import FakeClock
from tests.fakes.durable_executor import RecordingExecutor
from tests.fakes.ids import SequentialIds
from tests.fakes.rate_limiter import FakeRateLimiter
from tests.fakes.run_signals import InMemoryRunSignals
from tests.fakes.tool_runner import FakeToolRunner
from tests.fakes.unit_of_work import InMemoryUnitOfWorkFactory

SAFE, RISKY, ADMIN, SUPER = (
    PrivilegeLevel.EXECUTE_SAFE,
    PrivilegeLevel.EXECUTE_RISKY,
    PrivilegeLevel.ADMIN,
    PrivilegeLevel.SUPER_ADMIN,
)
ARI = Caller(TENANT, "ari", RISKY, frozenset({"approver"}))
ADA = Caller(TENANT, "ada", ADMIN, frozenset({"admin"}))
PAT = Caller(TENANT, "pat", SUPER, frozenset({"platform_admin"}))
PIA = Caller(TENANT, "pia", SUPER, frozenset({"platform_admin"}))
OWEN = Caller(TENANT, "owen", SUPER, frozenset({"platform_admin"}))
DANA = Caller(TENANT, "dana", SUPER, frozenset({"platform_admin"}))
"""Dana starts the run, Owen owns the agent; both would be high enough to approve."""

ARGUMENTS: JsonObject = {"path": "report.md", "copies": 1}


class Door:
    """A tenant with the agent ``writer``, the tool ``publish`` (level 3 unless said) and a run in progress."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.uow = InMemoryUnitOfWorkFactory()
        self.runner = FakeToolRunner()
        self.limiter = FakeRateLimiter(self.clock)
        self.executor = RecordingExecutor()
        self.signals = InMemoryRunSignals(self.clock)
        ids = SequentialIds()
        self.effects = self.effect_service()
        self.hitl = HitlService(uow=self.uow, clock=self.clock, ids=ids, executor=self.executor, signals=self.signals)
        self.runs = RunService(uow=self.uow, clock=self.clock, signals=self.signals)
        self.agents = AgentService(uow=self.uow, clock=self.clock, ids=ids)
        self.tools = ToolService(uow=self.uow, clock=self.clock, runner=self.runner)
        self.agent: Agent
        self.tool: Tool
        self.execution: Execution

    def effect_service(self, settle_delays: tuple[float, ...] = ()) -> EffectService:
        """The door of another process on the same database."""
        return EffectService(
            uow=self.uow,
            clock=self.clock,
            runner=self.runner,
            limiter=self.limiter,
            signals=self.signals,
            settle_delays=settle_delays,
        )

    async def set_up(self, **of_tool: Any) -> "Door":
        """Put agent, tool and run into the database."""
        self.tool = make_tool(
            name="publish",
            min_privilege_level=RISKY,
            idempotency=ToolIdempotency.NONE,
            input_schema={
                "type": "object",
                "properties": {"path": {"type": "string"}, "copies": {"type": "number"}},
                "required": ["path"],
            },
        )
        self.tool = replace(self.tool, **of_tool)
        self.agent = make_agent(
            name="writer", owner="owen", privilege_level=SUPER, tool_access={"publish": ToolGrant()}
        )
        self.execution = make_execution(initiated_by="dana", status=ExecutionStatus.RUNNING, agent_id=self.agent.id)
        async with self.uow(TENANT) as work:
            await work.tools.add(self.tool)
            await work.agents.add(self.agent)
            await work.executions.add(self.execution, make_plan(self.execution))
            await work.commit()
        return self

    def command(self, **overrides: Any) -> ActCommand:
        """The agent's call of the tool; the caller's level is no bound."""
        command = make_act_command(
            execution_id=self.execution.id,
            node="write",
            call_id="write:1:call-1",
            tool="publish",
            arguments=ARGUMENTS,
            agent_id=self.agent.id,
            governance=make_governance(initiated_by="dana", caller_level=SUPER),
            current_nodes=("write",),
        )
        return replace(command, **overrides)

    async def act(self, **overrides: Any) -> ActResult:
        return await self.effects.act(self.command(**overrides))

    async def ask(self, **overrides: Any) -> HitlRequest:
        """Act for the first time, which opens a request."""
        result = await self.act(**overrides)
        assert result.status is ActStatus.APPROVAL_REQUIRED, result
        assert result.hitl_request_id is not None
        return await self.request(result.hitl_request_id)

    async def approve(self, request: HitlRequest, *people: Caller, arguments: JsonObject | None = None) -> HitlRequest:
        for person in people or (ARI,):
            request = await self.hitl.approve(person, request.id, notes=None, arguments=arguments, digest=None)
        return request

    async def approved(self, *people: Caller, **overrides: Any) -> HitlRequest:
        """Ask and approve."""
        return await self.approve(await self.ask(**overrides), *people)

    async def request(self, request_id: HitlRequestId) -> HitlRequest:
        return await self.hitl.get(ARI, request_id)

    def effect(self) -> Effect:
        """The only effect of the ledger."""
        (effect,) = self.ledger()
        return effect

    def ledger(self) -> list[Effect]:
        return self.uow.database.rows(TENANT, "effects")

    def requests(self) -> list[HitlRequest]:
        return self.uow.database.rows(TENANT, "hitl")

    def run(self) -> Execution:
        (run,) = self.uow.database.rows(TENANT, "executions")
        execution: Execution = run
        return execution

    def overwrite(self, table: str, value: Any) -> None:
        """Change a row with a database console."""
        key = value.name if table == "tools" else value.id
        self.uow.database.overwrite(TENANT, table, key, value)
