"""Human decisions: reading requests, voting on them, settling them."""

from collections.abc import Sequence
from dataclasses import replace

from aumos_agent_framework.core.domain.hitl import (
    Decision,
    HitlFilter,
    HitlRequest,
    HitlStatus,
    OpenedRequest,
    OpenGateCommand,
    Settlement,
    Verdict,
)
from aumos_agent_framework.core.domain.identity import Caller
from aumos_agent_framework.core.domain.outbox import OutboxKind, OutboxMessage
from aumos_agent_framework.core.domain.paging import Page, PageRequest
from aumos_agent_framework.core.errors import ConflictError, NotFoundError
from aumos_agent_framework.core.interfaces.clock import Clock, IdGenerator
from aumos_agent_framework.core.interfaces.durable_executor import DurableExecutor
from aumos_agent_framework.core.interfaces.run_signals import RunSignals
from aumos_agent_framework.core.interfaces.unit_of_work import UnitOfWork, UnitOfWorkFactory
from aumos_agent_framework.core.services.approvals import (
    approvers,
    check_may_decide,
    check_open,
    settlement_of,
)
from aumos_agent_framework.core.services.edits import check_seen, check_tool_unchanged, edited
from aumos_agent_framework.core.services.fast_path import FastPath, outbox_message
from aumos_agent_framework.core.services.gates import opened, place_gate
from aumos_agent_framework.core.services.payloads import check_optional_text
from aumos_agent_framework.core.types import HitlRequestId, JsonObject, OutboxId, TenantId

MAX_NOTES_LENGTH = 10_000


class HitlService:
    """Decides requests. Postgres is the authority: of all who would settle one, the first to commit does."""

    def __init__(
        self,
        *,
        uow: UnitOfWorkFactory,
        clock: Clock,
        ids: IdGenerator,
        executor: DurableExecutor,
        signals: RunSignals,
    ) -> None:
        self._uow = uow
        self._clock = clock
        self._ids = ids
        self._signals = signals
        self._fast_path = FastPath(uow=uow, executor=executor)

    async def list(self, caller: Caller, page: PageRequest, where: HitlFilter, *, mine: bool) -> Page[HitlRequest]:
        """List requests, earliest deadline first; ``mine`` leaves out what the caller may not decide (any more)."""
        if mine:
            where = replace(
                where,
                decidable_by=caller.subject,
                decidable_level=caller.level,
                decidable_roles=caller.roles,
            )
        async with self._uow(caller.tenant_id) as work:
            return await work.hitl.list(page, where)

    async def get(self, caller: Caller, request_id: HitlRequestId) -> HitlRequest:
        """Return one request with its decisions.

        Raises:
            NotFoundError: the tenant has none with this id.
        """
        async with self._uow(caller.tenant_id) as work:
            return _found(await work.hitl.get(request_id), request_id)

    async def approve(
        self,
        caller: Caller,
        request_id: HitlRequestId,
        *,
        notes: str | None,
        arguments: JsonObject | None,
        digest: str | None,
    ) -> HitlRequest:
        """Vote for a request; the vote that fills the quorum settles it.

        Args:
            caller: who votes.
            request_id: on what.
            notes: for the run and for the record.
            arguments: replaces the call's arguments by these, in the same vote; not once somebody has approved.
            digest: what the approver has seen; refused if the request says something else by now. Needed once
                another approver has edited the arguments.

        Raises:
            NotFoundError: the tenant has no such request.
            ForbiddenError: ``own_request``, ``own_agent``, ``level_too_low`` or ``role_missing``.
            ConflictError: ``already_settled``, ``expired``, ``already_decided``, ``digest_mismatch``,
                ``digest_required``, ``tool_changed``, ``not_editable`` or ``already_approved`` (edits).
            InvalidInputError: the arguments do not fit the tool; pointers under ``/arguments``.
        """
        check_optional_text(notes, "/notes", max_length=MAX_NOTES_LENGTH)
        async with self._uow(caller.tenant_id) as work:
            request = await self._votable(work, caller, request_id)
            check_seen(request, caller, digest)
            await self._prepare(work, caller, request, arguments)
            await work.hitl.add_decision(request.id, self._vote(caller, Verdict.APPROVE, notes))
            message = None
            if len(approvers(request) | {caller.subject}) >= request.quorum:
                message = await self._settle(work, request, HitlStatus.APPROVED, caller.subject, notes)
            voted = _found(await work.hitl.get(request_id), request_id)
            await work.commit()
        await self._tell(voted, message)
        return voted

    async def reject(self, caller: Caller, request_id: HitlRequestId, *, notes: str | None) -> HitlRequest:
        """Vote against a request, which settles it at once.

        Raises:
            NotFoundError, ForbiddenError, ConflictError: as for ``approve``.
        """
        check_optional_text(notes, "/notes", max_length=MAX_NOTES_LENGTH)
        async with self._uow(caller.tenant_id) as work:
            request = await self._votable(work, caller, request_id)
            await work.hitl.add_decision(request.id, self._vote(caller, Verdict.REJECT, notes))
            message = await self._settle(work, request, HitlStatus.REJECTED, caller.subject, notes)
            voted = _found(await work.hitl.get(request_id), request_id)
            await work.commit()
        await self._tell(voted, message)
        return voted

    async def open_gate(self, command: OpenGateCommand) -> OpenedRequest:
        """Ask a gate's question, once per ``call_id``: a repetition gets the question that is there.

        Raises:
            NotFoundError: there is no such run.
            ConflictError: ``run_ended``.
            InvalidInputError: ``not_canonical`` or ``invalid_input``: the context cannot be bound or stored.
        """
        now = self._clock.now()
        async with self._uow(command.tenant_id) as work:
            request, is_new = await place_gate(work, command, now)
            if is_new:
                await work.commit()
        if is_new:
            await self._signals.announce(command.tenant_id, command.execution_id)
        return opened(request, now)

    async def expire(self, tenant_id: TenantId, request_id: HitlRequestId) -> Settlement:
        """Settle a request whose deadline has come; races with people through the same compare-and-set.

        Returns:
            What is true afterwards: ``expired``, or the decision that was first, or ``pending`` where the deadline
            has not come by this process's clock: ask again.

        Raises:
            NotFoundError: the tenant has no such request.
        """
        message = None
        async with self._uow(tenant_id) as work:
            request = _found(await work.hitl.get(request_id, for_update=True), request_id)
            if request.status is HitlStatus.PENDING and self._clock.now() >= request.expires_at:
                message = await self._settle(work, request, HitlStatus.EXPIRED, None, None)
                request = _found(await work.hitl.get(request_id), request_id)
                await work.commit()
        if message is not None:
            await self._tell(request, message)
        return settlement_of(request)

    async def withdraw(self, tenant_id: TenantId, request_ids: Sequence[HitlRequestId]) -> None:
        """Cancel requests that their run gave up, so that nobody decides them in vain; settled ones stay."""
        for request_id in request_ids:
            async with self._uow(tenant_id) as work:
                request = _found(await work.hitl.get(request_id, for_update=True), request_id)
                now = self._clock.now()
                if not await work.hitl.settle(request_id, HitlStatus.CANCELLED, now, None, None):
                    continue
                await work.executions.resume(request.execution_id, now)
                await work.commit()
            await self._signals.announce(tenant_id, request.execution_id)

    async def _votable(self, work: UnitOfWork, caller: Caller, request_id: HitlRequestId) -> HitlRequest:
        """Lock a request that the caller may vote on now."""
        request = _found(await work.hitl.get(request_id, for_update=True), request_id)
        agent = None if request.agent_id is None else await work.agents.get(request.agent_id)
        check_may_decide(caller, request, agent)
        check_open(request, caller, self._clock.now())
        return request

    async def _prepare(
        self, work: UnitOfWork, caller: Caller, request: HitlRequest, arguments: JsonObject | None
    ) -> None:
        """Make sure that the approval will be worth something, and apply the approver's edit."""
        tool = None if request.tool is None else await work.tools.get(request.tool)
        check_tool_unchanged(request, tool)
        if arguments is not None:
            changed = edited(request, tool, arguments, caller.subject)
            await work.hitl.edit(request.id, arguments, changed.digest, changed.context_data)

    async def _settle(
        self, work: UnitOfWork, request: HitlRequest, status: HitlStatus, by: str | None, notes: str | None
    ) -> OutboxMessage:
        """Settle, let the run go on if nothing else is open, and leave word for it, all in the open transaction."""
        now = self._clock.now()
        if not await work.hitl.settle(request.id, status, now, by, notes):
            raise ConflictError("already_settled", "Another decision was first.")
        await work.executions.resume(request.execution_id, now)
        message = outbox_message(
            OutboxId(self._ids.new()),
            OutboxKind.DECISION,
            Settlement(request.id, status, by, notes),
            tenant_id=request.tenant_id,
            execution_id=request.execution_id,
            now=now,
        )
        await work.outbox.add(message)
        return message

    async def _tell(self, request: HitlRequest, message: OutboxMessage | None) -> None:
        if message is not None:
            await self._fast_path.send(message)
        await self._signals.announce(request.tenant_id, request.execution_id)

    def _vote(self, caller: Caller, verdict: Verdict, notes: str | None) -> Decision:
        return Decision(caller.subject, verdict, notes, self._clock.now())


def _found(request: HitlRequest | None, request_id: HitlRequestId) -> HitlRequest:
    if request is None:
        raise NotFoundError("HITL request", request_id)
    return request
