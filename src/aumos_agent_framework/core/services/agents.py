"""Agents: registering, changing, and stopping them."""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any

from aumos_agent_framework.core.domain.agents import Agent, AgentDraft, AgentStatus, ToolGrant
from aumos_agent_framework.core.domain.idempotency import IdempotencyKey, Outcome
from aumos_agent_framework.core.domain.identity import Caller
from aumos_agent_framework.core.domain.paging import Page, PageRequest
from aumos_agent_framework.core.errors import NotFoundError, Problem
from aumos_agent_framework.core.graph.expressions import escape_pointer
from aumos_agent_framework.core.interfaces.clock import Clock, IdGenerator
from aumos_agent_framework.core.interfaces.unit_of_work import UnitOfWork, UnitOfWorkFactory
from aumos_agent_framework.core.services.agent_drafts import (
    EDITABLE,
    access_problems,
    draft_of,
    draft_problems,
)
from aumos_agent_framework.core.services.caller_rights import (
    MANAGE_FROM,
    check_level,
    check_may_assign_owner,
    check_may_author,
    check_may_resume,
    check_may_suspend,
)
from aumos_agent_framework.core.services.optimistic import repeat_stale
from aumos_agent_framework.core.services.payloads import check
from aumos_agent_framework.core.types import AgentId

Change = Callable[[UnitOfWork, Agent], Awaitable[Agent]]


class AgentService:
    """Keeps the tenant's agents. Nobody makes or changes an agent above their own level."""

    def __init__(self, *, uow: UnitOfWorkFactory, clock: Clock, ids: IdGenerator) -> None:
        self._uow = uow
        self._clock = clock
        self._ids = ids

    async def register(self, caller: Caller, draft: AgentDraft, key: IdempotencyKey | None) -> Outcome[Agent]:
        """Register an agent; its owner is the caller unless an administrator names someone else.

        Raises:
            ForbiddenError: ``level_too_low``: below level 2, below the agent's level, or naming another owner.
            InvalidInputError: with everything that is wrong with the draft.
            ConflictError: ``agent_name_taken``, or as the idempotency key says.
        """
        check_may_author(caller, "agents")
        check_level(caller, draft.privilege_level, f"register an agent of level {draft.privilege_level}")
        owner = draft.owner or caller.subject
        check_may_assign_owner(caller, owner)
        async with self._uow(caller.tenant_id) as work:
            stored = None if key is None else await work.idempotency.claim(key, Agent)
            if stored is not None:
                return Outcome(stored, replayed=True)
            await _check_draft(work, draft)
            agent = self._new(caller, draft, owner)
            await work.agents.add(agent)
            if key is not None:
                await work.idempotency.answer(key, agent)
            await work.commit()
        return Outcome(agent)

    async def get(self, caller: Caller, agent_id: AgentId) -> Agent:
        """Return one agent.

        Raises:
            NotFoundError: the tenant has none with this id.
        """
        async with self._uow(caller.tenant_id) as work:
            return await _found(work, agent_id)

    async def list(
        self,
        caller: Caller,
        page: PageRequest,
        *,
        status: AgentStatus | None = None,
        capability: str | None = None,
    ) -> Page[Agent]:
        """List agents, newest first."""
        async with self._uow(caller.tenant_id) as work:
            return await work.agents.list(page, status=status, capability=capability)

    async def update(self, caller: Caller, agent_id: AgentId, changes: Mapping[str, object]) -> Agent:
        """Change some fields of ``AgentDraft``, already typed; the next call of every run sees them.

        Lowering the level below what granted tools need is allowed: it only takes those calls away.

        Raises:
            NotFoundError: the tenant has no such agent.
            ForbiddenError: ``level_too_low``: below level 2, below the agent's old or new level, or naming another
                owner.
            InvalidInputError: with everything that is wrong with the changes.
            ConflictError: ``agent_name_taken``.
        """
        check_may_author(caller, "agents")
        check(_unknown_fields(changes), "Not every field can be changed.")

        async def change(work: UnitOfWork, agent: Agent) -> Agent:
            values: dict[str, Any] = dict(changes)
            draft = replace(draft_of(agent), **values)
            owner = draft.owner or agent.owner
            _check_may_change(caller, agent, draft, owner)
            await _check_draft(work, draft, with_access="tool_access" in changes)
            return _with(agent, draft, owner)

        return await self._write(caller, agent_id, change)

    async def set_tools(self, caller: Caller, agent_id: AgentId, tool_access: Mapping[str, ToolGrant]) -> Agent:
        """Replace the agent's access to tools.

        Raises:
            NotFoundError, ForbiddenError, InvalidInputError: as for ``update``.
        """
        return await self.update(caller, agent_id, {"tool_access": tool_access})

    async def suspend(self, caller: Caller, agent_id: AgentId) -> Agent:
        """Stop an agent: it starts nothing and its next tool call is refused. Repeating does no harm.

        Raises:
            NotFoundError: the tenant has no such agent.
            ForbiddenError: ``level_too_low``: neither level 4 nor the owner.
        """

        async def change(_: UnitOfWork, agent: Agent) -> Agent:
            check_may_suspend(caller, agent)
            return replace(agent, status=AgentStatus.SUSPENDED)

        return await self._write(caller, agent_id, change)

    async def resume(self, caller: Caller, agent_id: AgentId) -> Agent:
        """Let an agent act again. Repeating does no harm.

        Raises:
            NotFoundError: the tenant has no such agent.
            ForbiddenError: ``level_too_low``: neither level 4 nor the owner, or below the agent's level.
        """

        async def change(_: UnitOfWork, agent: Agent) -> Agent:
            check_may_resume(caller, agent)
            return replace(agent, status=AgentStatus.ACTIVE)

        return await self._write(caller, agent_id, change)

    async def _write(self, caller: Caller, agent_id: AgentId, change: Change) -> Agent:
        """Apply a change to the newest version, whatever that has become meanwhile."""

        async def write() -> Agent:
            async with self._uow(caller.tenant_id) as work:
                agent = await _found(work, agent_id)
                changed = await change(work, agent)
                if changed == agent:
                    return agent
                changed = replace(changed, version=agent.version + 1, updated_at=self._clock.now())
                await work.agents.update(changed)
                await work.commit()
            return changed

        return await repeat_stale(write)

    def _new(self, caller: Caller, draft: AgentDraft, owner: str) -> Agent:
        now = self._clock.now()
        return Agent(
            id=AgentId(self._ids.new()),
            tenant_id=caller.tenant_id,
            name=draft.name,
            description=draft.description,
            capabilities=draft.capabilities,
            privilege_level=draft.privilege_level,
            tool_access=draft.tool_access,
            resource_limits=draft.resource_limits,
            model=draft.model,
            instructions=draft.instructions,
            owner=owner,
            status=AgentStatus.ACTIVE,
            version=1,
            created_by=caller.subject,
            created_at=now,
            updated_at=now,
        )


async def _check_draft(work: UnitOfWork, draft: AgentDraft, *, with_access: bool = True) -> None:
    problems = list(draft_problems(draft))
    if with_access:
        tools = await work.tools.get_many(sorted(draft.tool_access))
        problems.extend(access_problems(draft, tools))
    check(problems, "The agent is not valid.")


def _check_may_change(caller: Caller, agent: Agent, draft: AgentDraft, owner: str) -> None:
    highest = max(agent.privilege_level, draft.privilege_level)
    check_level(caller, highest, f"change an agent between the levels {agent.privilege_level} and {highest}")
    if owner != agent.owner:
        check_level(caller, MANAGE_FROM, f"change the owner of the agent {agent.name}")


def _with(agent: Agent, draft: AgentDraft, owner: str) -> Agent:
    return replace(
        agent,
        name=draft.name,
        description=draft.description,
        capabilities=draft.capabilities,
        privilege_level=draft.privilege_level,
        tool_access=draft.tool_access,
        resource_limits=draft.resource_limits,
        model=draft.model,
        instructions=draft.instructions,
        owner=owner,
    )


def _unknown_fields(changes: Mapping[str, object]) -> Iterable[Problem]:
    for name in changes:
        if name not in EDITABLE:
            yield Problem(f"/{escape_pointer(name)}", "An agent has no such field.", "unknown_field")


async def _found(work: UnitOfWork, agent_id: AgentId) -> Agent:
    agent = await work.agents.get(agent_id)
    if agent is None:
        raise NotFoundError("agent", agent_id)
    return agent
