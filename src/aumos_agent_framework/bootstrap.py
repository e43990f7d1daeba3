"""The composition root: the only place where adapters meet settings."""

from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial

import httpx2
from redis.asyncio import Redis
from temporalio.client import Client

from aumos_agent_framework.adapters.auth.verifier import JwksVerifier
from aumos_agent_framework.adapters.clock import SystemClock, UuidV7
from aumos_agent_framework.adapters.durable_execution import client as temporal
from aumos_agent_framework.adapters.durable_execution.activities.run_activities import RunActivities
from aumos_agent_framework.adapters.durable_execution.temporal_executor import TemporalExecutor
from aumos_agent_framework.adapters.llm.openai_gateway import OpenAiGateway
from aumos_agent_framework.adapters.postgres import (
    Engine,
    PostgresOutboxQueue,
    PostgresUnitOfWorkFactory,
    create_engine,
    ping as ping_postgres,
)
from aumos_agent_framework.adapters.redis.client import create_client, ping as ping_redis
from aumos_agent_framework.adapters.redis.rate_limiter import RedisRateLimiter
from aumos_agent_framework.adapters.redis.run_signals import RedisRunSignals
from aumos_agent_framework.adapters.tool_registry import ToolRegistry
from aumos_agent_framework.adapters.tools.address_guard import AddressGuard
from aumos_agent_framework.adapters.tools.http import HttpTools
from aumos_agent_framework.adapters.tools.python import PythonTools, installed_functions
from aumos_agent_framework.api.services import Probe
from aumos_agent_framework.core.interfaces.token_verifier import TokenVerifier
from aumos_agent_framework.core.interfaces.unit_of_work import UnitOfWorkFactory
from aumos_agent_framework.core.services.agents import AgentService
from aumos_agent_framework.core.services.effects import EffectService
from aumos_agent_framework.core.services.executions import ExecutionService
from aumos_agent_framework.core.services.hitl import HitlService
from aumos_agent_framework.core.services.reconciler import Reconciler
from aumos_agent_framework.core.services.relay import Relay
from aumos_agent_framework.core.services.runs import RunService
from aumos_agent_framework.core.services.tools import ToolService
from aumos_agent_framework.core.services.workflows import WorkflowService
from aumos_agent_framework.settings import Settings, SettingsError, require_issuer

_RELAY_CONNECTIONS = 2


@dataclass(frozen=True, slots=True)
class ApiContainer:
    """What the API serves."""

    workflows: WorkflowService
    agents: AgentService
    tools: ToolService
    executions: ExecutionService
    hitl: HitlService
    verifier: TokenVerifier
    health: Mapping[str, Probe]


@dataclass(frozen=True, slots=True)
class WorkerContainer:
    """What a worker runs."""

    temporal: Client
    task_queue: str
    activities: RunActivities
    relay: Relay
    reconciler: Reconciler


@dataclass(frozen=True, slots=True)
class _Foundation:
    """The connections that both processes have, and the ports on them."""

    engine: Engine
    redis: Redis
    temporal: Client
    uow: UnitOfWorkFactory
    clock: SystemClock
    ids: UuidV7
    executor: TemporalExecutor
    signals: RedisRunSignals
    registry: ToolRegistry


@asynccontextmanager
async def open_api(settings: Settings) -> AsyncIterator[ApiContainer]:
    """Open the API's services; connections are made at their first use, so the API starts while others are away.

    Raises:
        SettingsError: a setting is missing.
    """
    require_issuer(settings)
    async with AsyncExitStack() as stack:
        base = await _foundation(settings, stack, lazy=True)
        verifier = await stack.enter_async_context(
            JwksVerifier(
                issuer=_required(settings.auth.issuer, "AUMOS_AUTH__ISSUER"),
                audience=settings.auth.audience,
                jwks_url=_required(settings.auth.jwks_url, "AUMOS_AUTH__JWKS_URL"),
                role_levels=settings.auth.role_levels,
                clock=base.clock,
            )
        )
        yield ApiContainer(
            workflows=WorkflowService(uow=base.uow, clock=base.clock, ids=base.ids),
            agents=AgentService(uow=base.uow, clock=base.clock, ids=base.ids),
            tools=ToolService(uow=base.uow, clock=base.clock, runner=base.registry),
            executions=ExecutionService(
                uow=base.uow,
                clock=base.clock,
                ids=base.ids,
                executor=base.executor,
                runner=base.registry,
                signals=base.signals,
            ),
            hitl=_hitl(base),
            verifier=verifier,
            health={
                "database": partial(ping_postgres, base.engine),
                "redis": partial(ping_redis, base.redis),
                "temporal": partial(temporal.ping, base.temporal),
            },
        )


@asynccontextmanager
async def open_worker(settings: Settings) -> AsyncIterator[WorkerContainer]:
    """Open what a worker runs.

    Raises:
        SettingsError: a setting is missing.
        UnavailableError: Temporal does not answer.
    """
    async with AsyncExitStack() as stack:
        base = await _foundation(settings, stack, lazy=False)
        relay_url = _required(settings.agf.database.relay_url, "AUMOS_AGF_DATABASE__RELAY_URL")
        relay_engine = create_engine(relay_url, _RELAY_CONNECTIONS)
        stack.push_async_callback(relay_engine.dispose)
        http = await stack.enter_async_context(httpx2.AsyncClient(trust_env=False))
        models = OpenAiGateway(
            base_url=_required(settings.llm.url, "LLM_SERVING_URL"), token=settings.llm.token, client=http
        )
        effects = EffectService(
            uow=base.uow,
            clock=base.clock,
            runner=base.registry,
            limiter=RedisRateLimiter(base.redis),
            signals=base.signals,
        )
        runs = RunService(uow=base.uow, clock=base.clock, signals=base.signals)
        yield WorkerContainer(
            temporal=base.temporal,
            task_queue=settings.temporal.task_queue,
            activities=RunActivities(effects=effects, runs=runs, hitl=_hitl(base), models=models),
            relay=Relay(queue=PostgresOutboxQueue(relay_engine), executor=base.executor, clock=base.clock),
            reconciler=Reconciler(executor=base.executor, runs=runs, clock=base.clock),
        )


async def _foundation(settings: Settings, stack: AsyncExitStack, *, lazy: bool) -> _Foundation:
    engine = create_engine(_required(settings.database.url, "AUMOS_DATABASE__URL"), settings.database.pool_size)
    stack.push_async_callback(engine.dispose)
    redis = create_client(_required(settings.redis.url, "AUMOS_REDIS__URL"))
    stack.push_async_callback(redis.aclose)
    signals = RedisRunSignals(redis)
    stack.push_async_callback(signals.aclose)
    address = _required(settings.temporal.server_url, "TEMPORAL_SERVER_URL")
    client = await temporal.connect(address, settings.temporal.namespace, lazy=lazy)
    allowed = settings.agf.http_tools
    registry = ToolRegistry(
        http=HttpTools(AddressGuard(allowed.allow, refuse=allowed.refuse)),
        python=PythonTools(installed_functions(demo=settings.agf.demo_tools)),
    )
    return _Foundation(
        engine=engine,
        redis=redis,
        temporal=client,
        uow=PostgresUnitOfWorkFactory(engine),
        clock=SystemClock(),
        ids=UuidV7(),
        executor=TemporalExecutor(client, settings.temporal.task_queue),
        signals=signals,
        registry=registry,
    )


def _hitl(base: _Foundation) -> HitlService:
    return HitlService(uow=base.uow, clock=base.clock, ids=base.ids, executor=base.executor, signals=base.signals)


def _required(value: str | None, variable: str) -> str:
    if value is None:
        raise SettingsError(f"{variable} is not set; `agf up` starts a local one.")
    return value
