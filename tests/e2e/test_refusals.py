"""What every operation refuses in the same way. The operations are read from /openapi.json: none can be forgotten."""

from typing import Any
from uuid import uuid4

import pytest

from tests.e2e import authoring, runs
from tests.e2e.authoring import approval_node, graph, scripted_agent, workflow
from tests.e2e.bodies import BODIES, body_of
from tests.e2e.client import Service, Tenant
from tests.e2e.contract import Operation

AUTHORING = (
    *("workflows_create", "workflows_update", "agents_register", "agents_update", "agents_set_tools"),
    *("tools_register", "tools_update"),
)
TOO_LARGE = b'{"description": "' + b"x" * (3 * 1024 * 1024) + b'"}'


@pytest.fixture(scope="module")
def operations(service: Service) -> list[Operation]:
    """What needs a token: all but health."""
    found = [operation for operation in service.contract.operations if not operation.is_public]
    assert len(found) >= 29
    return found


def somewhere(operation: Operation) -> str:
    """Return a path of the operation whose ids do not exist."""
    return operation.at(**dict.fromkeys(operation.path_names, str(uuid4())))


class TestWithoutRight:
    def test_no_operation_answers_without_a_token(self, service: Service, operations: list[Operation]) -> None:
        nobody = service.with_token(None)
        for operation in operations:
            problem = nobody.refused(operation.method, somewhere(operation), 401, "token_missing", **body_of(operation))
            assert "errors" not in problem

    def test_token_is_looked_at_before_the_body(self, service: Service, operations: list[Operation]) -> None:
        nobody = service.with_token(None)
        for operation in operations:
            if operation.takes_body:
                nobody.refused(operation.method, somewhere(operation), 401, "token_missing", content=b"{no json")

    def test_header_that_names_another_tenant_is_refused(
        self, acme: Tenant, globex: Tenant, operations: list[Operation]
    ) -> None:
        other = globex.dev.send("POST", "/workflows", 201, json=BODIES["workflows_create"])["tenant_id"]
        for operation in operations:
            for named in (other, "no-uuid"):
                acme.pia.refused(
                    operation.method,
                    somewhere(operation),
                    403,
                    "tenant_mismatch",
                    headers={"X-Tenant-ID": named},
                    **body_of(operation),
                )

    def test_header_that_names_the_own_tenant_is_fine(self, acme: Tenant) -> None:
        own = runs.start(acme.dev, workflow(acme.dev, authoring.trivial_graph()))["tenant_id"]
        assert acme.vera.ask("GET", "/agents", headers={"X-Tenant-ID": own}).status_code == 200

    def test_token_without_a_role_opens_nothing(self, service: Service, operations: list[Operation]) -> None:
        guest = service.person("acme-e2e", "guest", [])
        for operation in operations:
            guest.refused(operation.method, somewhere(operation), 403, "no_role", **body_of(operation))

    @pytest.mark.parametrize("operation_id", AUTHORING)
    def test_viewer_authors_nothing(self, acme: Tenant, service: Service, operation_id: str) -> None:
        operation = service.contract.operation(operation_id)
        acme.vera.refused(operation.method, somewhere(operation), 403, "level_too_low", json=BODIES[operation_id])

    def test_role_does_not_exceed_the_level_claim(self, service: Service) -> None:
        restrained = service.person("acme-e2e", "ada", ["admin"], level=1)
        restrained.refused("POST", "/agents", 403, "level_too_low", json=authoring.agent_draft())


class TestWrongInput:
    def test_body_that_is_no_json(self, acme: Tenant, operations: list[Operation]) -> None:
        for operation in operations:
            if operation.takes_body:
                headers = {"Content-Type": "application/json"}
                for content in (b"{", b"\xff\xfe", b'{"a": 1} trailing', b'{"a": NaN}'):
                    path = somewhere(operation)
                    acme.pia.refused(operation.method, path, 400, "malformed_json", content=content, headers=headers)

    def test_body_of_another_media_type(self, acme: Tenant, operations: list[Operation]) -> None:
        for operation in operations:
            if operation.takes_body:
                headers = {"Content-Type": "text/plain"}
                acme.pia.refused(
                    operation.method,
                    somewhere(operation),
                    415,
                    "unsupported_media_type",
                    content=b"{}",
                    headers=headers,
                )

    def test_body_that_is_too_large(self, acme: Tenant, operations: list[Operation]) -> None:
        for operation in operations:
            if operation.takes_body:
                headers = {"Content-Type": "application/json"}
                acme.pia.refused(
                    operation.method,
                    somewhere(operation),
                    413,
                    "input_too_large",
                    content=TOO_LARGE,
                    headers=headers,
                )

    def test_body_that_is_no_object(self, acme: Tenant, operations: list[Operation]) -> None:
        for operation in operations:
            if operation.takes_body:
                headers = {"Content-Type": "application/json"}
                for content in (b"[]", b'"text"', b"5"):
                    path = somewhere(operation)
                    problem = acme.pia.refused(
                        operation.method, path, 422, "invalid_input", content=content, headers=headers
                    )
                    assert [place["pointer"] for place in problem["errors"]] == [""]

    def test_misspelt_field_is_pointed_at(self, acme: Tenant, operations: list[Operation]) -> None:
        for operation in operations:
            if operation.takes_body:
                body = {**BODIES.get(operation.id, {}), "mispelt/field": 1}
                problem = acme.pia.refused(operation.method, somewhere(operation), 422, "invalid_input", json=body)
                assert [place["pointer"] for place in problem["errors"]] == ["/mispelt~1field"], operation.id

    def test_misspelt_query_parameter_is_pointed_at(self, acme: Tenant, operations: list[Operation]) -> None:
        for operation in operations:
            if operation.query_names:
                params = {"mispelt": "1", **({"page": 1} if "page" in operation.query_names else {})}
                problem = acme.pia.refused(operation.method, somewhere(operation), 422, "invalid_input", params=params)
                assert [place["pointer"] for place in problem["errors"]] == ["?mispelt"], operation.id

    @pytest.mark.parametrize(
        ("name", "value"), [("page", 0), ("page", "x"), ("page_size", 0), ("page_size", 201), ("page", 10**30)]
    )
    def test_page_out_of_range_is_pointed_at(
        self, acme: Tenant, operations: list[Operation], name: str, value: object
    ) -> None:
        lists = [operation for operation in operations if "page_size" in operation.query_names]
        assert len(lists) >= 7
        for operation in lists:
            problem = acme.vera.refused(
                operation.method, somewhere(operation), 422, "invalid_input", params={name: value}
            )
            assert [place["pointer"] for place in problem["errors"]] == [f"?{name}"]

    def test_id_that_is_none_is_pointed_at(self, acme: Tenant, operations: list[Operation]) -> None:
        for operation in operations:
            for name in operation.path_names:
                path = operation.at(**dict.fromkeys(operation.path_names, "no%20id"))
                problem = acme.pia.refused(operation.method, path, 422, "invalid_input", **body_of(operation))
                assert [place["pointer"] for place in problem["errors"]] == [f"{{{name}}}"]

    def test_id_that_does_not_exist(self, acme: Tenant, operations: list[Operation]) -> None:
        with_ids = [operation for operation in operations if operation.path_names]
        assert len(with_ids) >= 17
        for operation in with_ids:
            acme.pia.refused(operation.method, somewhere(operation), 404, "not_found", **body_of(operation))

    def test_idempotency_key_that_is_none_is_pointed_at(self, acme: Tenant, operations: list[Operation]) -> None:
        creating = [op for op in operations if op.id in {"workflows_create", "agents_register", "tools_register"}]
        creating += [op for op in operations if op.id in {"workflows_execute", "agents_invoke"}]
        assert len(creating) == 5
        for operation in creating:
            for key in ("", "x" * 256, "a b"):
                problem = acme.pia.refused(
                    operation.method,
                    somewhere(operation),
                    422,
                    "invalid_input",
                    headers={"Idempotency-Key": key},
                    **body_of(operation),
                )
                assert [place["pointer"] for place in problem["errors"]] == ["Idempotency-Key:"]


class TestHttp:
    def test_unknown_path(self, acme: Tenant) -> None:
        acme.pia.refused("GET", "/nothing", 404, "not_found")

    def test_unknown_method_says_which_there_are(self, acme: Tenant) -> None:
        answer = acme.pia.ask("DELETE", "/workflows")
        assert (answer.status_code, answer.headers["Allow"]) == (405, "GET, POST")

    def test_request_id_is_echoed(self, acme: Tenant) -> None:
        answer = acme.vera.ask("GET", f"/workflows/{uuid4()}", headers={"X-Request-ID": "mine-7"})
        assert answer.headers["X-Request-ID"] == "mine-7"
        assert answer.json()["request_id"] == "mine-7"

    def test_request_id_that_could_harm_a_log_is_replaced(self, acme: Tenant) -> None:
        answer = acme.vera.ask("GET", "/agents", headers={"X-Request-ID": 'a" evil=1'})
        assert answer.headers["X-Request-ID"] != 'a" evil=1'

    def test_health_and_documents_are_public(self, service: Service) -> None:
        nobody = service.with_token(None)
        assert nobody.send("GET", "/live", 200) == {"status": "live"}
        ready = nobody.send("GET", "/ready", 200)
        assert {name: check["state"] for name, check in ready["checks"].items()} == {
            "database": "up",
            "redis": "up",
            "temporal": "up",
        }
        document = nobody.send("GET", "/openapi.json", 200)
        assert document["openapi"].startswith("3.1.")
        assert service.http.get("/docs").status_code == 200

    def test_every_body_and_answer_has_an_example(self, service: Service) -> None:
        document = service.contract.document
        schemas = document["components"]["schemas"]

        def has_example(content: dict[str, Any]) -> bool:
            schema = content["schema"]
            schema = schemas[schema["$ref"].rpartition("/")[2]] if "$ref" in schema else schema
            return bool({"example", "examples"} & (content.keys() | schema.keys()))

        without = []
        for operation in service.contract.operations:
            bodies = [operation.document["requestBody"]] if operation.takes_body else []
            answers = operation.document["responses"].values()
            for part in (*bodies, *answers):
                without += [operation.id for content in part.get("content", {}).values() if not has_example(content)]
        assert without == []

    def test_schema_of_definitions_is_published_and_describes_them(self, acme: Tenant) -> None:
        schema = acme.vera.get("/schemas/workflow")
        assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
        assert {"state", "entry_point", "nodes", "edges"} <= schema["properties"].keys()


class TestConflicts:
    def test_workflow_name_is_taken(self, acme: Tenant) -> None:
        stored = workflow(acme.dev, authoring.trivial_graph())
        draft = authoring.workflow_draft(authoring.trivial_graph(), name=stored["name"])
        acme.dev.refused("POST", "/workflows", 409, "workflow_name_taken", json=draft)
        other = workflow(acme.dev, authoring.trivial_graph())
        acme.dev.refused("PUT", f"/workflows/{other['id']}", 409, "workflow_name_taken", json=draft)

    def test_agent_name_is_taken(self, acme: Tenant) -> None:
        name = scripted_agent(acme.dev)["name"]
        acme.dev.refused("POST", "/agents", 409, "agent_name_taken", json=authoring.agent_draft(name=name))
        other = scripted_agent(acme.dev)
        acme.dev.refused("PATCH", f"/agents/{other['id']}", 409, "agent_name_taken", json={"name": name})

    def test_tool_name_is_taken(self, acme: Tenant) -> None:
        draft = authoring.tool_draft("http://127.0.0.1:9/nothing")
        acme.dev.send("POST", "/tools", 201, json=draft)
        acme.dev.refused("POST", "/tools", 409, "tool_name_taken", json=draft)

    def test_suspended_agent_starts_nothing(self, acme: Tenant) -> None:
        agent = scripted_agent(acme.dev)
        definition = graph({"work": {"type": "agent", "prompt": "go"}})
        stored = workflow(acme.dev, definition, agents={"work": agent["id"]})
        assert acme.dev.send("POST", f"/agents/{agent['id']}/suspend", 200)["status"] == "suspended"
        acme.dev.refused("POST", f"/agents/{agent['id']}/invoke", 409, "agent_suspended", json={})
        acme.dev.refused("POST", f"/workflows/{stored['id']}/execute", 409, "agent_suspended", json={})
        assert acme.dev.send("POST", f"/agents/{agent['id']}/resume", 200)["status"] == "active"
        runs.ended(acme.dev, runs.execute(acme.dev, stored))

    def test_disabled_tool_starts_nothing(self, acme: Tenant) -> None:
        tool = acme.dev.send("POST", "/tools", 201, json=authoring.tool_draft("http://127.0.0.1:9/nothing"))
        stored = workflow(acme.dev, graph({"act": authoring.call_node(tool["name"])}))
        acme.dev.send("PATCH", f"/tools/{tool['name']}", 200, json={"status": "disabled"})
        acme.dev.refused("POST", f"/workflows/{stored['id']}/execute", 409, "tool_disabled", json={})

    def test_run_that_has_ended_is_not_cancelled(self, acme: Tenant) -> None:
        stored = workflow(acme.dev, authoring.trivial_graph())
        run = runs.execute(acme.dev, stored)
        runs.ended(acme.dev, run)
        acme.dev.refused("POST", f"/executions/{run}/cancel", 409, "already_ended", json={})
        body = {"execution_id": run}
        acme.dev.refused("POST", f"/workflows/{stored['id']}/cancel", 409, "already_ended", json=body)

    def test_run_of_another_workflow_is_not_found(self, acme: Tenant) -> None:
        mine, other = (workflow(acme.dev, graph({"ask": approval_node()})) for _ in range(2))
        run = runs.execute(acme.dev, mine)
        path = f"/workflows/{other['id']}"
        acme.dev.refused("GET", f"{path}/status", 404, "not_found", params={"execution_id": run})
        acme.dev.refused("POST", f"{path}/cancel", 404, "not_found", json={"execution_id": run})
        acme.dev.send("POST", f"/workflows/{mine['id']}/cancel", 202, json={"execution_id": run})
        runs.ended(acme.dev, run, "cancelled")

    def test_workflow_that_has_not_run_has_no_status(self, acme: Tenant) -> None:
        stored = workflow(acme.dev, authoring.trivial_graph())
        acme.dev.refused("GET", f"/workflows/{stored['id']}/status", 404, "not_found")

    def test_version_that_does_not_exist(self, acme: Tenant) -> None:
        stored = workflow(acme.dev, authoring.trivial_graph())
        acme.dev.refused("GET", f"/workflows/{stored['id']}", 404, "not_found", params={"version": 2})
        acme.dev.refused("POST", f"/workflows/{stored['id']}/execute", 404, "not_found", json={"version": 2})
