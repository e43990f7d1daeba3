"""Tools: registering, changing and disabling them."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from aumos_agent_framework.core.domain.idempotency import IdempotencyKey, Outcome
from aumos_agent_framework.core.domain.identity import Caller
from aumos_agent_framework.core.domain.paging import MAX_PAGE_SIZE, Page, PageRequest
from aumos_agent_framework.core.domain.tools import Tool, ToolDraft, ToolStatus
from aumos_agent_framework.core.errors import NotFoundError, Problem
from aumos_agent_framework.core.graph.expressions import escape_pointer
from aumos_agent_framework.core.interfaces.clock import Clock
from aumos_agent_framework.core.interfaces.tool_runner import ToolRunner
from aumos_agent_framework.core.interfaces.unit_of_work import UnitOfWork, UnitOfWorkFactory
from aumos_agent_framework.core.services.caller_rights import check_level, check_may_author, check_may_undercut
from aumos_agent_framework.core.services.optimistic import repeat_stale
from aumos_agent_framework.core.services.payloads import check
from aumos_agent_framework.core.services.tool_drafts import EDITABLE, draft_of, draft_problems, opens
from aumos_agent_framework.core.types import PrivilegeLevel

_RUNNERS_BUSINESS = frozenset({"config", "min_privilege_level", "input_schema", "output_schema", "idempotency"})


class ToolService:
    """Keeps the tenant's tools. Whoever touches a tool of level L, before or after the change, has level L.

    So has whoever lets another tool, at a lower level, do what the tool of level L does.
    """

    def __init__(self, *, uow: UnitOfWorkFactory, clock: Clock, runner: ToolRunner) -> None:
        self._uow = uow
        self._clock = clock
        self._runner = runner

    async def register(self, caller: Caller, draft: ToolDraft, key: IdempotencyKey | None) -> Outcome[Tool]:
        """Register a tool.

        Raises:
            ForbiddenError: ``level_too_low``: below level 2, below the tool's level, or below that of another tool with
                the same target, where that is higher.
            InvalidInputError: with everything that is wrong with the draft.
            ConflictError: ``tool_name_taken``, or as the idempotency key says.
        """
        check_may_author(caller, "tools")
        _check_reaches(caller, draft.min_privilege_level)
        draft = self._completed(draft)
        async with self._uow(caller.tenant_id) as work:
            stored = None if key is None else await work.idempotency.claim(key, Tool)
            if stored is not None:
                return Outcome(stored, replayed=True)
            tool = self._new(caller, draft)
            await self._check_fence(work, caller, tool)
            await work.tools.add(tool)
            if key is not None:
                await work.idempotency.answer(key, tool)
            await work.commit()
        return Outcome(tool)

    async def get(self, caller: Caller, name: str) -> Tool:
        """Return one tool.

        Raises:
            NotFoundError: the tenant has none of this name.
        """
        async with self._uow(caller.tenant_id) as work:
            return await _found(work, name)

    async def list(self, caller: Caller, page: PageRequest, *, status: ToolStatus | None = None) -> Page[Tool]:
        """List tools by name."""
        async with self._uow(caller.tenant_id) as work:
            return await work.tools.list(page, status=status)

    async def update(self, caller: Caller, name: str, changes: Mapping[str, object]) -> Tool:
        """Change some fields of ``ToolDraft`` (not the name) or ``status``, already typed.

        Approvals given for the tool as it was end with the change. The configuration is judged anew only where the
        change concerns it, so that a tool can be disabled wherever its code is installed.

        Raises:
            NotFoundError: the tenant has no such tool.
            ForbiddenError: ``level_too_low``: below level 2, below the tool's old or new level, or, if the change may
                let more calls through, below the higher level of another tool with the same target.
            InvalidInputError: with everything that is wrong with the changes.
        """
        check_may_author(caller, "tools")
        check(_unknown_fields(changes), "Not every field can be changed.")
        return await repeat_stale(lambda: self._update_once(caller, name, dict(changes)))

    async def _update_once(self, caller: Caller, name: str, changes: dict[str, Any]) -> Tool:
        async with self._uow(caller.tenant_id) as work:
            tool = await _found(work, name)
            changed = self._changed(tool, changes)
            _check_reaches(caller, max(tool.min_privilege_level, changed.min_privilege_level))
            if changed == tool:
                return tool
            if opens(tool, changed):
                await self._check_fence(work, caller, changed)
            changed = replace(changed, version=tool.version + 1, updated_at=self._clock.now())
            await work.tools.update(changed)
            await work.commit()
        return changed

    async def _check_fence(self, work: UnitOfWork, caller: Caller, tool: Tool) -> None:
        """Refuse a caller who may not open the tool's target at its level; disabled tools guard theirs too."""
        page, more = 1, True
        while more:
            found = await work.tools.list(PageRequest(page, MAX_PAGE_SIZE))
            for other in found.items:
                if other.name != tool.name and self._runner.same_target(tool.config, other.config):
                    check_may_undercut(caller, tool.min_privilege_level, other)
            more = found.request.offset + len(found.items) < found.total and bool(found.items)
            page += 1

    def _changed(self, tool: Tool, changes: dict[str, Any]) -> Tool:
        of_draft = {field: value for field, value in changes.items() if field != "status"}
        draft = replace(draft_of(tool), **of_draft)
        if _RUNNERS_BUSINESS.isdisjoint(changes):
            check(draft_problems(draft), "The tool is not valid.")
        else:
            draft = self._completed(draft)
        return replace(
            tool,
            description=draft.description,
            min_privilege_level=draft.min_privilege_level,
            input_schema=draft.input_schema,
            output_schema=draft.output_schema,
            config=draft.config,
            idempotency=draft.idempotency,
            status=changes.get("status", tool.status),
        )

    def _completed(self, draft: ToolDraft) -> ToolDraft:
        """Let the runner fill in what it knows better, before and after which the draft must be sound."""
        check(draft_problems(draft), "The tool is not valid.")
        completed = self._runner.check(draft)
        check(draft_problems(completed), "The tool is not valid.")
        return completed

    def _new(self, caller: Caller, draft: ToolDraft) -> Tool:
        now = self._clock.now()
        return Tool(
            tenant_id=caller.tenant_id,
            name=draft.name,
            description=draft.description,
            min_privilege_level=draft.min_privilege_level,
            input_schema=draft.input_schema,
            output_schema=draft.output_schema,
            config=draft.config,
            idempotency=draft.idempotency,
            status=ToolStatus.ACTIVE,
            version=1,
            created_by=caller.subject,
            created_at=now,
            updated_at=now,
        )


def _check_reaches(caller: Caller, level: PrivilegeLevel) -> None:
    check_level(caller, level, f"register or change a tool of level {level}")


def _unknown_fields(changes: Mapping[str, object]) -> Iterable[Problem]:
    for name in changes:
        if name not in EDITABLE:
            message = "A tool's name stays." if name == "name" else "A tool has no such field."
            yield Problem(f"/{escape_pointer(name)}", message, "unknown_field")


async def _found(work: UnitOfWork, name: str) -> Tool:
    tool = await work.tools.get(name)
    if tool is None:
        raise NotFoundError("tool", name)
    return tool
