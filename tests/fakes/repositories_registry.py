"""Repositories in memory of what people register: tenants, agents, tools, workflows."""

from collections.abc import Hashable, Iterable, Sequence
from typing import Any, TypeVar

from aumos_agent_framework.core.domain.agents import Agent, AgentStatus
from aumos_agent_framework.core.domain.identity import Tenant
from aumos_agent_framework.core.domain.paging import Page, PageRequest
from aumos_agent_framework.core.domain.tools import Tool, ToolStatus
from aumos_agent_framework.core.domain.workflows import Workflow
from aumos_agent_framework.core.errors import ConflictError
from aumos_agent_framework.core.types import AgentId, TenantId, WorkflowId
from tests.fakes.database import Transaction

T = TypeVar("T")


def cut(items: Iterable[T], page: PageRequest) -> Page[T]:
    """Return one page of the items, which are in order."""
    everything = tuple(items)
    return Page(everything[page.offset : page.offset + page.size], len(everything), page)


def check_tenant(transaction: Transaction, tenant_id: TenantId) -> None:
    """Refuse another tenant's value, as row level security's WITH CHECK does."""
    if tenant_id != transaction.tenant_id:
        raise PermissionError(f"A row of tenant {tenant_id} in a transaction of {transaction.tenant_id}.")


async def claim_name(transaction: Transaction, table: str, name: str, owner: Hashable, taken: str) -> None:
    """Hold a unique name until the transaction ends, and keep it if it commits."""
    index = f"{table}.name"
    await transaction.lock(index, name)
    holder = await transaction.get(index, name)
    if holder is not None and holder != owner:
        raise ConflictError(taken, f"The name {name} is taken.")
    await transaction.put(index, name, owner)


class InMemoryTenants:
    """See ``TenantRepository``."""

    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction

    async def current(self) -> Tenant:
        tenant_id = self._transaction.tenant_id
        stored: Tenant | None = await self._transaction.get("tenants", tenant_id)
        return stored or Tenant(tenant_id, None)

    async def ensure(self, name: str) -> None:
        tenant_id = self._transaction.tenant_id
        await self._transaction.lock("tenants", tenant_id)
        if await self._transaction.get("tenants", tenant_id) is None:
            await self._transaction.put("tenants", tenant_id, Tenant(tenant_id, name))


class InMemoryAgents:
    """See ``AgentRepository``."""

    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction

    async def add(self, agent: Agent) -> None:
        check_tenant(self._transaction, agent.tenant_id)
        await claim_name(self._transaction, "agents", agent.name, agent.id, "agent_name_taken")
        await self._transaction.put("agents", agent.id, agent)

    async def get(self, agent_id: AgentId) -> Agent | None:
        found: Agent | None = await self._transaction.get("agents", agent_id)
        return found

    async def resolve(self, references: Sequence[str]) -> dict[str, Agent]:
        agents: list[Agent] = await self._transaction.all("agents")
        by_reference = {agent.name: agent for agent in agents} | {str(agent.id): agent for agent in agents}
        return {reference: by_reference[reference] for reference in references if reference in by_reference}

    async def update(self, agent: Agent) -> None:
        check_tenant(self._transaction, agent.tenant_id)
        stored = await _expect_version(self._transaction, "agents", agent.id, agent.version - 1)
        if stored.name != agent.name:
            await claim_name(self._transaction, "agents", agent.name, agent.id, "agent_name_taken")
            await self._transaction.delete("agents.name", stored.name)
        await self._transaction.put("agents", agent.id, agent)

    async def list(
        self, page: PageRequest, *, status: AgentStatus | None = None, capability: str | None = None
    ) -> Page[Agent]:
        found = [
            agent
            for agent in await self._transaction.all("agents")
            if status in (None, agent.status) and (capability is None or capability in agent.capabilities)
        ]
        return cut(newest_first(found), page)


class InMemoryTools:
    """See ``ToolRepository``."""

    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction

    async def add(self, tool: Tool) -> None:
        check_tenant(self._transaction, tool.tenant_id)
        await self._transaction.lock("tools", tool.name)
        if await self._transaction.get("tools", tool.name) is not None:
            raise ConflictError("tool_name_taken", f"The name {tool.name} is taken.")
        await self._transaction.put("tools", tool.name, tool)

    async def get(self, name: str) -> Tool | None:
        found: Tool | None = await self._transaction.get("tools", name)
        return found

    async def get_many(self, names: Sequence[str]) -> dict[str, Tool]:
        return {tool.name: tool for tool in await self._transaction.all("tools") if tool.name in names}

    async def update(self, tool: Tool) -> None:
        check_tenant(self._transaction, tool.tenant_id)
        await _expect_version(self._transaction, "tools", tool.name, tool.version - 1)
        await self._transaction.put("tools", tool.name, tool)

    async def list(self, page: PageRequest, *, status: ToolStatus | None = None) -> Page[Tool]:
        found = [tool for tool in await self._transaction.all("tools") if status in (None, tool.status)]
        return cut(sorted(found, key=lambda tool: tool.name), page)


class InMemoryWorkflows:
    """See ``WorkflowRepository``."""

    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction

    async def add(self, workflow: Workflow) -> None:
        check_tenant(self._transaction, workflow.tenant_id)
        await claim_name(self._transaction, "workflows", workflow.name, workflow.id, "workflow_name_taken")
        await self._transaction.put("workflows", (workflow.id, workflow.version), workflow)

    async def add_version(self, workflow: Workflow) -> None:
        check_tenant(self._transaction, workflow.tenant_id)
        await self._transaction.lock("workflows.current", workflow.id)
        current = await self.get(workflow.id)
        if current is None or current.version != workflow.version - 1:
            raise ConflictError("stale", "The workflow was changed meanwhile.")
        if current.name != workflow.name:
            await claim_name(self._transaction, "workflows", workflow.name, workflow.id, "workflow_name_taken")
            await self._transaction.delete("workflows.name", current.name)
        await self._transaction.put("workflows", (workflow.id, workflow.version), workflow)

    async def get(self, workflow_id: WorkflowId, version: int | None = None) -> Workflow | None:
        if version is not None:
            named: Workflow | None = await self._transaction.get("workflows", (workflow_id, version))
            return named
        return max(await self._versions(workflow_id), key=lambda workflow: workflow.version, default=None)

    async def list(self, page: PageRequest, *, name: str | None = None) -> Page[Workflow]:
        current: dict[WorkflowId, Workflow] = {}
        for workflow in sorted(await self._transaction.all("workflows"), key=lambda one: one.version):
            current[workflow.id] = workflow
        return cut(newest_first(one for one in current.values() if name in (None, one.name)), page)

    async def versions(self, workflow_id: WorkflowId, page: PageRequest) -> Page[Workflow]:
        found = await self._versions(workflow_id)
        return cut(sorted(found, key=lambda workflow: workflow.version, reverse=True), page)

    async def _versions(self, workflow_id: WorkflowId) -> Sequence[Workflow]:
        return [one for one in await self._transaction.all("workflows") if one.id == workflow_id]


def newest_first(items: Iterable[T]) -> list[T]:
    """Sort by time of creation and then by id, both falling."""

    def age(item: Any) -> tuple[Any, Any]:
        return (item.created_at, item.id)

    return sorted(items, key=age, reverse=True)


async def _expect_version(transaction: Transaction, table: str, key: Hashable, version: int) -> Any:
    await transaction.lock(table, key)
    stored = await transaction.get(table, key)
    if stored is None or stored.version != version:
        raise ConflictError("stale", "It was changed meanwhile; read it again.")
    return stored
