"""Workflows: validated at the door, stored as immutable versions."""

from dataclasses import replace

from aumos_agent_framework.core.domain.idempotency import IdempotencyKey, Outcome
from aumos_agent_framework.core.domain.identity import Caller
from aumos_agent_framework.core.domain.paging import Page, PageRequest
from aumos_agent_framework.core.domain.workflows import ValidationReport, Workflow, WorkflowDraft
from aumos_agent_framework.core.errors import InvalidInputError, NotFoundError
from aumos_agent_framework.core.graph.validation import Catalog, references, validate
from aumos_agent_framework.core.interfaces.clock import Clock, IdGenerator
from aumos_agent_framework.core.interfaces.unit_of_work import UnitOfWork, UnitOfWorkFactory
from aumos_agent_framework.core.services.caller_rights import check_may_author
from aumos_agent_framework.core.services.workflow_drafts import (
    check_may_publish,
    joined,
    storage_problems,
    version_of,
)
from aumos_agent_framework.core.types import WorkflowId


class WorkflowService:
    """Publishes and reads workflows."""

    def __init__(self, *, uow: UnitOfWorkFactory, clock: Clock, ids: IdGenerator) -> None:
        self._uow = uow
        self._clock = clock
        self._ids = ids

    async def create(self, caller: Caller, draft: WorkflowDraft, key: IdempotencyKey | None) -> Outcome[Workflow]:
        """Publish version 1.

        Raises:
            ForbiddenError: the caller may not author, or not lend the draft's ``privilege_cap``.
            InvalidInputError: ``invalid_workflow`` with everything that is wrong with the draft.
            ConflictError: ``workflow_name_taken``, or as the idempotency key says.
        """
        check_may_author(caller, "workflows")
        check_may_publish(caller, draft)
        async with self._uow(caller.tenant_id) as work:
            if key is not None:
                stored = await work.idempotency.claim(key, Workflow)
                if stored is not None:
                    return Outcome(stored, replayed=True)
            await self._check(work, draft)
            now = self._clock.now()
            workflow_id = WorkflowId(self._ids.new())
            workflow = version_of(draft, workflow_id=workflow_id, version=1, publisher=caller, created_at=now, now=now)
            await work.workflows.add(workflow)
            if key is not None:
                await work.idempotency.answer(key, workflow)
            await work.commit()
        return Outcome(workflow)

    async def update(self, caller: Caller, workflow_id: WorkflowId, draft: WorkflowDraft) -> Workflow:
        """Publish the next version; runs of earlier ones go on as they began.

        Raises:
            NotFoundError: the tenant has no such workflow.
            ForbiddenError, InvalidInputError: as for ``create``.
            ConflictError: ``stale`` when another version was published at the same time.
        """
        check_may_author(caller, "workflows")
        check_may_publish(caller, draft)
        async with self._uow(caller.tenant_id) as work:
            current = _found(await work.workflows.get(workflow_id), workflow_id)
            await self._check(work, draft)
            workflow = version_of(
                draft,
                workflow_id=workflow_id,
                version=current.version + 1,
                publisher=caller,
                created_at=current.created_at,
                now=self._clock.now(),
            )
            await work.workflows.add_version(workflow)
            await work.commit()
        return workflow

    async def get(self, caller: Caller, workflow_id: WorkflowId, version: int | None = None) -> Workflow:
        """Return the current version, or the one named.

        Raises:
            NotFoundError: the tenant has no such workflow or version.
        """
        async with self._uow(caller.tenant_id) as work:
            return _found(await work.workflows.get(workflow_id, version), workflow_id)

    async def list(self, caller: Caller, page: PageRequest, *, name: str | None = None) -> Page[Workflow]:
        """List current versions, newest workflow first."""
        async with self._uow(caller.tenant_id) as work:
            return await work.workflows.list(page, name=name)

    async def versions(self, caller: Caller, workflow_id: WorkflowId, page: PageRequest) -> Page[Workflow]:
        """List a workflow's versions, newest first.

        Raises:
            NotFoundError: the tenant has no such workflow.
        """
        async with self._uow(caller.tenant_id) as work:
            _found(await work.workflows.get(workflow_id), workflow_id)
            return await work.workflows.versions(workflow_id, page)

    async def validate(self, caller: Caller, draft: WorkflowDraft) -> ValidationReport:
        """Say everything that is wrong and doubtful about a draft, without storing it."""
        async with self._uow(caller.tenant_id) as work:
            return await self._report(work, draft)

    async def _check(self, work: UnitOfWork, draft: WorkflowDraft) -> None:
        report = await self._report(work, draft)
        if not report.valid:
            raise InvalidInputError("The workflow is not valid.", report.errors, code="invalid_workflow")

    async def _report(self, work: UnitOfWork, draft: WorkflowDraft) -> ValidationReport:
        """Validate against what the tenant has; what cannot be stored is not looked at further."""
        unstorable = tuple(storage_problems(draft))
        if any(problem.code == "unstorable" for problem in unstorable):
            return ValidationReport(unstorable, (), None)
        named = references(draft)
        catalog = Catalog(
            agents=await work.agents.resolve(sorted(named.agents)),
            tools=await work.tools.get_many(sorted(named.tools)),
        )
        report = validate(draft, catalog)
        return replace(report, errors=joined(unstorable, report.errors))


def _found(workflow: Workflow | None, workflow_id: WorkflowId) -> Workflow:
    if workflow is None:
        raise NotFoundError("workflow", workflow_id)
    return workflow
