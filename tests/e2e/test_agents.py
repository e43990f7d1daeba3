"""Agents as the contract describes them, and who may register, change and stop them."""

from typing import Any

import pytest

from tests.e2e.authoring import agent_draft, counted_tool, scripted_agent, unique
from tests.e2e.client import Tenant
from tests.e2e.paging import walk
from tests.e2e.shapes import require_agent, require_page
from tests.effect_counter.process import EffectCounter


class TestAgents:
    def test_everything_that_was_sent_is_stored(self, acme: Tenant, counter: EffectCounter) -> None:
        tool = counted_tool(acme.dev, counter)
        capability = unique("writing")
        draft = agent_draft(
            level=2,
            description="Writes.",
            capabilities=[capability],
            tool_access={tool: {"enabled": True, "rate_limit": 60}},
            resource_limits={"max_steps": 10, "max_tokens": 1000, "max_calls_per_minute": 120},
            model={"name": "scripted", "temperature": 0.5, "top_p": 0.9},
        )
        agent = acme.dev.send("POST", "/agents", 201, json=draft)
        require_agent(agent)
        assert {name: agent[name] for name in draft} == draft
        assert (agent["owner"], agent["created_by"], agent["status"], agent["version"]) == ("dev", "dev", "active", 1)
        assert acme.vera.get(f"/agents/{agent['id']}") == agent
        assert acme.vera.get("/agents", capability=capability)["items"] == [agent]

    def test_patch_changes_what_it_names(self, acme: Tenant) -> None:
        agent = scripted_agent(acme.dev)
        changes = {"description": "Changed.", "instructions": "Other.", "privilege_level": 2}
        changed = acme.dev.send("PATCH", f"/agents/{agent['id']}", 200, json=changes)
        require_agent(changed)
        later = {"version": 2, "updated_at": changed["updated_at"]}
        assert changed == agent | changes | later
        assert changed["updated_at"] > agent["updated_at"]

    def test_empty_patch_is_refused(self, acme: Tenant) -> None:
        agent = scripted_agent(acme.dev)
        acme.dev.refused("PATCH", f"/agents/{agent['id']}", 422, "invalid_input", json={})

    def test_put_tools_replaces_all_access(self, acme: Tenant, counter: EffectCounter) -> None:
        first, second = (counted_tool(acme.dev, counter) for _ in range(2))
        agent = scripted_agent(acme.dev, tools=[first])
        access = {"tool_access": {second: {"enabled": False}}}
        changed = acme.dev.send("PUT", f"/agents/{agent['id']}/tools", 200, json=access)
        assert changed["tool_access"] == {second: {"enabled": False, "rate_limit": None}}

    def test_unknown_tool_is_pointed_at(self, acme: Tenant) -> None:
        agent = scripted_agent(acme.dev)
        body: dict[str, Any] = {"tool_access": {"nobodys_tool": {}}}
        problem = acme.dev.refused("PUT", f"/agents/{agent['id']}/tools", 422, "invalid_input", json=body)
        assert [place["pointer"] for place in problem["errors"]] == ["/tool_access/nobodys_tool"]
        problem = acme.dev.refused("POST", "/agents", 422, "invalid_input", json=agent_draft(**body))
        assert [place["pointer"] for place in problem["errors"]] == ["/tool_access/nobodys_tool"]

    @pytest.mark.parametrize("level", [0, 6, 2.5, "3", True, None])
    def test_level_that_is_none_is_pointed_at(self, acme: Tenant, level: object) -> None:
        draft = agent_draft() | {"privilege_level": level}
        problem = acme.pia.refused("POST", "/agents", 422, "invalid_input", json=draft)
        assert [place["pointer"] for place in problem["errors"]] == ["/privilege_level"]

    def test_nobody_registers_or_raises_an_agent_above_their_own_level(self, acme: Tenant) -> None:
        acme.dev.refused("POST", "/agents", 403, "level_too_low", json=agent_draft(level=3))
        agent = scripted_agent(acme.dev, level=2)
        path = f"/agents/{agent['id']}"
        acme.dev.refused("PATCH", path, 403, "level_too_low", json={"privilege_level": 3})
        assert acme.alice.send("PATCH", path, 200, json={"privilege_level": 3})["privilege_level"] == 3
        acme.dev.refused("PATCH", path, 403, "level_too_low", json={"description": "It is above me now."})
        acme.dev.refused("PUT", f"{path}/tools", 403, "level_too_low", json={"tool_access": {}})

    def test_only_administrators_make_somebody_else_the_owner(self, acme: Tenant) -> None:
        acme.dev.refused("POST", "/agents", 403, "level_too_low", json=agent_draft(owner="alice"))
        assert scripted_agent(acme.ada, owner="alice")["owner"] == "alice"

    def test_owner_or_administrator_suspends_and_resumes(self, acme: Tenant) -> None:
        path = f"/agents/{scripted_agent(acme.dev)['id']}"
        acme.alice.refused("POST", f"{path}/suspend", 403, "level_too_low")
        suspended = acme.ada.send("POST", f"{path}/suspend", 200)
        require_agent(suspended)
        assert suspended["status"] == "suspended"
        assert suspended in acme.vera.get("/agents", status="suspended", page_size=200)["items"]
        acme.alice.refused("POST", f"{path}/resume", 403, "level_too_low")
        resumed = acme.dev.send("POST", f"{path}/resume", 200)
        require_agent(resumed)
        assert resumed["status"] == "active"

    def test_list_is_complete_page_by_page(self, acme: Tenant) -> None:
        newest = scripted_agent(acme.dev)
        require_page(acme.vera.get("/agents"), require_agent)
        ids = [agent["id"] for agent in walk(acme.vera, "/agents")]
        assert (ids[0], len(set(ids))) == (newest["id"], len(ids))
