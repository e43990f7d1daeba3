from dataclasses import fields, replace
from typing import Any

import pytest

from aumos_agent_framework.core.domain.identity import Caller
from aumos_agent_framework.core.domain.paging import MAX_PAGE_SIZE, PageRequest
from aumos_agent_framework.core.domain.tools import ToolDraft, ToolIdempotency, ToolStatus
from aumos_agent_framework.core.errors import ConflictError, ForbiddenError, InvalidInputError, NotFoundError, Problem
from aumos_agent_framework.core.services.tool_drafts import EDITABLE
from aumos_agent_framework.core.services.tools import ToolService
from aumos_agent_framework.core.types import PrivilegeLevel
from tests.factories import OTHER_TENANT, TENANT, make_caller, make_key, make_tool_draft
from tests.fakes.clock import FakeClock
from tests.fakes.tool_runner import FakeToolRunner
from tests.fakes.unit_of_work import InMemoryUnitOfWorkFactory

READ, SAFE, RISKY, ADMIN, SUPER = PrivilegeLevel
VERA = make_caller(subject="vera", level=READ)
DEV = make_caller(subject="dev", level=SAFE)
ARI = make_caller(subject="ari", level=RISKY)
PAT = make_caller(subject="pat", level=SUPER)


class Toolbox:
    def __init__(self) -> None:
        self.clock = FakeClock()
        self.uow = InMemoryUnitOfWorkFactory()
        self.runner = FakeToolRunner()
        self.tools = ToolService(uow=self.uow, clock=self.clock, runner=self.runner)

    def refuse_every_config(self) -> None:
        """Behave as a runner without the tool's code."""

        def refuse(draft: ToolDraft) -> ToolDraft:
            raise InvalidInputError("no", [Problem("/config/ref", f"{draft.name} is not installed.", "unknown")])

        self.runner.complete = refuse


@pytest.fixture
def toolbox() -> Toolbox:
    return Toolbox()


class TestRegister:
    async def test_keeps_what_the_draft_says(self, toolbox: Toolbox) -> None:
        draft = make_tool_draft(output_schema={"type": "string"}, idempotency=ToolIdempotency.KEY)
        tool = (await toolbox.tools.register(DEV, draft, None)).value
        for field in fields(ToolDraft):
            assert getattr(tool, field.name) == getattr(draft, field.name)
        assert (tool.tenant_id, tool.created_by, tool.status, tool.version) == (TENANT, "dev", ToolStatus.ACTIVE, 1)
        assert await toolbox.tools.get(VERA, draft.name) == tool

    @pytest.mark.parametrize("level", list(PrivilegeLevel))
    @pytest.mark.parametrize("caller", [VERA, DEV, ARI, PAT], ids=lambda caller: caller.subject)
    async def test_nobody_makes_a_tool_above_themselves(
        self, toolbox: Toolbox, caller: Caller, level: PrivilegeLevel
    ) -> None:
        draft = make_tool_draft(min_privilege_level=level)
        if caller.level >= max(level, SAFE):
            assert (await toolbox.tools.register(caller, draft, None)).value.min_privilege_level is level
        else:
            with pytest.raises(ForbiddenError):
                await toolbox.tools.register(caller, draft, None)

    @pytest.mark.parametrize(
        ("overrides", "pointer"),
        [
            ({"name": ""}, "/name"),
            ({"name": "with space"}, "/name"),
            ({"name": "x" * 65}, "/name"),
            ({"name": "ends\n"}, "/name"),
            ({"description": "\x00"}, "/description"),
            ({"config": {"type": "http", "timeout": float("inf")}}, "/config"),
            ({"input_schema": {"properties": 7}}, "/input_schema"),
            ({"input_schema": {"type": "array"}}, "/input_schema/type"),
            ({"input_schema": {"$ref": "http://elsewhere.test/schema"}}, "/input_schema"),
            ({"input_schema": {"default": "\x00"}}, "/input_schema"),
            ({"output_schema": {"minimum": "x"}}, "/output_schema"),
        ],
    )
    async def test_a_wrong_draft_is_refused_with_the_place(
        self, toolbox: Toolbox, overrides: dict[str, Any], pointer: str
    ) -> None:
        with pytest.raises(InvalidInputError) as caught:
            await toolbox.tools.register(PAT, make_tool_draft(**overrides), None)
        assert [problem.pointer for problem in caught.value.problems] == [pointer]

    async def test_the_runner_refuses_a_configuration(self, toolbox: Toolbox) -> None:
        toolbox.refuse_every_config()
        with pytest.raises(InvalidInputError) as caught:
            await toolbox.tools.register(DEV, make_tool_draft(), None)
        assert caught.value.problems[0].pointer == "/config/ref"
        assert (await toolbox.tools.list(DEV, PageRequest())).total == 0

    async def test_the_runner_completes_the_schema(self, toolbox: Toolbox) -> None:
        known = {"type": "object", "properties": {"a": {"type": "integer"}}}
        toolbox.runner.complete = lambda draft: replace(draft, input_schema=known)
        tool = (await toolbox.tools.register(DEV, make_tool_draft(input_schema={}), None)).value
        assert tool.input_schema == known

    async def test_a_schema_that_the_runner_gets_wrong_is_refused_too(self, toolbox: Toolbox) -> None:
        toolbox.runner.complete = lambda draft: replace(draft, input_schema={"type": "nonsense"})
        with pytest.raises(InvalidInputError):
            await toolbox.tools.register(DEV, make_tool_draft(), None)

    async def test_a_taken_name_is_a_conflict(self, toolbox: Toolbox) -> None:
        draft = make_tool_draft()
        await toolbox.tools.register(DEV, draft, None)
        with pytest.raises(ConflictError) as caught:
            await toolbox.tools.register(DEV, draft, None)
        assert caught.value.code == "tool_name_taken"

    async def test_a_repetition_gets_the_first_answer(self, toolbox: Toolbox) -> None:
        draft, key = make_tool_draft(), make_key()
        first = await toolbox.tools.register(DEV, draft, key)
        second = await toolbox.tools.register(DEV, draft, key)
        assert (second.replayed, second.value) == (True, first.value)


CHANGES: dict[str, object] = {
    "description": "new",
    "min_privilege_level": SAFE,
    "input_schema": {"type": "object", "properties": {}},
    "output_schema": {"type": "string"},
    "config": {"type": "http", "method": "GET", "url": "http://other.test"},
    "idempotency": ToolIdempotency.IDEMPOTENT,
    "status": ToolStatus.DISABLED,
}


class TestUpdate:
    def test_every_field_is_tried(self) -> None:
        assert set(CHANGES) == EDITABLE

    @pytest.mark.parametrize("field", sorted(CHANGES))
    async def test_changes_the_field_and_nothing_else(self, toolbox: Toolbox, field: str) -> None:
        tool = (await toolbox.tools.register(DEV, make_tool_draft(), None)).value
        toolbox.clock.advance(5)
        changed = await toolbox.tools.update(DEV, tool.name, {field: CHANGES[field]})
        expected: dict[str, Any] = {field: CHANGES[field], "version": 2, "updated_at": toolbox.clock.now()}
        assert changed == replace(tool, **expected)
        assert await toolbox.tools.get(DEV, tool.name) == changed

    async def test_to_the_same_changes_nothing(self, toolbox: Toolbox) -> None:
        tool = (await toolbox.tools.register(DEV, make_tool_draft(), None)).value
        assert await toolbox.tools.update(DEV, tool.name, {"status": ToolStatus.ACTIVE}) == tool

    @pytest.mark.parametrize(("before", "after"), [(RISKY, READ), (READ, RISKY), (RISKY, RISKY)])
    async def test_needs_the_old_and_the_new_level(
        self, toolbox: Toolbox, before: PrivilegeLevel, after: PrivilegeLevel
    ) -> None:
        tool = (await toolbox.tools.register(PAT, make_tool_draft(min_privilege_level=before), None)).value
        changes = {"min_privilege_level": after, "description": "new"}
        with pytest.raises(ForbiddenError):
            await toolbox.tools.update(DEV, tool.name, changes)
        assert (await toolbox.tools.update(ARI, tool.name, changes)).min_privilege_level is after

    async def test_a_reader_changes_nothing(self, toolbox: Toolbox) -> None:
        tool = (await toolbox.tools.register(DEV, make_tool_draft(), None)).value
        with pytest.raises(ForbiddenError):
            await toolbox.tools.update(VERA, tool.name, {"description": "new"})

    async def test_a_tool_can_be_disabled_where_its_code_is_not_installed(self, toolbox: Toolbox) -> None:
        tool = (await toolbox.tools.register(DEV, make_tool_draft(), None)).value
        toolbox.refuse_every_config()
        disabled = await toolbox.tools.update(DEV, tool.name, {"status": ToolStatus.DISABLED})
        assert disabled.status is ToolStatus.DISABLED
        with pytest.raises(InvalidInputError):
            await toolbox.tools.update(DEV, tool.name, {"config": {"type": "python", "ref": "x"}})

    async def test_name_and_unknown_fields_are_refused(self, toolbox: Toolbox) -> None:
        tool = (await toolbox.tools.register(DEV, make_tool_draft(), None)).value
        with pytest.raises(InvalidInputError) as caught:
            await toolbox.tools.update(DEV, tool.name, {"name": "new", "version": 7})
        assert [problem.pointer for problem in caught.value.problems] == ["/name", "/version"]

    async def test_a_wrong_value_is_refused(self, toolbox: Toolbox) -> None:
        tool = (await toolbox.tools.register(DEV, make_tool_draft(), None)).value
        with pytest.raises(InvalidInputError) as caught:
            await toolbox.tools.update(DEV, tool.name, {"description": "\x00"})
        assert caught.value.problems[0].pointer == "/description"

    async def test_of_another_tenant_does_not_exist(self, toolbox: Toolbox) -> None:
        tool = (await toolbox.tools.register(DEV, make_tool_draft(), None)).value
        stranger = replace(PAT, tenant_id=OTHER_TENANT)
        with pytest.raises(NotFoundError):
            await toolbox.tools.update(stranger, tool.name, {"description": "x"})
        with pytest.raises(NotFoundError):
            await toolbox.tools.get(stranger, tool.name)


PUBLISH = {"type": "python", "ref": "publish"}


class TestFence:
    """What a level-3 tool does is not to be had below level 3 under another name."""

    @pytest.fixture
    async def fenced(self, toolbox: Toolbox) -> Toolbox:
        draft = make_tool_draft(name="publish", config=PUBLISH, min_privilege_level=RISKY)
        await toolbox.tools.register(ARI, draft, None)
        return toolbox

    @pytest.mark.parametrize("level", [READ, SAFE])
    async def test_an_alias_below_it_needs_its_level(self, fenced: Toolbox, level: PrivilegeLevel) -> None:
        draft = make_tool_draft(config=PUBLISH | {"timeout": 9}, min_privilege_level=level)
        with pytest.raises(ForbiddenError, match="publish guards at level 3") as caught:
            await fenced.tools.register(DEV, draft, make_key())
        assert caught.value.code == "level_too_low"
        assert (await fenced.tools.list(DEV, PageRequest())).total == 1
        assert (await fenced.tools.register(ARI, draft, None)).value.min_privilege_level is level

    async def test_the_highest_of_several_counts(self, fenced: Toolbox) -> None:
        await fenced.tools.register(PAT, make_tool_draft(config=PUBLISH, min_privilege_level=SUPER), None)
        with pytest.raises(ForbiddenError):
            await fenced.tools.register(ARI, make_tool_draft(config=PUBLISH, min_privilege_level=RISKY), None)

    async def test_it_is_found_on_any_page(self, fenced: Toolbox) -> None:
        for number in range(MAX_PAGE_SIZE + 1):
            await fenced.tools.register(DEV, make_tool_draft(name=f"a{number}"), None)
        with pytest.raises(ForbiddenError):
            await fenced.tools.register(DEV, make_tool_draft(name="z", config=PUBLISH), None)

    async def test_a_disabled_tool_guards_too(self, fenced: Toolbox) -> None:
        await fenced.tools.update(ARI, "publish", {"status": ToolStatus.DISABLED})
        with pytest.raises(ForbiddenError):
            await fenced.tools.register(DEV, make_tool_draft(config=PUBLISH), None)

    async def test_other_targets_and_tenants_are_free(self, fenced: Toolbox) -> None:
        await fenced.tools.register(DEV, make_tool_draft(config=PUBLISH | {"ref": "search"}), None)
        stranger = replace(DEV, tenant_id=OTHER_TENANT)
        await fenced.tools.register(stranger, make_tool_draft(config=PUBLISH), None)

    async def test_another_tool_cannot_be_pointed_at_it(self, fenced: Toolbox) -> None:
        tool = (await fenced.tools.register(DEV, make_tool_draft(), None)).value
        with pytest.raises(ForbiddenError):
            await fenced.tools.update(DEV, tool.name, {"config": PUBLISH})
        assert (await fenced.tools.update(ARI, tool.name, {"config": PUBLISH})).config == PUBLISH

    @pytest.mark.parametrize(
        "change",
        [
            {"min_privilege_level": READ},
            {"input_schema": {"type": "object"}},
            {"config": PUBLISH | {"timeout": 9}},
            {"status": ToolStatus.ACTIVE},
        ],
        ids=["level", "schema", "config", "status"],
    )
    async def test_an_alias_that_was_allowed_is_not_opened_further(
        self, fenced: Toolbox, change: dict[str, object]
    ) -> None:
        alias = make_tool_draft(name="alias", config=PUBLISH, min_privilege_level=SAFE)
        await fenced.tools.register(ARI, alias, None)
        await fenced.tools.update(DEV, "alias", {"status": ToolStatus.DISABLED, "description": "Closed."})
        with pytest.raises(ForbiddenError):
            await fenced.tools.update(DEV, "alias", change)
        await fenced.tools.update(ARI, "alias", change)

    async def test_its_own_level_is_no_fence_around_itself(self, fenced: Toolbox) -> None:
        assert (await fenced.tools.update(ARI, "publish", {"min_privilege_level": READ})).min_privilege_level is READ
        assert (await fenced.tools.register(DEV, make_tool_draft(config=PUBLISH), None)).value.config == PUBLISH

    async def test_a_function_that_declares_its_level_is_asked_about_every_new_level(self, fenced: Toolbox) -> None:
        fenced.refuse_every_config()
        with pytest.raises(InvalidInputError):
            await fenced.tools.update(ARI, "publish", {"min_privilege_level": READ})


class TestList:
    async def test_by_name_with_status(self, toolbox: Toolbox) -> None:
        for name in ("b", "a", "c"):
            await toolbox.tools.register(DEV, make_tool_draft(name=name), None)
        await toolbox.tools.update(DEV, "c", {"status": ToolStatus.DISABLED})
        page = await toolbox.tools.list(VERA, PageRequest())
        assert [tool.name for tool in page.items] == ["a", "b", "c"]
        active = await toolbox.tools.list(VERA, PageRequest(), status=ToolStatus.ACTIVE)
        assert [tool.name for tool in active.items] == ["a", "b"]
