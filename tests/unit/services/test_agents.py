import asyncio
from dataclasses import fields, replace
from typing import Any

import pytest

from aumos_agent_framework.core.domain.agents import AgentDraft, AgentStatus, ResourceLimits, ToolGrant
from aumos_agent_framework.core.domain.identity import Caller
from aumos_agent_framework.core.domain.paging import PageRequest
from aumos_agent_framework.core.errors import ConflictError, ForbiddenError, InvalidInputError, NotFoundError
from aumos_agent_framework.core.services.agent_drafts import EDITABLE
from aumos_agent_framework.core.services.agents import AgentService
from aumos_agent_framework.core.types import AgentId, PrivilegeLevel
from tests.factories import OTHER_TENANT, TENANT, make_agent_draft, make_caller, make_key, make_tool, new_id
from tests.fakes.clock import FakeClock
from tests.fakes.ids import SequentialIds
from tests.fakes.unit_of_work import InMemoryUnitOfWorkFactory

READ, SAFE, RISKY, ADMIN, SUPER = PrivilegeLevel
VERA = make_caller(subject="vera", level=READ)
DEV = make_caller(subject="dev", level=SAFE)
ARI = make_caller(subject="ari", level=RISKY)
ADA = make_caller(subject="ada", level=ADMIN)
PAT = make_caller(subject="pat", level=SUPER)


class Registry:
    """The service over a tenant with the tools ``lookup`` (level 1) and ``publish`` (level 3)."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.uow = InMemoryUnitOfWorkFactory()
        self.agents = AgentService(uow=self.uow, clock=self.clock, ids=SequentialIds())

    async def set_up(self) -> "Registry":
        async with self.uow(TENANT) as work:
            await work.tools.add(make_tool(name="lookup"))
            await work.tools.add(make_tool(name="publish", min_privilege_level=RISKY))
            await work.commit()
        return self


@pytest.fixture
async def registry() -> Registry:
    return await Registry().set_up()


def pointers(error: pytest.ExceptionInfo[InvalidInputError]) -> list[str]:
    return [problem.pointer for problem in error.value.problems]


class TestRegister:
    async def test_keeps_what_the_draft_says(self, registry: Registry) -> None:
        draft = make_agent_draft()
        agent = (await registry.agents.register(DEV, draft, None)).value
        for field in fields(AgentDraft):
            if field.name != "owner":
                assert getattr(agent, field.name) == getattr(draft, field.name)
        assert (agent.owner, agent.created_by, agent.tenant_id) == ("dev", "dev", TENANT)
        assert (agent.status, agent.version, agent.created_at) == (AgentStatus.ACTIVE, 1, registry.clock.now())
        assert await registry.agents.get(DEV, agent.id) == agent

    @pytest.mark.parametrize("level", list(PrivilegeLevel))
    @pytest.mark.parametrize("caller", [VERA, DEV, ARI, ADA, PAT], ids=lambda caller: caller.subject)
    async def test_nobody_makes_an_agent_above_themselves(
        self, registry: Registry, caller: Caller, level: PrivilegeLevel
    ) -> None:
        draft = make_agent_draft(privilege_level=level)
        if caller.level >= max(level, SAFE):
            assert (await registry.agents.register(caller, draft, None)).value.privilege_level is level
        else:
            with pytest.raises(ForbiddenError) as caught:
                await registry.agents.register(caller, draft, None)
            assert caught.value.code == "level_too_low"

    async def test_only_administrators_name_another_owner(self, registry: Registry) -> None:
        draft = make_agent_draft(owner="nina")
        with pytest.raises(ForbiddenError):
            await registry.agents.register(ARI, draft, None)
        assert (await registry.agents.register(ADA, draft, None)).value.owner == "nina"

    async def test_naming_oneself_is_the_default_said_aloud(self, registry: Registry) -> None:
        assert (await registry.agents.register(DEV, make_agent_draft(owner="dev"), None)).value.owner == "dev"

    async def test_a_taken_name_is_a_conflict(self, registry: Registry) -> None:
        draft = make_agent_draft()
        await registry.agents.register(DEV, draft, None)
        with pytest.raises(ConflictError) as caught:
            await registry.agents.register(ADA, draft, None)
        assert caught.value.code == "agent_name_taken"

    async def test_a_name_is_free_in_another_tenant(self, registry: Registry) -> None:
        draft = make_agent_draft(tool_access={})
        await registry.agents.register(DEV, draft, None)
        other = replace(DEV, tenant_id=OTHER_TENANT)
        assert (await registry.agents.register(other, draft, None)).value.tenant_id == OTHER_TENANT

    @pytest.mark.parametrize(
        ("overrides", "pointer"),
        [
            ({"name": ""}, "/name"),
            ({"name": " padded "}, "/name"),
            ({"name": "11111111-1111-7111-8111-111111111111"}, "/name"),
            ({"model": {}}, "/model/name"),
            ({"model": {"name": ""}}, "/model/name"),
            ({"model": {"name": "m", "temperature": float("nan")}}, "/model"),
            ({"instructions": "\x00"}, "/instructions"),
            ({"description": "x" * 100_001}, "/description"),
            ({"owner": "\x00"}, "/owner"),
            ({"capabilities": ("ok", "")}, "/capabilities/1"),
            ({"capabilities": tuple(f"c{n}" for n in range(101))}, "/capabilities"),
            ({"resource_limits": ResourceLimits(max_steps=0)}, "/resource_limits/max_steps"),
            ({"resource_limits": ResourceLimits(max_tokens=0)}, "/resource_limits/max_tokens"),
            ({"resource_limits": ResourceLimits(max_calls_per_minute=-1)}, "/resource_limits/max_calls_per_minute"),
            ({"tool_access": {"nothing": ToolGrant()}}, "/tool_access/nothing"),
            ({"tool_access": {"a/b~c": ToolGrant()}}, "/tool_access/a~1b~0c"),
            ({"tool_access": {"lookup": ToolGrant(rate_limit=0)}}, "/tool_access/lookup/rate_limit"),
            ({"tool_access": {"publish": ToolGrant()}}, "/tool_access/publish"),
        ],
    )
    async def test_a_wrong_draft_is_refused_with_the_place(
        self, registry: Registry, overrides: dict[str, Any], pointer: str
    ) -> None:
        with pytest.raises(InvalidInputError) as caught:
            await registry.agents.register(ADA, make_agent_draft(**overrides), None)
        assert pointers(caught) == [pointer]

    async def test_everything_wrong_is_said_at_once(self, registry: Registry) -> None:
        draft = make_agent_draft(name="", model={}, tool_access={"nothing": ToolGrant()})
        with pytest.raises(InvalidInputError) as caught:
            await registry.agents.register(DEV, draft, None)
        assert pointers(caught) == ["/name", "/model/name", "/tool_access/nothing"]

    async def test_a_tool_above_the_agent_comes_with_a_hint(self, registry: Registry) -> None:
        with pytest.raises(InvalidInputError) as caught:
            await registry.agents.register(DEV, make_agent_draft(tool_access={"publish": ToolGrant()}), None)
        assert "3" in (caught.value.problems[0].hint or "")

    async def test_a_tool_above_the_agent_may_be_named_if_it_is_off(self, registry: Registry) -> None:
        access = {"publish": ToolGrant(enabled=False)}
        agent = (await registry.agents.register(DEV, make_agent_draft(tool_access=access), None)).value
        assert agent.tool_access == access


class TestIdempotency:
    async def test_a_repetition_gets_the_first_answer(self, registry: Registry) -> None:
        draft, key = make_agent_draft(), make_key()
        first = await registry.agents.register(DEV, draft, key)
        second = await registry.agents.register(DEV, draft, key)
        assert (first.replayed, second.replayed) == (False, True)
        assert first.value == second.value
        assert (await registry.agents.list(DEV, PageRequest())).total == 1

    async def test_a_failed_request_leaves_the_key_free(self, registry: Registry) -> None:
        key = make_key()
        with pytest.raises(InvalidInputError):
            await registry.agents.register(DEV, make_agent_draft(name=""), key)
        assert not (await registry.agents.register(DEV, make_agent_draft(), key)).replayed

    async def test_a_repetition_still_needs_the_right(self, registry: Registry) -> None:
        key, draft = make_key(), make_agent_draft()
        await registry.agents.register(DEV, draft, key)
        with pytest.raises(ForbiddenError):
            await registry.agents.register(VERA, draft, key)


class TestUpdate:
    CHANGES: tuple[tuple[str, object], ...] = (
        ("name", "renamed"),
        ("description", "new"),
        ("capabilities", ("x",)),
        ("privilege_level", READ),
        ("tool_access", {}),
        ("resource_limits", ResourceLimits(max_steps=3)),
        ("model", {"name": "other"}),
        ("instructions", "new"),
        ("owner", "nina"),
    )

    def test_every_field_is_tried(self) -> None:
        assert {field for field, _ in self.CHANGES} == EDITABLE

    @pytest.mark.parametrize(("field", "value"), CHANGES, ids=[field for field, _ in CHANGES])
    async def test_changes_the_field_and_nothing_else(self, registry: Registry, field: str, value: object) -> None:
        agent = (await registry.agents.register(DEV, make_agent_draft(), None)).value
        registry.clock.advance(5)
        changed = await registry.agents.update(ADA, agent.id, {field: value})
        expected: dict[str, Any] = {field: value, "version": 2, "updated_at": registry.clock.now()}
        assert changed == replace(agent, **expected)
        assert await registry.agents.get(DEV, agent.id) == changed

    async def test_to_the_same_changes_nothing(self, registry: Registry) -> None:
        agent = (await registry.agents.register(DEV, make_agent_draft(), None)).value
        assert await registry.agents.update(DEV, agent.id, {"name": agent.name}) == agent

    @pytest.mark.parametrize(("caller", "allowed"), [(VERA, False), (DEV, False), (ARI, True)])
    async def test_nobody_changes_an_agent_above_themselves(
        self,
        registry: Registry,
        caller: Caller,
        allowed: bool,  # noqa: FBT001 - a table's column
    ) -> None:
        agent = (await registry.agents.register(ARI, make_agent_draft(privilege_level=RISKY), None)).value
        if allowed:
            assert (await registry.agents.update(caller, agent.id, {"instructions": "x"})).instructions == "x"
        else:
            with pytest.raises(ForbiddenError):
                await registry.agents.update(caller, agent.id, {"instructions": "x"})

    async def test_nobody_raises_an_agent_above_themselves(self, registry: Registry) -> None:
        agent = (await registry.agents.register(DEV, make_agent_draft(), None)).value
        with pytest.raises(ForbiddenError):
            await registry.agents.update(DEV, agent.id, {"privilege_level": RISKY})
        assert (await registry.agents.update(ARI, agent.id, {"privilege_level": RISKY})).privilege_level is RISKY

    async def test_nobody_lowers_an_agent_above_themselves(self, registry: Registry) -> None:
        agent = (await registry.agents.register(ARI, make_agent_draft(privilege_level=RISKY), None)).value
        with pytest.raises(ForbiddenError):
            await registry.agents.update(DEV, agent.id, {"privilege_level": READ})

    async def test_an_owner_cannot_hand_the_agent_on_to_be_free_to_approve(self, registry: Registry) -> None:
        agent = (await registry.agents.register(ARI, make_agent_draft(), None)).value
        with pytest.raises(ForbiddenError):
            await registry.agents.update(ARI, agent.id, {"owner": "nina"})

    async def test_lowering_needs_no_change_of_tools(self, registry: Registry) -> None:
        access = {"publish": ToolGrant()}
        draft = make_agent_draft(privilege_level=RISKY, tool_access=access)
        agent = (await registry.agents.register(ARI, draft, None)).value
        assert (await registry.agents.update(ARI, agent.id, {"privilege_level": READ})).tool_access == access

    async def test_unknown_fields_are_named(self, registry: Registry) -> None:
        agent = (await registry.agents.register(DEV, make_agent_draft(), None)).value
        with pytest.raises(InvalidInputError) as caught:
            await registry.agents.update(DEV, agent.id, {"status": "active", "id": "x"})
        assert pointers(caught) == ["/status", "/id"]

    async def test_a_taken_name_is_a_conflict(self, registry: Registry) -> None:
        first = (await registry.agents.register(DEV, make_agent_draft(), None)).value
        second = (await registry.agents.register(DEV, make_agent_draft(), None)).value
        with pytest.raises(ConflictError) as caught:
            await registry.agents.update(DEV, second.id, {"name": first.name})
        assert caught.value.code == "agent_name_taken"

    @pytest.mark.parametrize("caller", [ADA, replace(ADA, tenant_id=OTHER_TENANT)], ids=["missing", "foreign"])
    async def test_of_what_does_not_exist(self, registry: Registry, caller: Caller) -> None:
        agent = (await registry.agents.register(DEV, make_agent_draft(), None)).value
        agent_id = AgentId(new_id()) if caller.tenant_id == TENANT else agent.id
        for operation in (
            registry.agents.get(caller, agent_id),
            registry.agents.update(caller, agent_id, {"description": "x"}),
            registry.agents.suspend(caller, agent_id),
            registry.agents.resume(caller, agent_id),
            registry.agents.set_tools(caller, agent_id, {}),
        ):
            with pytest.raises(NotFoundError):
                await operation


class TestSetTools:
    async def test_replaces_all_access(self, registry: Registry) -> None:
        draft = make_agent_draft(privilege_level=RISKY)
        agent = (await registry.agents.register(ARI, draft, None)).value
        access = {"publish": ToolGrant(rate_limit=3)}
        assert (await registry.agents.set_tools(ARI, agent.id, access)).tool_access == access

    async def test_unknown_tools_are_named(self, registry: Registry) -> None:
        agent = (await registry.agents.register(DEV, make_agent_draft(), None)).value
        with pytest.raises(InvalidInputError) as caught:
            await registry.agents.set_tools(DEV, agent.id, {"nothing": ToolGrant()})
        assert pointers(caught) == ["/tool_access/nothing"]


class TestSuspendAndResume:
    @pytest.mark.parametrize(
        ("caller", "allowed"), [(VERA, False), (DEV, False), (ARI, True), (ADA, True), (PAT, True)]
    )
    async def test_are_for_the_owner_and_administrators(
        self,
        registry: Registry,
        caller: Caller,
        allowed: bool,  # noqa: FBT001 - a table's column
    ) -> None:
        agent = (await registry.agents.register(ARI, make_agent_draft(), None)).value
        for operation, status in (
            (registry.agents.suspend, AgentStatus.SUSPENDED),
            (registry.agents.resume, AgentStatus.ACTIVE),
        ):
            if allowed:
                assert (await operation(caller, agent.id)).status is status
            else:
                with pytest.raises(ForbiddenError):
                    await operation(caller, agent.id)

    async def test_resuming_needs_the_agents_level_stopping_does_not(self, registry: Registry) -> None:
        agent = (await registry.agents.register(PAT, make_agent_draft(privilege_level=SUPER), None)).value
        assert (await registry.agents.suspend(ADA, agent.id)).status is AgentStatus.SUSPENDED
        with pytest.raises(ForbiddenError):
            await registry.agents.resume(ADA, agent.id)

    async def test_repeated_changes_nothing(self, registry: Registry) -> None:
        agent = (await registry.agents.register(DEV, make_agent_draft(), None)).value
        suspended = await registry.agents.suspend(ADA, agent.id)
        assert suspended.version == 2
        assert await registry.agents.suspend(ADA, agent.id) == suspended

    async def test_the_kill_switch_wins_against_edits_at_the_same_time(self, registry: Registry) -> None:
        agent = (await registry.agents.register(DEV, make_agent_draft(), None)).value
        edits = [registry.agents.update(ADA, agent.id, {"description": f"edit {n}"}) for n in range(3)]
        await asyncio.gather(*edits, registry.agents.suspend(ADA, agent.id))
        stored = await registry.agents.get(ADA, agent.id)
        assert (stored.status, stored.version) == (AgentStatus.SUSPENDED, 5)


class TestList:
    async def test_newest_first_with_filters(self, registry: Registry) -> None:
        one = (await registry.agents.register(DEV, make_agent_draft(capabilities=("a",)), None)).value
        two = (await registry.agents.register(DEV, make_agent_draft(capabilities=("a", "b")), None)).value
        await registry.agents.suspend(ADA, one.id)
        page = PageRequest()
        assert [agent.id for agent in (await registry.agents.list(VERA, page)).items] == [two.id, one.id]
        assert [agent.id for agent in (await registry.agents.list(VERA, page, capability="b")).items] == [two.id]
        suspended = await registry.agents.list(VERA, page, status=AgentStatus.SUSPENDED)
        assert [agent.id for agent in suspended.items] == [one.id]
