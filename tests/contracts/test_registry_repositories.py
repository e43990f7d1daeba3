"""What the repositories of tenants, agents, tools and workflows promise, of PostgreSQL and of the fake alike."""

from dataclasses import replace
from datetime import timedelta

import pytest

from aumos_agent_framework.core.domain.agents import AgentStatus, ResourceLimits, ToolGrant
from aumos_agent_framework.core.domain.identity import Tenant
from aumos_agent_framework.core.domain.paging import PageRequest
from aumos_agent_framework.core.domain.tools import ToolIdempotency, ToolStatus
from aumos_agent_framework.core.domain.workflows import RunAs
from aumos_agent_framework.core.errors import ConflictError
from aumos_agent_framework.core.interfaces.unit_of_work import UnitOfWorkFactory
from aumos_agent_framework.core.types import PrivilegeLevel, TenantId
from tests.contracts.stored import ALL, LATER
from tests.factories import (
    make_agent,
    make_tool,
    make_workflow,
    new_id,
    new_tenant_id,
    unique,
)


class TestTenants:
    async def test_a_tenant_without_a_row_has_the_defaults(self, uow: UnitOfWorkFactory, tenant: TenantId) -> None:
        async with uow(tenant) as work:
            assert await work.tenants.current() == Tenant(tenant, None, PrivilegeLevel.SUPER_ADMIN)

    async def test_ensure_creates_the_row_once(self, uow: UnitOfWorkFactory, tenant: TenantId) -> None:
        for name in ("acme", "renamed"):
            async with uow(tenant) as work:
                await work.tenants.ensure(name)
                await work.commit()
        async with uow(tenant) as work:
            assert await work.tenants.current() == Tenant(tenant, "acme")


class TestAgents:
    async def test_all_fields_come_back(self, uow: UnitOfWorkFactory, tenant: TenantId) -> None:
        agent = make_agent(
            tenant_id=tenant,
            capabilities=("a", "b", "a b"),
            privilege_level=PrivilegeLevel.ADMIN,
            tool_access={"t": ToolGrant(), "u": ToolGrant(enabled=False, rate_limit=3)},
            resource_limits=ResourceLimits(max_steps=3, max_tokens=None, max_calls_per_minute=7),
            model={"name": "m", "z": [1, 2.5, None, {"b": True, "a": "ü"}], "temperature": 1e-7},
            status=AgentStatus.SUSPENDED,
        )
        async with uow(tenant) as work:
            await work.agents.add(agent)
            found = await work.agents.get(agent.id)
        assert found == agent
        assert list(found.model) == ["name", "z", "temperature"]

    async def test_an_unknown_id_is_none(self, uow: UnitOfWorkFactory, tenant: TenantId) -> None:
        async with uow(tenant) as work:
            assert await work.agents.get(make_agent().id) is None

    async def test_a_taken_name_is_a_conflict(self, uow: UnitOfWorkFactory, tenant: TenantId) -> None:
        async with uow(tenant) as work:
            await work.agents.add(make_agent(tenant_id=tenant, name="same"))
            with pytest.raises(ConflictError) as caught:
                await work.agents.add(make_agent(tenant_id=tenant, name="same"))
        assert caught.value.code == "agent_name_taken"

    async def test_another_tenant_may_use_the_same_name(self, uow: UnitOfWorkFactory, tenant: TenantId) -> None:
        for one in (tenant, new_tenant_id()):
            async with uow(one) as work:
                await work.agents.add(make_agent(tenant_id=one, name="same"))
                await work.commit()

    async def test_resolve_finds_ids_and_names(self, uow: UnitOfWorkFactory, tenant: TenantId) -> None:
        by_name, by_id, other = (make_agent(tenant_id=tenant) for _ in range(3))
        async with uow(tenant) as work:
            for agent in (by_name, by_id, other):
                await work.agents.add(agent)
            references = [by_name.name, str(by_id.id), "nobody", str(new_id())]
            assert await work.agents.resolve(references) == {by_name.name: by_name, str(by_id.id): by_id}
            assert await work.agents.resolve([]) == {}

    async def test_resolve_prefers_the_id_to_a_name_that_looks_like_one(
        self, uow: UnitOfWorkFactory, tenant: TenantId
    ) -> None:
        agent = make_agent(tenant_id=tenant)
        impostor = make_agent(tenant_id=tenant, name=str(agent.id))
        async with uow(tenant) as work:
            await work.agents.add(impostor)
            await work.agents.add(agent)
            assert await work.agents.resolve([str(agent.id)]) == {str(agent.id): agent}

    async def test_update_writes_all_fields_of_the_next_version(self, uow: UnitOfWorkFactory, tenant: TenantId) -> None:
        agent = make_agent(tenant_id=tenant)
        changed = replace(
            agent,
            name=unique("renamed"),
            description="new",
            capabilities=(),
            privilege_level=PrivilegeLevel.READ_ONLY,
            tool_access={},
            resource_limits=ResourceLimits(),
            model={"name": "other"},
            instructions="new",
            owner="somebody",
            status=AgentStatus.SUSPENDED,
            version=2,
            updated_at=LATER,
        )
        async with uow(tenant) as work:
            await work.agents.add(agent)
            await work.agents.update(changed)
            assert await work.agents.get(agent.id) == changed

    async def test_update_of_another_version_is_stale(self, uow: UnitOfWorkFactory, tenant: TenantId) -> None:
        agent = make_agent(tenant_id=tenant)
        async with uow(tenant) as work:
            await work.agents.add(agent)
            with pytest.raises(ConflictError) as caught:
                await work.agents.update(replace(agent, version=3))
        assert caught.value.code == "stale"

    async def test_renaming_to_a_taken_name_is_a_conflict(self, uow: UnitOfWorkFactory, tenant: TenantId) -> None:
        first, second = make_agent(tenant_id=tenant), make_agent(tenant_id=tenant)
        async with uow(tenant) as work:
            await work.agents.add(first)
            await work.agents.add(second)
            with pytest.raises(ConflictError) as caught:
                await work.agents.update(replace(second, name=first.name, version=2))
        assert caught.value.code == "agent_name_taken"

    async def test_list_is_newest_first_and_filtered(self, uow: UnitOfWorkFactory, tenant: TenantId) -> None:
        old = make_agent(tenant_id=tenant, capabilities=("search",))
        new = make_agent(tenant_id=tenant, created_at=LATER, capabilities=("search", "write"))
        asleep = make_agent(tenant_id=tenant, created_at=LATER + timedelta(1), status=AgentStatus.SUSPENDED)
        async with uow(tenant) as work:
            for agent in (old, asleep, new):
                await work.agents.add(agent)
            assert (await work.agents.list(ALL)).items == (asleep, new, old)
            assert (await work.agents.list(ALL, status=AgentStatus.ACTIVE)).items == (new, old)
            assert (await work.agents.list(ALL, capability="write")).items == (new,)
            found = await work.agents.list(ALL, capability="search", status=AgentStatus.SUSPENDED)
        assert (found.items, found.total) == ((), 0)


class TestPaging:
    async def test_pages_cover_everything_once(self, uow: UnitOfWorkFactory, tenant: TenantId) -> None:
        names = [f"tool-{number}" for number in range(5)]
        async with uow(tenant) as work:
            for name in reversed(names):
                await work.tools.add(make_tool(tenant_id=tenant, name=name))
            pages = [await work.tools.list(PageRequest(number, 2)) for number in (1, 2, 3, 4)]
        assert [[tool.name for tool in page.items] for page in pages] == [names[:2], names[2:4], names[4:], []]
        assert {page.total for page in pages} == {5}
        assert pages[1].request == PageRequest(2, 2)

    async def test_equal_times_are_ordered_by_id(self, uow: UnitOfWorkFactory, tenant: TenantId) -> None:
        agents = [make_agent(tenant_id=tenant) for _ in range(4)]
        async with uow(tenant) as work:
            for agent in agents:
                await work.agents.add(agent)
            pages = [(await work.agents.list(PageRequest(number, 1))).items for number in (1, 2, 3, 4)]
        assert [page[0] for page in pages] == agents[::-1]


class TestTools:
    async def test_all_fields_come_back(self, uow: UnitOfWorkFactory, tenant: TenantId) -> None:
        tool = make_tool(
            tenant_id=tenant,
            min_privilege_level=PrivilegeLevel.SUPER_ADMIN,
            output_schema={"type": "object"},
            idempotency=ToolIdempotency.KEY,
            status=ToolStatus.DISABLED,
        )
        async with uow(tenant) as work:
            await work.tools.add(tool)
            assert await work.tools.get(tool.name) == tool

    async def test_a_taken_name_is_a_conflict(self, uow: UnitOfWorkFactory, tenant: TenantId) -> None:
        tool = make_tool(tenant_id=tenant)
        async with uow(tenant) as work:
            await work.tools.add(tool)
            with pytest.raises(ConflictError) as caught:
                await work.tools.add(tool)
        assert caught.value.code == "tool_name_taken"

    async def test_get_many_returns_those_that_exist(self, uow: UnitOfWorkFactory, tenant: TenantId) -> None:
        one, two, three = (make_tool(tenant_id=tenant) for _ in range(3))
        async with uow(tenant) as work:
            for tool in (one, two, three):
                await work.tools.add(tool)
            assert await work.tools.get_many([one.name, "none", three.name]) == {one.name: one, three.name: three}
            assert await work.tools.get_many([]) == {}

    async def test_update_writes_the_next_version_and_no_other(self, uow: UnitOfWorkFactory, tenant: TenantId) -> None:
        tool = make_tool(tenant_id=tenant)
        changed = replace(
            tool,
            description="new",
            min_privilege_level=PrivilegeLevel.ADMIN,
            input_schema={},
            output_schema={"type": "string"},
            config={"type": "python", "ref": "x"},
            idempotency=ToolIdempotency.NONE,
            status=ToolStatus.DISABLED,
            version=2,
            updated_at=LATER,
        )
        async with uow(tenant) as work:
            await work.tools.add(tool)
            await work.tools.update(changed)
            assert await work.tools.get(tool.name) == changed
            with pytest.raises(ConflictError) as caught:
                await work.tools.update(changed)
        assert caught.value.code == "stale"

    async def test_list_is_by_code_points_of_the_name_and_filtered(
        self, uow: UnitOfWorkFactory, tenant: TenantId
    ) -> None:
        names = ["B", "Z-1", "_", "a", "b", "ä"]
        async with uow(tenant) as work:
            for name in reversed(names):
                status = ToolStatus.DISABLED if name == "a" else ToolStatus.ACTIVE
                await work.tools.add(make_tool(tenant_id=tenant, name=name, status=status))
            assert [tool.name for tool in (await work.tools.list(ALL)).items] == names
            disabled = await work.tools.list(ALL, status=ToolStatus.DISABLED)
        assert [tool.name for tool in disabled.items] == ["a"]


class TestWorkflows:
    async def test_all_fields_come_back(self, uow: UnitOfWorkFactory, tenant: TenantId) -> None:
        workflow = make_workflow(tenant_id=tenant, run_as=RunAs.WORKFLOW, privilege_cap=PrivilegeLevel.ADMIN)
        async with uow(tenant) as work:
            await work.workflows.add(workflow)
            found = await work.workflows.get(workflow.id)
            assert found == await work.workflows.get(workflow.id, 1) == workflow
            assert list(found.graph_definition) == list(workflow.graph_definition)

    async def test_a_taken_name_is_a_conflict(self, uow: UnitOfWorkFactory, tenant: TenantId) -> None:
        workflow = make_workflow(tenant_id=tenant)
        async with uow(tenant) as work:
            await work.workflows.add(workflow)
            with pytest.raises(ConflictError) as caught:
                await work.workflows.add(make_workflow(tenant_id=tenant, name=workflow.name))
        assert caught.value.code == "workflow_name_taken"

    async def test_a_new_version_becomes_current_and_the_old_one_stays(
        self, uow: UnitOfWorkFactory, tenant: TenantId
    ) -> None:
        first = make_workflow(tenant_id=tenant)
        second = replace(first, version=2, name=unique("renamed"), definition_hash="b" * 64, updated_at=LATER)
        async with uow(tenant) as work:
            await work.workflows.add(first)
            await work.workflows.add_version(second)
            assert await work.workflows.get(first.id) == second
            assert await work.workflows.get(first.id, 1) == first
            assert await work.workflows.get(first.id, 3) is None
            assert (await work.workflows.versions(first.id, ALL)).items == (second, first)
            assert (await work.workflows.list(ALL)).items == (second,)

    @pytest.mark.parametrize("version", [1, 3])
    async def test_a_version_that_is_not_the_next_is_stale(
        self, uow: UnitOfWorkFactory, tenant: TenantId, version: int
    ) -> None:
        workflow = make_workflow(tenant_id=tenant)
        async with uow(tenant) as work:
            await work.workflows.add(workflow)
            with pytest.raises(ConflictError) as caught:
                await work.workflows.add_version(replace(workflow, version=version))
        assert caught.value.code == "stale"

    async def test_a_version_with_a_taken_name_is_a_conflict(self, uow: UnitOfWorkFactory, tenant: TenantId) -> None:
        one, other = make_workflow(tenant_id=tenant), make_workflow(tenant_id=tenant)
        async with uow(tenant) as work:
            await work.workflows.add(one)
            await work.workflows.add(other)
            with pytest.raises(ConflictError) as caught:
                await work.workflows.add_version(replace(other, version=2, name=one.name))
        assert caught.value.code == "workflow_name_taken"

    async def test_an_old_name_is_free_again(self, uow: UnitOfWorkFactory, tenant: TenantId) -> None:
        one = make_workflow(tenant_id=tenant)
        async with uow(tenant) as work:
            await work.workflows.add(one)
            await work.workflows.add_version(replace(one, version=2, name=unique("renamed")))
            await work.workflows.add(make_workflow(tenant_id=tenant, name=one.name))

    async def test_list_is_newest_first_and_filtered_by_name(self, uow: UnitOfWorkFactory, tenant: TenantId) -> None:
        old, new = make_workflow(tenant_id=tenant), make_workflow(tenant_id=tenant, created_at=LATER)
        async with uow(tenant) as work:
            await work.workflows.add(new)
            await work.workflows.add(old)
            assert (await work.workflows.list(ALL)).items == (new, old)
            assert (await work.workflows.list(ALL, name=old.name)).items == (old,)
            assert (await work.workflows.list(ALL, name="none")).total == 0
