from dataclasses import replace
from typing import Any

import pytest

from aumos_agent_framework.core.domain.identity import Caller
from aumos_agent_framework.core.domain.paging import PageRequest
from aumos_agent_framework.core.domain.workflows import RunAs, WorkflowDraft
from aumos_agent_framework.core.errors import ConflictError, ForbiddenError, InvalidInputError, NotFoundError
from aumos_agent_framework.core.graph.validation import definition_hash
from aumos_agent_framework.core.services.workflow_drafts import draft_of
from aumos_agent_framework.core.services.workflows import WorkflowService
from aumos_agent_framework.core.types import PrivilegeLevel, WorkflowId
from tests.factories import (
    OTHER_TENANT,
    TENANT,
    make_agent,
    make_caller,
    make_key,
    make_tool,
    make_workflow_draft,
    new_id,
)
from tests.fakes.clock import FakeClock
from tests.fakes.ids import SequentialIds
from tests.fakes.unit_of_work import InMemoryUnitOfWorkFactory

READ, SAFE, RISKY, ADMIN, SUPER = PrivilegeLevel
VERA = make_caller(subject="vera", level=READ)
DEV = make_caller(subject="dev", level=SAFE)
ADA = make_caller(subject="ada", level=ADMIN)
STRANGER = make_caller(subject="olga", level=SUPER, tenant_id=OTHER_TENANT)
AGENT_GRAPH: dict[str, Any] = {
    "state": {"type": "object", "properties": {"text": {"type": "string"}}},
    "entry_point": "write",
    "nodes": {
        "write": {"type": "agent", "prompt": "Write.", "output": "text"},
        "look": {"type": "tool", "tool": "lookup", "arguments": {"query": "${{ state.text }}"}},
    },
    "edges": [{"from": "write", "to": "look"}, {"from": "look", "to": "END"}],
}


class Library:
    """The service over a tenant with the agent ``writer`` and the tool ``lookup``."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.uow = InMemoryUnitOfWorkFactory()
        self.workflows = WorkflowService(uow=self.uow, clock=self.clock, ids=SequentialIds())
        self.writer = make_agent(name="writer")

    async def set_up(self) -> "Library":
        async with self.uow(TENANT) as work:
            await work.agents.add(self.writer)
            await work.tools.add(make_tool(name="lookup"))
            await work.commit()
        return self


@pytest.fixture
async def library() -> Library:
    return await Library().set_up()


def agent_draft(**overrides: Any) -> WorkflowDraft:
    return make_workflow_draft(**{"graph_definition": AGENT_GRAPH, "agents": {"write": "writer"}, **overrides})


class TestCreate:
    async def test_keeps_what_the_draft_says(self, library: Library) -> None:
        draft = agent_draft(
            description="Writes.",
            hitl_gates={"look": {"when": "before", "approver_level": 3}},
            circuit_breaker_config={"failure_threshold": 3},
            limits={"max_steps": 7},
            privilege_cap=RISKY,
        )
        workflow = (await library.workflows.create(DEV, draft, None)).value
        assert draft_of(workflow) == draft
        assert (workflow.version, workflow.tenant_id, workflow.created_by) == (1, TENANT, "dev")
        assert workflow.definition_hash == definition_hash(draft)
        assert workflow.created_at == workflow.updated_at == library.clock.now()
        assert await library.workflows.get(VERA, workflow.id) == workflow

    async def test_agents_are_found_by_id_too(self, library: Library) -> None:
        draft = agent_draft(agents={"write": str(library.writer.id)})
        assert (await library.workflows.create(DEV, draft, None)).value.agents == draft.agents

    async def test_readers_publish_nothing(self, library: Library) -> None:
        with pytest.raises(ForbiddenError):
            await library.workflows.create(VERA, make_workflow_draft(), None)

    async def test_everything_wrong_is_said_at_once(self, library: Library) -> None:
        graph = {**AGENT_GRAPH, "nodes": {**AGENT_GRAPH["nodes"], "look": {"type": "tool", "tool": "missing"}}}
        draft = agent_draft(name="", graph_definition=graph, agents={"write": "nobody"})
        with pytest.raises(InvalidInputError) as caught:
            await library.workflows.create(DEV, draft, None)
        assert caught.value.code == "invalid_workflow"
        pointers = {problem.pointer for problem in caught.value.problems}
        assert pointers >= {"/name", "/agents/write", "/graph_definition/nodes/look/tool"}

    @pytest.mark.parametrize(
        ("overrides", "pointer"),
        [
            ({"description": "\x00"}, "/description"),
            ({"limits": {"max_steps": float("nan")}}, "/limits"),
            ({"graph_definition": {"nodes": {"a\x00": {}}}}, "/graph_definition"),
            ({"circuit_breaker_config": {"x": "\ud800"}}, "/circuit_breaker_config"),
        ],
    )
    async def test_what_cannot_be_stored_is_refused(
        self, library: Library, overrides: dict[str, Any], pointer: str
    ) -> None:
        with pytest.raises(InvalidInputError) as caught:
            await library.workflows.create(DEV, make_workflow_draft(**overrides), None)
        assert [problem.pointer for problem in caught.value.problems] == [pointer]

    async def test_other_tenants_agents_and_tools_do_not_exist(self, library: Library) -> None:
        with pytest.raises(InvalidInputError) as caught:
            await library.workflows.create(STRANGER, agent_draft(agents={"write": str(library.writer.id)}), None)
        pointers = {problem.pointer for problem in caught.value.problems}
        assert pointers >= {"/agents/write", "/graph_definition/nodes/look/tool"}

    async def test_a_taken_name_is_a_conflict(self, library: Library) -> None:
        draft = make_workflow_draft()
        await library.workflows.create(DEV, draft, None)
        with pytest.raises(ConflictError) as caught:
            await library.workflows.create(DEV, draft, None)
        assert caught.value.code == "workflow_name_taken"

    async def test_a_repetition_gets_the_first_answer(self, library: Library) -> None:
        draft, key = make_workflow_draft(), make_key()
        first = await library.workflows.create(DEV, draft, key)
        second = await library.workflows.create(DEV, draft, key)
        assert (second.replayed, second.value) == (True, first.value)


class TestRunAs:
    """A workflow that runs as itself lends its level; nobody lends what they have not."""

    @pytest.mark.parametrize("cap", list(PrivilegeLevel))
    @pytest.mark.parametrize("caller", [DEV, ADA], ids=lambda caller: caller.subject)
    async def test_needs_a_publisher_of_the_caps_level(
        self, library: Library, caller: Caller, cap: PrivilegeLevel
    ) -> None:
        draft = make_workflow_draft(run_as=RunAs.WORKFLOW, privilege_cap=cap)
        if caller.level >= cap:
            workflow = (await library.workflows.create(caller, draft, None)).value
            assert (await library.workflows.update(caller, workflow.id, draft)).version == 2
        else:
            with pytest.raises(ForbiddenError):
                await library.workflows.create(caller, draft, None)

    async def test_is_checked_at_every_version(self, library: Library) -> None:
        workflow = (await library.workflows.create(DEV, make_workflow_draft(), None)).value
        draft = make_workflow_draft(name=workflow.name, run_as=RunAs.WORKFLOW, privilege_cap=ADMIN)
        with pytest.raises(ForbiddenError):
            await library.workflows.update(DEV, workflow.id, draft)

    async def test_needs_a_cap(self, library: Library) -> None:
        with pytest.raises(InvalidInputError) as caught:
            await library.workflows.create(ADA, make_workflow_draft(run_as=RunAs.WORKFLOW), None)
        assert [problem.pointer for problem in caught.value.problems] == ["/privilege_cap"]

    async def test_a_cap_alone_only_lowers_and_is_for_everyone(self, library: Library) -> None:
        draft = make_workflow_draft(privilege_cap=SUPER)
        assert (await library.workflows.create(DEV, draft, None)).value.privilege_cap is SUPER


class TestUpdate:
    async def test_makes_the_next_version_and_leaves_the_first(self, library: Library) -> None:
        first = (await library.workflows.create(DEV, make_workflow_draft(), None)).value
        library.clock.advance(60)
        second = await library.workflows.update(ADA, first.id, agent_draft(name="renamed"))
        assert (second.version, second.name, second.created_by) == (2, "renamed", "ada")
        assert (second.created_at, second.updated_at) == (first.created_at, library.clock.now())
        assert second.definition_hash != first.definition_hash
        assert await library.workflows.get(VERA, first.id) == second
        assert await library.workflows.get(VERA, first.id, 1) == first
        versions = await library.workflows.versions(VERA, first.id, PageRequest())
        assert versions.items == (second, first)

    async def test_a_wrong_draft_makes_no_version(self, library: Library) -> None:
        first = (await library.workflows.create(DEV, make_workflow_draft(), None)).value
        with pytest.raises(InvalidInputError):
            await library.workflows.update(DEV, first.id, agent_draft(agents={}))
        assert await library.workflows.get(VERA, first.id) == first

    async def test_readers_publish_nothing(self, library: Library) -> None:
        first = (await library.workflows.create(DEV, make_workflow_draft(), None)).value
        with pytest.raises(ForbiddenError):
            await library.workflows.update(VERA, first.id, make_workflow_draft())


class TestReading:
    async def test_lists_current_versions_newest_first(self, library: Library) -> None:
        one = (await library.workflows.create(DEV, make_workflow_draft(), None)).value
        two = (await library.workflows.create(DEV, make_workflow_draft(), None)).value
        one = await library.workflows.update(DEV, one.id, draft_of(one))
        assert (await library.workflows.list(VERA, PageRequest())).items == (two, one)
        assert (await library.workflows.list(VERA, PageRequest(), name=two.name)).items == (two,)
        assert (await library.workflows.list(STRANGER, PageRequest())).total == 0

    @pytest.mark.parametrize("caller", [ADA, STRANGER], ids=["missing", "foreign"])
    async def test_of_what_does_not_exist(self, library: Library, caller: Caller) -> None:
        workflow = (await library.workflows.create(DEV, make_workflow_draft(), None)).value
        workflow_id = WorkflowId(new_id()) if caller is ADA else workflow.id
        for operation in (
            library.workflows.get(caller, workflow_id),
            library.workflows.versions(caller, workflow_id, PageRequest()),
            library.workflows.update(caller, workflow_id, make_workflow_draft()),
        ):
            with pytest.raises(NotFoundError):
                await operation

    async def test_of_a_version_that_does_not_exist(self, library: Library) -> None:
        workflow = (await library.workflows.create(DEV, make_workflow_draft(), None)).value
        with pytest.raises(NotFoundError):
            await library.workflows.get(DEV, workflow.id, 2)


class TestValidate:
    async def test_a_good_draft(self, library: Library) -> None:
        report = await library.workflows.validate(VERA, agent_draft())
        assert report.valid
        assert report.mermaid is not None
        assert (await library.workflows.list(VERA, PageRequest())).total == 0

    async def test_breakers_are_stored_and_warned_of(self, library: Library) -> None:
        report = await library.workflows.validate(DEV, agent_draft(circuit_breaker_config={"failure_threshold": 3}))
        assert report.valid
        assert "/circuit_breaker_config" in {problem.pointer for problem in report.warnings}

    async def test_a_bad_draft_is_an_answer_and_no_error(self, library: Library) -> None:
        report = await library.workflows.validate(DEV, replace(agent_draft(), agents={}))
        assert not report.valid
