"""Tools as the contract describes them, and who may register and change them."""

from typing import Any

import pytest

from tests.e2e.authoring import tool_draft, unique
from tests.e2e.client import Tenant
from tests.e2e.paging import walk
from tests.e2e.shapes import require_page, require_tool

NOWHERE = "http://127.0.0.1:9/nothing"


class TestTools:
    def test_everything_that_was_sent_is_stored(self, acme: Tenant) -> None:
        draft = tool_draft(NOWHERE, level=2, output_schema={"type": "object"}, idempotency="idempotent")
        tool = acme.dev.send("POST", "/tools", 201, json=draft)
        require_tool(tool)
        assert {name: tool[name] for name in draft} == draft
        assert acme.vera.get(f"/tools/{draft['name']}") == tool

    def test_python_tool_takes_its_schema_from_its_function(self, acme: Tenant) -> None:
        draft = {
            "name": unique("collect"),
            "min_privilege_level": 1,
            "config": {"type": "python", "ref": "audit_collect_packages"},
        }
        tool = acme.dev.send("POST", "/tools", 201, json=draft)
        require_tool(tool)
        assert tool["input_schema"]["type"] == "object"
        assert tool["description"] != ""

    @pytest.mark.parametrize(
        ("config", "pointer"),
        [
            ({"type": "http", "url": "ftp://example.com/"}, "/config/url"),
            ({"type": "http", "url": "http://user:word@example.com/"}, "/config/url"),
            ({"type": "http", "url": "http://169.254.169.254/latest/meta-data"}, "/config/url"),
            ({"type": "http", "url": "http://10.0.0.1/"}, "/config/url"),
            ({"type": "http", "method": "TRACE", "url": NOWHERE}, "/config/method"),
            (
                {"type": "http", "url": NOWHERE, "headers": {"Authorization": "Bearer KEY"}},
                "/config/headers/Authorization",
            ),
            ({"type": "http", "url": NOWHERE, "headers": {"X-Key": "secret:KEY"}}, "/config/headers/X-Key"),
            (
                {"type": "http", "url": NOWHERE, "headers": {"Idempotency-Key": "mine"}},
                "/config/headers/Idempotency-Key",
            ),
            ({"type": "http", "url": NOWHERE, "timeout": 0}, "/config/timeout"),
            ({"type": "http"}, "/config/url"),
            ({"type": "python", "ref": "os:system"}, "/config/ref"),
            ({"type": "carrier-pigeon"}, "/config/type"),
            ({}, "/config/type"),
        ],
    )
    def test_configuration_that_cannot_work_is_pointed_at(
        self, acme: Tenant, config: dict[str, Any], pointer: str
    ) -> None:
        draft = tool_draft(NOWHERE) | {"config": config}
        problem = acme.pia.refused("POST", "/tools", 422, "invalid_tool", json=draft)
        assert [place["pointer"] for place in problem["errors"]] == [pointer]

    def test_schema_that_is_none_is_pointed_at(self, acme: Tenant) -> None:
        draft = tool_draft(NOWHERE, input_schema={"type": "nonsense"})
        problem = acme.dev.refused("POST", "/tools", 422, "invalid_input", json=draft)
        assert problem["errors"][0]["pointer"].startswith("/input_schema")

    def test_nobody_touches_a_tool_above_their_own_level(self, acme: Tenant) -> None:
        acme.dev.refused("POST", "/tools", 403, "level_too_low", json=tool_draft(NOWHERE, level=3))
        tool = acme.alice.send("POST", "/tools", 201, json=tool_draft(NOWHERE, level=3))
        path = f"/tools/{tool['name']}"
        acme.dev.refused("PATCH", path, 403, "level_too_low", json={"min_privilege_level": 1})
        acme.alice.refused("PATCH", path, 403, "level_too_low", json={"min_privilege_level": 4})
        changed = acme.alice.send("PATCH", path, 200, json={"min_privilege_level": 2})
        require_tool(changed)
        assert (changed["min_privilege_level"], changed["version"]) == (2, 2)

    def test_list_by_status_is_complete_page_by_page(self, acme: Tenant) -> None:
        tool = acme.dev.send("POST", "/tools", 201, json=tool_draft(NOWHERE))
        disabled = acme.dev.send("PATCH", f"/tools/{tool['name']}", 200, json={"status": "disabled"})
        require_page(acme.vera.get("/tools"), require_tool)
        assert disabled in walk(acme.vera, "/tools", status="disabled")
        active = walk(acme.vera, "/tools", status="active")
        assert {tool["status"] for tool in active} == {"active"}
        names = [tool["name"] for tool in walk(acme.vera, "/tools")]
        assert len(set(names)) == len(names) == acme.vera.get("/tools")["total"]
