"""Executions: accepted durably, pinned, stopped, waited for."""

import asyncio
from collections import deque
from dataclasses import replace
from typing import Any

import pytest

from aumos_agent_framework.core.domain.agents import Agent, AgentStatus, ToolGrant
from aumos_agent_framework.core.domain.executions import (
    ExecuteCommand,
    Execution,
    ExecutionFilter,
    ExecutionStatus,
    InvokeCommand,
    RunPlan,
    Usage,
)
from aumos_agent_framework.core.domain.hitl import HitlStatus
from aumos_agent_framework.core.domain.identity import Caller
from aumos_agent_framework.core.domain.outbox import OutboxKind
from aumos_agent_framework.core.domain.paging import PageRequest
from aumos_agent_framework.core.domain.tools import ToolStatus
from aumos_agent_framework.core.domain.workflows import RunAs, Workflow
from aumos_agent_framework.core.errors import (
    ConflictError,
    ForbiddenError,
    InvalidInputError,
    NotFoundError,
    UnavailableError,
)
from aumos_agent_framework.core.services.executions import ExecutionService
from aumos_agent_framework.core.services.hitl import HitlService
from aumos_agent_framework.core.services.relay import Relay
from aumos_agent_framework.core.services.runs import RunService
from aumos_agent_framework.core.types import AgentId, ExecutionId, PrivilegeLevel, WorkflowId
from tests.factories import (
    OTHER_TENANT,
    TENANT,
    make_agent,
    make_caller,
    make_key,
    make_open_gate_command,
    make_run_end,
    make_step,
    make_tool,
    make_workflow,
    new_id,
)
from tests.fakes.clock import FakeClock
from tests.fakes.database import CommitFault
from tests.fakes.durable_executor import RecordingExecutor
from tests.fakes.ids import SequentialIds
from tests.fakes.outbox_queue import InMemoryOutboxQueue
from tests.fakes.run_signals import InMemoryRunSignals
from tests.fakes.tool_runner import FakeToolRunner
from tests.fakes.unit_of_work import InMemoryUnitOfWorkFactory

VERA = make_caller(subject="vera", level=PrivilegeLevel.READ_ONLY)
DEV = make_caller(subject="dev", level=PrivilegeLevel.EXECUTE_SAFE)
STRANGER = make_caller(subject="olga", level=PrivilegeLevel.SUPER_ADMIN, tenant_id=OTHER_TENANT)
GRAPH: dict[str, Any] = {
    "state": {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]},
    "entry_point": "write",
    "nodes": {
        "write": {"type": "agent", "prompt": "Write.", "output": "n"},
        "look": {"type": "tool", "tool": "lookup", "arguments": {"query": "x"}},
    },
    "edges": [{"from": "write", "to": "look"}, {"from": "look", "to": "END"}],
}
INPUT = ExecuteCommand(input_data={"n": 1})


class Office:
    """A workflow of an agent and a tool node, and everything that runs it, as fakes."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.uow = InMemoryUnitOfWorkFactory()
        self.executor = RecordingExecutor()
        self.signals = InMemoryRunSignals(self.clock)
        self.runner = FakeToolRunner()
        ids = SequentialIds()
        self.executions = ExecutionService(
            uow=self.uow,
            clock=self.clock,
            ids=ids,
            executor=self.executor,
            runner=self.runner,
            signals=self.signals,
        )
        self.hitl = HitlService(uow=self.uow, clock=self.clock, ids=ids, executor=self.executor, signals=self.signals)
        self.runs = RunService(uow=self.uow, clock=self.clock, signals=self.signals)
        self.relay = Relay(queue=InMemoryOutboxQueue(self.uow.database), executor=self.executor, clock=self.clock)
        self.writer = make_agent(
            name="writer",
            tool_access={
                "lookup": ToolGrant(),
                "publish": ToolGrant(),
                "off": ToolGrant(enabled=False),
                "disabled": ToolGrant(),
                "gone": ToolGrant(),
            },
        )
        self.workflow = make_workflow(
            graph_definition=GRAPH,
            agents={"write": "writer"},
            hitl_gates={"look": {"when": "before", "approver_level": 3}},
            limits={"max_steps": 50},
        )

    async def set_up(self) -> "Office":
        async with self.uow(TENANT) as work:
            await work.agents.add(self.writer)
            for name in ("lookup", "publish", "off"):
                await work.tools.add(make_tool(name=name))
            await work.tools.add(make_tool(name="disabled", status=ToolStatus.DISABLED))
            await work.workflows.add(self.workflow)
            await work.commit()
        return self

    async def execute(self, caller: Caller = DEV, command: ExecuteCommand = INPUT) -> Execution:
        return (await self.executions.execute(caller, self.workflow.id, command, None)).value

    def plan(self, execution: Execution) -> RunPlan:
        return self.executor.started[execution.id]

    def change(self, table: str, value: Agent | Workflow | Execution) -> None:
        key = (value.id, value.version) if isinstance(value, Workflow) else value.id
        self.uow.database.overwrite(TENANT, table, key, value)

    def disable(self, tool: str) -> None:
        self.uow.database.overwrite(TENANT, "tools", tool, make_tool(name=tool, status=ToolStatus.DISABLED))

    async def open_gate(self, execution: Execution) -> None:
        await self.hitl.open_gate(make_open_gate_command(execution_id=execution.id))

    def outbox(self) -> list[Any]:
        return self.uow.database.rows(TENANT, "outbox")


@pytest.fixture
async def office() -> Office:
    return await Office().set_up()


class TestExecute:
    async def test_accepts_a_pending_run(self, office: Office) -> None:
        execution = await office.execute(DEV, ExecuteCommand({"n": 1}, session_id="s-1"))
        assert execution == Execution(
            id=execution.id,
            tenant_id=TENANT,
            workflow_id=office.workflow.id,
            workflow_version=1,
            definition_hash=office.workflow.definition_hash,
            agent_id=None,
            status=ExecutionStatus.PENDING,
            current_nodes=(),
            input_data={"n": 1},
            output_data=None,
            error=None,
            session_id="s-1",
            initiated_by="dev",
            temporal_workflow_id=f"{TENANT}/{execution.id}",
            usage=Usage(),
            cancel_requested=False,
            created_at=office.clock.now(),
            updated_at=office.clock.now(),
        )
        assert await office.executions.get(VERA, execution.id) == execution

    async def test_pins_what_the_run_needs(self, office: Office) -> None:
        plan = office.plan(await office.execute(VERA))
        assert (plan.workflow_name, plan.workflow_version) == (office.workflow.name, 1)
        assert (plan.definition, plan.gates) == (GRAPH, office.workflow.hitl_gates)
        governance = plan.governance
        assert (governance.initiated_by, governance.caller_level) == ("vera", PrivilegeLevel.READ_ONLY)
        assert (governance.run_as, governance.privilege_cap, governance.max_steps) == (RunAs.CALLER, None, 50)
        binding = plan.bindings["write"]
        assert (binding.agent_id, binding.version, binding.model) == (
            office.writer.id,
            1,
            office.writer.model,
        )
        assert list(plan.tools) == ["lookup"]

    async def test_gives_agents_only_tools_that_are_granted_exist_and_are_active(self, office: Office) -> None:
        plan = office.plan(await office.execute())
        assert [spec.name for spec in plan.bindings["write"].tools] == ["lookup", "publish"]

    @pytest.mark.parametrize("short", [True, False])
    async def test_asks_the_runner_which_tools_are_short(self, office: Office, short: bool) -> None:  # noqa: FBT001
        office.runner.short = short
        plan = office.plan(await office.execute())
        assert plan.tools["lookup"].short is short

    async def test_carries_the_workflows_own_authority(self, office: Office) -> None:
        office.change("workflows", replace(office.workflow, run_as=RunAs.WORKFLOW, privilege_cap=PrivilegeLevel.ADMIN))
        governance = office.plan(await office.execute()).governance
        assert (governance.run_as, governance.privilege_cap) == (RunAs.WORKFLOW, PrivilegeLevel.ADMIN)

    async def test_runs_the_version_that_is_named(self, office: Office) -> None:
        async with office.uow(TENANT) as work:
            await work.workflows.add_version(replace(office.workflow, version=2, definition_hash="b" * 64))
            await work.commit()
        assert (await office.execute()).workflow_version == 2
        old = await office.execute(DEV, replace(INPUT, version=1))
        assert (old.workflow_version, old.definition_hash) == (1, office.workflow.definition_hash)

    @pytest.mark.parametrize(("version", "workflow_id"), [(7, None), (None, new_id())], ids=["version", "workflow"])
    async def test_of_what_does_not_exist(self, office: Office, version: int | None, workflow_id: Any) -> None:
        with pytest.raises(NotFoundError):
            await office.executions.execute(
                DEV, workflow_id or office.workflow.id, replace(INPUT, version=version), None
            )

    async def test_of_another_tenants_workflow(self, office: Office) -> None:
        with pytest.raises(NotFoundError):
            await office.execute(STRANGER)


class TestLimits:
    @pytest.mark.parametrize(
        ("of_workflow", "of_command", "expected"),
        [
            ({}, {}, 100),
            ({"max_steps": 50}, {}, 50),
            ({"max_steps": 50}, {"max_steps": 7}, 7),
            ({"max_steps": 50}, {"max_steps": 70}, 50),
            ({}, {"max_steps": 500}, 100),
        ],
    )
    async def test_a_command_only_lowers(
        self, office: Office, of_workflow: dict[str, int], of_command: dict[str, int], expected: int
    ) -> None:
        office.change("workflows", replace(office.workflow, limits=of_workflow))
        plan = office.plan(await office.execute(DEV, replace(INPUT, limits=of_command)))
        assert plan.governance.max_steps == expected

    @pytest.mark.parametrize(
        ("limits", "pointer"),
        [
            ({"max_steps": 0}, "/limits/max_steps"),
            ({"max_steps": True}, "/limits/max_steps"),
            ({"max_steps": "5"}, "/limits/max_steps"),
            ({"max_cost": 5}, "/limits/max_cost"),
        ],
    )
    async def test_a_wrong_limit_is_named(self, office: Office, limits: dict[str, object], pointer: str) -> None:
        with pytest.raises(InvalidInputError) as caught:
            await office.execute(DEV, replace(INPUT, limits=limits))
        assert [problem.pointer for problem in caught.value.problems] == [pointer]


class TestRefusal:
    @pytest.mark.parametrize("data", [{}, {"n": "one"}])
    async def test_of_an_input_that_misfits_the_state(self, office: Office, data: dict[str, Any]) -> None:
        with pytest.raises(InvalidInputError) as caught:
            await office.execute(DEV, ExecuteCommand(data))
        assert caught.value.problems[0].pointer.startswith("/input_data")
        assert office.uow.database.rows(TENANT, "executions") == []

    @pytest.mark.parametrize(
        ("data", "code"),
        [
            ({"n": "x" * (1 << 20)}, "input_too_large"),
            ({"n": float("nan")}, "invalid_input"),
            ({"n": "\x00"}, "invalid_input"),
        ],
        ids=["large", "nan", "nul"],
    )
    async def test_of_an_input_that_cannot_be_kept(self, office: Office, data: dict[str, Any], code: str) -> None:
        with pytest.raises(InvalidInputError) as caught:
            await office.execute(DEV, ExecuteCommand(data))
        assert caught.value.code == code
        with pytest.raises(InvalidInputError):
            await office.executions.invoke(DEV, office.writer.id, InvokeCommand(data), None)

    @pytest.mark.parametrize("session_id", ["", "a b", "x" * 201, "a/b", "line\n"])
    async def test_of_a_session_id_that_is_none(self, office: Office, session_id: str) -> None:
        with pytest.raises(InvalidInputError) as caught:
            await office.execute(DEV, replace(INPUT, session_id=session_id))
        assert caught.value.problems[0].pointer == "/session_id"

    async def test_of_a_plan_too_large_to_start(self, office: Office) -> None:
        office.change("agents", replace(office.writer, instructions="x" * 1_900_000))
        with pytest.raises(InvalidInputError) as caught:
            await office.execute()
        assert caught.value.code == "plan_too_large"

    async def refused(self, office: Office) -> str:
        with pytest.raises(ConflictError) as caught:
            await office.execute()
        assert office.uow.database.rows(TENANT, "executions") == []
        return caught.value.code

    async def test_while_an_agent_is_suspended(self, office: Office) -> None:
        office.change("agents", replace(office.writer, status=AgentStatus.SUSPENDED))
        assert await self.refused(office) == "agent_suspended"

    async def test_when_an_agent_was_renamed(self, office: Office) -> None:
        office.change("agents", replace(office.writer, name="other"))
        assert await self.refused(office) == "agent_unknown"

    async def test_while_a_nodes_tool_is_disabled(self, office: Office) -> None:
        office.disable("lookup")
        assert await self.refused(office) == "tool_disabled"

    async def test_when_a_nodes_tool_is_gone(self, office: Office) -> None:
        del office.uow.database.committed[TENANT, "tools", "lookup"]
        assert await self.refused(office) == "tool_unknown"


class TestDurability:
    """Once accepted, a run is started, whatever dies."""

    async def test_started_at_once_it_leaves_nothing_behind(self, office: Office) -> None:
        execution = await office.execute()
        assert execution.id in office.executor.started
        assert office.outbox() == []

    async def test_with_the_engine_away_it_is_accepted_all_the_same(self, office: Office) -> None:
        office.executor.available = False
        execution = await office.execute()
        assert execution.status is ExecutionStatus.PENDING
        assert [message.kind for message in office.outbox()] == [OutboxKind.START]
        office.executor.available = True
        office.clock.advance(2)
        await office.relay.run_once()
        assert office.plan(execution).input_data == {"n": 1}

    async def test_a_death_right_after_the_commit_starts_it_by_the_relay(self, office: Office) -> None:
        office.uow.database.commit_faults = deque([CommitFault.UNACKNOWLEDGED])
        with pytest.raises(UnavailableError):
            await office.execute()
        office.clock.advance(2)
        await office.relay.run_once()
        (execution,) = office.uow.database.rows(TENANT, "executions")
        assert execution.id in office.executor.started

    async def test_a_death_before_the_commit_starts_nothing(self, office: Office) -> None:
        office.uow.database.commit_faults = deque([CommitFault.LOST])
        with pytest.raises(UnavailableError):
            await office.execute()
        assert (office.outbox(), office.executor.started) == ([], {})

    async def test_a_repetition_gets_the_first_answer(self, office: Office) -> None:
        key = make_key()
        first = await office.executions.execute(DEV, office.workflow.id, INPUT, key)
        second = await office.executions.execute(DEV, office.workflow.id, INPUT, key)
        assert (first.replayed, second.replayed) == (False, True)
        assert second.value == first.value
        assert len(office.executor.started) == 1

    async def test_two_at_once_with_one_key_start_one_run(self, office: Office) -> None:
        key = make_key()
        requests = [office.executions.execute(DEV, office.workflow.id, INPUT, key) for _ in range(2)]
        outcomes = await asyncio.gather(*requests, return_exceptions=True)
        assert len(office.executor.started) == 1
        lost = [outcome for outcome in outcomes if isinstance(outcome, ConflictError)]
        assert [error.code for error in lost] == ["idempotency_in_progress"]

    async def test_a_key_does_not_serve_another_request(self, office: Office) -> None:
        key = make_key()
        await office.executions.execute(DEV, office.workflow.id, INPUT, key)
        with pytest.raises(InvalidInputError) as caught:
            await office.executions.execute(DEV, office.workflow.id, INPUT, replace(key, fingerprint="0" * 64))
        assert caught.value.code == "idempotency_key_reused"


class TestInvoke:
    async def test_runs_one_agent(self, office: Office) -> None:
        command = InvokeCommand({"question": "why?"}, session_id="s")
        execution = (await office.executions.invoke(DEV, office.writer.id, command, None)).value
        assert (execution.agent_id, execution.workflow_id, execution.workflow_version) == (
            office.writer.id,
            None,
            None,
        )
        plan = office.plan(execution)
        assert (plan.workflow_name, plan.input_data, plan.session_id) == ("writer", {"question": "why?"}, "s")
        assert [binding.agent_id for binding in plan.bindings.values()] == [office.writer.id]
        assert set(plan.bindings) == set(plan.definition["nodes"])
        assert (plan.tools, plan.gates, plan.governance.run_as) == ({}, {}, RunAs.CALLER)
        assert plan.governance.caller_level is DEV.level

    async def test_of_a_suspended_agent_is_refused(self, office: Office) -> None:
        office.change("agents", replace(office.writer, status=AgentStatus.SUSPENDED))
        with pytest.raises(ConflictError) as caught:
            await office.executions.invoke(DEV, office.writer.id, InvokeCommand(), None)
        assert caught.value.code == "agent_suspended"

    @pytest.mark.parametrize("caller", [DEV, STRANGER], ids=["missing", "foreign"])
    async def test_of_what_does_not_exist(self, office: Office, caller: Caller) -> None:
        agent_id = AgentId(new_id()) if caller is DEV else office.writer.id
        with pytest.raises(NotFoundError):
            await office.executions.invoke(caller, agent_id, InvokeCommand(), None)

    async def test_a_repetition_gets_the_first_answer(self, office: Office) -> None:
        key = make_key()
        first = await office.executions.invoke(DEV, office.writer.id, InvokeCommand(), key)
        second = await office.executions.invoke(DEV, office.writer.id, InvokeCommand(), key)
        assert (second.replayed, second.value) == (True, first.value)


class TestReading:
    async def test_lists_newest_first_with_filters(self, office: Office) -> None:
        one, two = await office.execute(), await office.execute(DEV, replace(INPUT, session_id="s"))
        page = PageRequest()
        assert (await office.executions.list(VERA, page, ExecutionFilter())).items == (two, one)
        assert (await office.executions.list(VERA, page, ExecutionFilter(session_id="s"))).items == (two,)
        assert (await office.executions.list(STRANGER, page, ExecutionFilter())).total == 0

    async def test_status_is_the_newest_or_the_named_run(self, office: Office) -> None:
        one, two = await office.execute(), await office.execute()
        assert await office.executions.status(VERA, office.workflow.id, None) == two
        assert await office.executions.status(VERA, office.workflow.id, one.id) == one

    async def test_status_of_a_workflow_that_has_not_run(self, office: Office) -> None:
        with pytest.raises(NotFoundError):
            await office.executions.status(VERA, office.workflow.id, None)

    async def test_status_of_a_run_of_another_workflow(self, office: Office) -> None:
        invoked = (await office.executions.invoke(DEV, office.writer.id, InvokeCommand(), None)).value
        with pytest.raises(NotFoundError):
            await office.executions.status(VERA, office.workflow.id, invoked.id)

    async def test_status_of_what_does_not_exist(self, office: Office) -> None:
        execution = await office.execute()
        for caller, workflow_id, execution_id in (
            (VERA, WorkflowId(new_id()), execution.id),
            (VERA, office.workflow.id, ExecutionId(new_id())),
            (STRANGER, office.workflow.id, execution.id),
        ):
            with pytest.raises(NotFoundError):
                await office.executions.status(caller, workflow_id, execution_id)

    async def test_get_of_another_tenants_run(self, office: Office) -> None:
        execution = await office.execute()
        with pytest.raises(NotFoundError):
            await office.executions.get(STRANGER, execution.id)


class TestHistory:
    async def test_of_a_run_in_progress_comes_from_the_run(self, office: Office) -> None:
        execution = await office.execute()
        office.executor.live_steps[execution.id] = (make_step(node="live"),)
        assert [step.node for step in await office.executions.history(VERA, execution.id)] == ["live"]

    @pytest.mark.parametrize("available", [True, False], ids=["nobody can tell", "engine away"])
    async def test_is_what_is_stored_while_the_run_cannot_be_asked(
        self,
        office: Office,
        available: bool,  # noqa: FBT001 - a table's column
    ) -> None:
        execution = await office.execute()
        await office.runs.record_pause(TENANT, execution.id, [make_step(node="stored")])
        office.executor.available = available
        assert [step.node for step in await office.executions.history(VERA, execution.id)] == ["stored"]

    async def test_of_an_ended_run_is_what_is_stored(self, office: Office) -> None:
        execution = await office.execute()
        office.executor.live_steps[execution.id] = (make_step(node="live"),)
        await office.runs.finish(TENANT, execution.id, make_run_end(), [make_step(node="stored")])
        assert [step.node for step in await office.executions.history(VERA, execution.id)] == ["stored"]

    async def test_of_another_tenants_run(self, office: Office) -> None:
        execution = await office.execute()
        with pytest.raises(NotFoundError):
            await office.executions.history(STRANGER, execution.id)


class TestCancel:
    async def test_tells_the_run(self, office: Office) -> None:
        execution = await office.execute()
        cancelled = await office.executions.cancel(DEV, execution.id, "wrong input")
        assert cancelled.cancel_requested
        assert not cancelled.status.final
        assert office.executor.cancelled == {execution.id: "wrong input"}
        assert office.outbox() == []
        assert (TENANT, execution.id) in office.signals.announced

    async def test_without_a_reason_it_says_who(self, office: Office) -> None:
        execution = await office.execute()
        await office.executions.cancel(DEV, execution.id, None)
        assert "dev" in office.executor.cancelled[execution.id]

    async def test_takes_open_requests_away_at_once(self, office: Office) -> None:
        execution = await office.execute()
        await office.open_gate(execution)
        cancelled = await office.executions.cancel(DEV, execution.id, None)
        assert cancelled.status is ExecutionStatus.RUNNING
        (request,) = office.uow.database.rows(TENANT, "hitl")
        assert request.status is HitlStatus.CANCELLED

    async def test_with_the_engine_away_waits_in_the_outbox(self, office: Office) -> None:
        execution = await office.execute()
        office.executor.available = False
        await office.executions.cancel(DEV, execution.id, None)
        office.executor.available = True
        office.clock.advance(2)
        await office.relay.run_once()
        assert execution.id in office.executor.cancelled

    async def test_before_the_start_got_through_reaches_the_run_all_the_same(self, office: Office) -> None:
        office.executor.available = False
        execution = await office.execute()
        await office.executions.cancel(DEV, execution.id, None)
        office.executor.available = True
        office.clock.advance(2)
        await office.relay.run_once()
        office.executor.cancelled.clear()  # suppose the cancellation came first and found no run
        await office.runs.begin(TENANT, execution.id)
        office.clock.advance(2)
        await office.relay.run_once()
        assert execution.id in office.executor.cancelled

    async def test_repeated_does_no_harm(self, office: Office) -> None:
        execution = await office.execute()
        await office.executions.cancel(DEV, execution.id, "one")
        assert (await office.executions.cancel(DEV, execution.id, "two")).cancel_requested

    async def test_of_an_ended_run_is_a_conflict(self, office: Office) -> None:
        execution = await office.execute()
        await office.runs.finish(TENANT, execution.id, make_run_end(), ())
        with pytest.raises(ConflictError) as caught:
            await office.executions.cancel(DEV, execution.id, None)
        assert caught.value.code == "already_ended"
        assert office.executor.cancelled == {}

    async def test_of_someone_elses_run_needs_level_two(self, office: Office) -> None:
        execution = await office.execute(DEV)
        with pytest.raises(ForbiddenError):
            await office.executions.cancel(VERA, execution.id, None)
        own = await office.execute(VERA)
        assert (await office.executions.cancel(VERA, own.id, None)).cancel_requested

    async def test_of_a_run_of_another_workflow_does_not_exist(self, office: Office) -> None:
        execution = await office.execute()
        with pytest.raises(NotFoundError):
            await office.executions.cancel(DEV, execution.id, None, workflow_id=WorkflowId(new_id()))
        cancelled = await office.executions.cancel(DEV, execution.id, None, workflow_id=office.workflow.id)
        assert cancelled.cancel_requested

    async def test_of_another_tenants_run_does_not_exist(self, office: Office) -> None:
        execution = await office.execute()
        with pytest.raises(NotFoundError):
            await office.executions.cancel(STRANGER, execution.id, None)

    async def test_with_an_unstorable_reason_is_refused(self, office: Office) -> None:
        execution = await office.execute()
        with pytest.raises(InvalidInputError):
            await office.executions.cancel(DEV, execution.id, "\x00")


class TestSettledOrWaiting:
    async def test_an_ended_run_answers_at_once(self, office: Office) -> None:
        execution = await office.execute()
        await office.runs.finish(TENANT, execution.id, make_run_end(), ())
        started = office.clock.now()
        ended, open_ids = await office.executions.settled_or_waiting(VERA, execution.id, 30)
        assert (ended.status, open_ids, office.clock.now()) == (ExecutionStatus.COMPLETED, (), started)

    async def test_an_open_request_answers_at_once(self, office: Office) -> None:
        execution = await office.execute()
        await office.open_gate(execution)
        waiting, open_ids = await office.executions.settled_or_waiting(VERA, execution.id, 30)
        assert waiting.status is ExecutionStatus.PAUSED_HITL
        assert [one.id for one in office.uow.database.rows(TENANT, "hitl")] == list(open_ids)

    @pytest.mark.parametrize("deaf", [False, True], ids=["announced", "announcements lost"])
    async def test_an_end_that_comes_meanwhile_is_seen(self, office: Office, deaf: bool) -> None:  # noqa: FBT001
        execution = await office.execute()
        office.signals.deaf = deaf

        async def finish() -> None:
            await office.runs.finish(TENANT, execution.id, make_run_end(), ())

        office.signals.while_waiting = finish
        started = office.clock.now()
        ended, _ = await office.executions.settled_or_waiting(VERA, execution.id, 30)
        assert ended.status is ExecutionStatus.COMPLETED
        assert (office.clock.now() - started).total_seconds() == (2.0 if deaf else 0.0)

    @pytest.mark.parametrize("wait", [0, 0.5, 30, 300])
    async def test_the_deadline_answers_with_the_run_as_it_is(self, office: Office, wait: float) -> None:
        execution = await office.execute()
        started = office.clock.now()
        pending, open_ids = await office.executions.settled_or_waiting(VERA, execution.id, wait)
        assert (pending.status, open_ids) == (ExecutionStatus.PENDING, ())
        assert (office.clock.now() - started).total_seconds() == wait

    @pytest.mark.parametrize("wait", [-1, 301, float("nan")])
    async def test_a_wrong_time_is_refused(self, office: Office, wait: float) -> None:
        execution = await office.execute()
        with pytest.raises(InvalidInputError) as caught:
            await office.executions.settled_or_waiting(VERA, execution.id, wait)
        assert caught.value.problems[0].pointer == "/wait_seconds"

    async def test_of_another_tenants_run(self, office: Office) -> None:
        execution = await office.execute()
        with pytest.raises(NotFoundError):
            await office.executions.settled_or_waiting(STRANGER, execution.id, 1)
