"""Executions: accepting runs durably, stopping them, and reading how they stand."""

import asyncio
import logging
import re
from collections.abc import Iterator, Sequence
from datetime import timedelta

from aumos_agent_framework.core.domain.executions import (
    ExecuteCommand,
    Execution,
    ExecutionFilter,
    ExecutionStatus,
    InvokeCommand,
    RunPlan,
    StepRecord,
    Usage,
)
from aumos_agent_framework.core.domain.idempotency import IdempotencyKey, Outcome
from aumos_agent_framework.core.domain.identity import Caller
from aumos_agent_framework.core.domain.outbox import OutboxKind, OutboxMessage
from aumos_agent_framework.core.domain.paging import Page, PageRequest
from aumos_agent_framework.core.errors import ConflictError, InvalidInputError, NotFoundError, Problem, UnavailableError
from aumos_agent_framework.core.interfaces.clock import Clock, IdGenerator
from aumos_agent_framework.core.interfaces.durable_executor import DurableExecutor
from aumos_agent_framework.core.interfaces.run_signals import RunSignals
from aumos_agent_framework.core.interfaces.tool_runner import ToolRunner
from aumos_agent_framework.core.interfaces.unit_of_work import UnitOfWork, UnitOfWorkFactory
from aumos_agent_framework.core.services.caller_rights import check_may_cancel
from aumos_agent_framework.core.services.fast_path import FastPath, outbox_message
from aumos_agent_framework.core.services.payloads import (
    MAX_INPUT_BYTES,
    UnstorableError,
    check_optional_text,
    normalized,
)
from aumos_agent_framework.core.services.plans import invocation_plan, workflow_plan
from aumos_agent_framework.core.types import AgentId, ExecutionId, HitlRequestId, JsonObject, OutboxId, WorkflowId

MAX_WAIT_SECONDS = 300
LOOK_AGAIN_SECONDS = 2.0
LIVE_STEPS_SECONDS = 5.0
MAX_REASON_LENGTH = 1_000
_SESSION_ID = re.compile(r"[A-Za-z0-9._:@-]{1,200}")
_log = logging.getLogger(__name__)


class ExecutionService:
    """Starts, stops and shows runs. A run that was accepted is never lost: it is durable before anyone hears of it."""

    def __init__(
        self,
        *,
        uow: UnitOfWorkFactory,
        clock: Clock,
        ids: IdGenerator,
        executor: DurableExecutor,
        runner: ToolRunner,
        signals: RunSignals,
    ) -> None:
        self._uow = uow
        self._clock = clock
        self._ids = ids
        self._executor = executor
        self._runner = runner
        self._signals = signals
        self._fast_path = FastPath(uow=uow, executor=executor)

    async def execute(
        self, caller: Caller, workflow_id: WorkflowId, command: ExecuteCommand, key: IdempotencyKey | None
    ) -> Outcome[Execution]:
        """Accept a run of a workflow; it is ``pending`` until a worker takes it up.

        Raises:
            NotFoundError: the tenant has no such workflow or version.
            InvalidInputError: ``invalid_input``, ``input_too_large`` or ``plan_too_large``, with pointers.
            ConflictError: an agent or tool of the workflow cannot run now (see ``workflow_plan``), or as the
                idempotency key says.
        """
        _check_input(command.input_data, command.session_id)
        execution_id = ExecutionId(self._ids.new())
        async with self._uow(caller.tenant_id) as work:
            replayed = await _claim(work, key)
            if replayed is not None:
                return replayed
            workflow = await work.workflows.get(workflow_id, command.version)
            if workflow is None:
                raise NotFoundError("workflow", workflow_id)
            plan = await workflow_plan(
                work, self._runner, caller=caller, workflow=workflow, command=command, execution_id=execution_id
            )
            execution, message = await self._accept(work, plan, None, key)
            await work.commit()
        await self._fast_path.send(message)
        return Outcome(execution)

    async def invoke(
        self, caller: Caller, agent_id: AgentId, command: InvokeCommand, key: IdempotencyKey | None
    ) -> Outcome[Execution]:
        """Accept a direct run of one agent.

        Raises:
            NotFoundError: the tenant has no such agent.
            InvalidInputError: as for ``execute``.
            ConflictError: ``agent_suspended``, or as the idempotency key says.
        """
        _check_input(command.input_data, command.session_id)
        execution_id = ExecutionId(self._ids.new())
        async with self._uow(caller.tenant_id) as work:
            replayed = await _claim(work, key)
            if replayed is not None:
                return replayed
            agent = await work.agents.get(agent_id)
            if agent is None:
                raise NotFoundError("agent", agent_id)
            plan = await invocation_plan(
                work, self._runner, caller=caller, agent=agent, command=command, execution_id=execution_id
            )
            execution, message = await self._accept(work, plan, agent_id, key)
            await work.commit()
        await self._fast_path.send(message)
        return Outcome(execution)

    async def get(self, caller: Caller, execution_id: ExecutionId) -> Execution:
        """Return one execution.

        Raises:
            NotFoundError: the tenant has none with this id.
        """
        async with self._uow(caller.tenant_id) as work:
            return await _found(work, execution_id)

    async def list(self, caller: Caller, page: PageRequest, where: ExecutionFilter) -> Page[Execution]:
        """List executions, newest first."""
        async with self._uow(caller.tenant_id) as work:
            return await work.executions.list(page, where)

    async def status(self, caller: Caller, workflow_id: WorkflowId, execution_id: ExecutionId | None) -> Execution:
        """Return the workflow's newest execution, or the one named.

        Raises:
            NotFoundError: there is no such workflow, it has not run yet, or the execution is not one of its runs.
        """
        async with self._uow(caller.tenant_id) as work:
            if await work.workflows.get(workflow_id) is None:
                raise NotFoundError("workflow", workflow_id)
            if execution_id is not None:
                return await _found(work, execution_id, workflow_id)
            newest = await work.executions.newest(workflow_id)
            if newest is None:
                raise NotFoundError("execution of workflow", workflow_id)
            return newest

    async def cancel(
        self,
        caller: Caller,
        execution_id: ExecutionId,
        reason: str | None,
        *,
        workflow_id: WorkflowId | None = None,
    ) -> Execution:
        """Ask a run to stop: its open requests are cancelled and its next tool call is refused from now on.

        The run itself ends a little later; asking again does no harm.

        Args:
            caller: who asks.
            execution_id: the run.
            reason: for the record.
            workflow_id: refuse a run that is not one of this workflow's, as if it did not exist.

        Raises:
            NotFoundError: the tenant has no such execution.
            ForbiddenError: ``level_too_low``: someone else's run needs level 2.
            ConflictError: ``already_ended``.
        """
        check_optional_text(reason, "/reason", max_length=MAX_REASON_LENGTH)
        now = self._clock.now()
        async with self._uow(caller.tenant_id) as work:
            check_may_cancel(caller, await _found(work, execution_id, workflow_id))
            await work.hitl.cancel_open(execution_id, now)  # requests before runs: deciding locks in this order too
            if not await work.executions.request_cancel(execution_id, now):
                raise ConflictError("already_ended", "The execution has ended already.")
            await work.executions.resume(execution_id, now)
            execution = await _found(work, execution_id)
            content = {"reason": reason or f"Cancelled by {caller.subject}."}
            message = self._message(OutboxKind.CANCEL, content, execution)
            await work.outbox.add(message)
            await work.commit()
        await self._fast_path.send(message)
        await self._signals.announce(caller.tenant_id, execution_id)
        return execution

    async def history(self, caller: Caller, execution_id: ExecutionId) -> Sequence[StepRecord]:
        """Return a run's steps in order: from the run itself while it goes on, else what is stored.

        Raises:
            NotFoundError: the tenant has no such execution.
        """
        execution = await self.get(caller, execution_id)
        if not execution.status.final:
            live = await self._live_steps(execution)
            if live is not None:
                return live
        async with self._uow(caller.tenant_id) as work:
            return await work.executions.steps(execution_id)

    async def settled_or_waiting(
        self, caller: Caller, execution_id: ExecutionId, wait_seconds: float
    ) -> tuple[Execution, tuple[HitlRequestId, ...]]:
        """Wait until a run has ended or has open requests, at most ``wait_seconds`` (0 to 300).

        Returns:
            The execution as it is then, and its open requests, oldest first.

        Raises:
            NotFoundError: the tenant has no such execution.
            InvalidInputError: pointer ``/wait_seconds``.
        """
        if not 0 <= wait_seconds <= MAX_WAIT_SECONDS:
            problem = Problem("/wait_seconds", f"It is between 0 and {MAX_WAIT_SECONDS}.", "out_of_range")
            raise InvalidInputError("The waiting time is not valid.", [problem])
        async with self._signals.watch(caller.tenant_id, execution_id) as watch:
            deadline = self._clock.now() + timedelta(seconds=wait_seconds)
            while True:
                async with self._uow(caller.tenant_id) as work:
                    execution = await _found(work, execution_id)
                    open_ids = tuple(await work.hitl.open_ids(execution_id))
                left = (deadline - self._clock.now()).total_seconds()
                if execution.status.final or open_ids or left <= 0:
                    return execution, open_ids
                await watch.changed(min(left, LOOK_AGAIN_SECONDS))

    async def _accept(
        self, work: UnitOfWork, plan: RunPlan, agent_id: AgentId | None, key: IdempotencyKey | None
    ) -> tuple[Execution, OutboxMessage]:
        """Write the execution, its start message and the answer to repetitions, all in the open transaction."""
        now = self._clock.now()
        execution = Execution(
            id=plan.execution_id,
            tenant_id=plan.tenant_id,
            workflow_id=plan.workflow_id,
            workflow_version=plan.workflow_version,
            definition_hash=plan.definition_hash,
            agent_id=agent_id,
            status=ExecutionStatus.PENDING,
            current_nodes=(),
            input_data=plan.input_data,
            output_data=None,
            error=None,
            session_id=plan.session_id,
            initiated_by=plan.governance.initiated_by,
            temporal_workflow_id=self._executor.workflow_id(plan.tenant_id, plan.execution_id),
            usage=Usage(),
            cancel_requested=False,
            created_at=now,
            updated_at=now,
        )
        await work.executions.add(execution, plan)
        message = self._message(OutboxKind.START, plan, execution)
        await work.outbox.add(message)
        if key is not None:
            await work.idempotency.answer(key, execution)
        return execution, message

    def _message(self, kind: OutboxKind, content: object, execution: Execution) -> OutboxMessage:
        return outbox_message(
            OutboxId(self._ids.new()),
            kind,
            content,
            tenant_id=execution.tenant_id,
            execution_id=execution.id,
            now=self._clock.now(),
        )

    async def _live_steps(self, execution: Execution) -> Sequence[StepRecord] | None:
        try:
            async with asyncio.timeout(LIVE_STEPS_SECONDS):
                return await self._executor.steps(execution.tenant_id, execution.id)
        except (UnavailableError, TimeoutError) as error:
            _log.info("live_steps_unavailable", extra={"execution": str(execution.id), "reason": str(error)})
            return None


async def _claim(work: UnitOfWork, key: IdempotencyKey | None) -> Outcome[Execution] | None:
    stored = None if key is None else await work.idempotency.claim(key, Execution)
    return None if stored is None else Outcome(stored, replayed=True)


async def _found(work: UnitOfWork, execution_id: ExecutionId, workflow_id: WorkflowId | None = None) -> Execution:
    execution = await work.executions.get(execution_id)
    if execution is None or workflow_id not in (None, execution.workflow_id):
        raise NotFoundError("execution", execution_id)
    return execution


def _check_input(input_data: JsonObject, session_id: str | None) -> None:
    try:
        normalized(input_data, MAX_INPUT_BYTES)
    except UnstorableError as error:
        code = "input_too_large" if error.too_large else "invalid_input"
        problem = Problem("/input_data", f"It {error}.", "unstorable")
        raise InvalidInputError("The input cannot be taken.", [problem], code=code) from error
    problems = tuple(_session_problems(session_id))
    if problems:
        raise InvalidInputError("The session id is not valid.", problems)


def _session_problems(session_id: str | None) -> Iterator[Problem]:
    if session_id is not None and not _SESSION_ID.fullmatch(session_id):
        message = "A session id has 1 to 200 characters out of letters, digits and . _ : @ -"
        yield Problem("/session_id", message, "session_id_invalid")
