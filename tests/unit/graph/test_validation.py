"""Every fault of a definition, told at its place; doubts as warnings; a picture of what is valid."""

from dataclasses import replace
from typing import Any

import pytest

from aumos_agent_framework.core.domain.agents import AgentStatus
from aumos_agent_framework.core.domain.tools import ToolStatus
from aumos_agent_framework.core.domain.workflows import RunAs, ValidationReport, WorkflowDraft
from aumos_agent_framework.core.graph.validation import Catalog, definition_hash, references, validate
from aumos_agent_framework.core.types import JsonObject, PrivilegeLevel
from tests.factories import make_agent, make_tool, make_workflow_draft
from tests.unit.graph.definitions import LOG, chain, graph, logging, otherwise, transform, when

CATALOG = Catalog(
    agents={"writer": make_agent(name="writer"), "asleep": make_agent(name="asleep", status=AgentStatus.SUSPENDED)},
    tools={
        "lookup": make_tool(
            name="lookup",
            input_schema={
                "type": "object",
                "properties": {"query": {"type": "string"}, "limit": {"type": "integer"}},
                "required": ["query"],
                "additionalProperties": False,
            },
        ),
        "off": make_tool(name="off", status=ToolStatus.DISABLED, input_schema={}),
    },
)
AGENT: JsonObject = {"type": "agent", "prompt": "Hi"}


def check(definition: JsonObject, **draft: Any) -> ValidationReport:
    return validate(make_workflow_draft(graph_definition=definition, **draft), CATALOG)


def errors(definition: JsonObject, **draft: Any) -> set[tuple[str, str]]:
    """Return (pointer, code) of every error; each must say something and have no picture."""
    report = check(definition, **draft)
    assert all(problem.message for problem in report.errors)
    assert report.valid is (not report.errors)
    assert (report.mermaid is None) is bool(report.errors)
    return {(problem.pointer, problem.code) for problem in report.errors}


def warnings(definition: JsonObject, **draft: Any) -> set[tuple[str, str]]:
    """Return (pointer, code) of every warning of a definition that is valid."""
    report = check(definition, **draft)
    assert report.valid, report.errors
    return {(problem.pointer, problem.code) for problem in report.warnings}


class TestEdges:
    def test_a_sound_graph_has_no_fault_and_no_doubt(self) -> None:
        definition = graph(logging("a", "b"), when("a", "state.log != []", "b"), otherwise("a", "END"), "b > END")
        assert errors(definition | {"state": LOG}) == set()
        assert warnings(definition | {"state": LOG}) == set()

    @pytest.mark.parametrize(
        ("edge", "place"),
        [
            ({"from": "nope", "to": "END"}, "from"),
            ({"from": "a", "to": "nope"}, "to"),
            ({"from": "END", "to": "a"}, "from"),
            ({"from": "a", "to": "START"}, "to"),
            ({"from": "a", "to": "END", "when": "true", "otherwise": "nope"}, "otherwise"),
            ({"from": "a", "to": "", "when": "true"}, "to"),
        ],
    )
    def test_an_edge_names_a_node_that_does_not_exist(self, edge: JsonObject, place: str) -> None:
        definition = graph({"a": transform(x="1")}, "a > END", edge)
        assert errors(definition) == {(f"/graph_definition/edges/1/{place}", "unknown_node")}

    def test_an_unknown_node_comes_with_the_nodes_there_are(self) -> None:
        (problem,) = check(graph({"a": transform(x="1"), "b": transform(x="1")}, "a > b > c")).errors
        assert "'c'" in problem.message
        assert problem.hint == "Nodes: a, b."

    @pytest.mark.parametrize(
        ("entry", "pointer"),
        [
            ("nope", "/graph_definition/entry_point"),
            (["a", "nope"], "/graph_definition/entry_point/1"),
            ("START", "/graph_definition/entry_point"),
            ("END", "/graph_definition/entry_point"),
            ("", "/graph_definition/entry_point"),
        ],
    )
    def test_an_entry_point_names_no_node(self, entry: Any, pointer: str) -> None:
        definition = chain({"a": transform(x="1")}) | {"entry_point": entry}
        assert errors(definition) == {(pointer, "unknown_node")}

    def test_on_error_names_no_node(self) -> None:
        definition = chain({"a": {**transform(x="1"), "on_error": "nope"}})
        assert errors(definition) == {("/graph_definition/nodes/a/on_error", "unknown_node")}

    def test_a_graph_begins_somewhere(self) -> None:
        definition = chain({"a": transform(x="1")})
        del definition["entry_point"]
        assert ("/graph_definition/entry_point", "no_entry_point") in errors(definition)

    def test_an_edge_from_start_says_the_same_as_entry_point(self) -> None:
        definition = graph(logging("a", "b"), "START > a > END", "START > b > END", state=LOG)
        del definition["entry_point"]
        assert errors(definition) == set()
        assert errors(definition | {"entry_point": ["a", "b"]}) == set()

    @pytest.mark.parametrize(
        "edge", [when("START", "true", "a"), otherwise("START", "a"), when("START", "true", "a", otherwise="b")]
    )
    def test_an_edge_from_start_has_no_condition(self, edge: JsonObject) -> None:
        definition = graph(logging("a", "b"), "a > b > END", edge)
        assert ("/graph_definition/edges/2", "conditional_start") in errors(definition)

    def test_an_edge_from_start_leads_to_a_node(self) -> None:
        definition = graph(logging("a"), "a > END", "START > END")
        assert errors(definition) == {("/graph_definition/edges/1/to", "empty_start")}

    def test_a_node_has_one_otherwise(self) -> None:
        definition = graph(
            logging("a", "b"), when("a", "true", "b"), otherwise("a", "b"), otherwise("a", "END"), "b > END"
        )
        assert errors(definition) == {("/graph_definition/edges/2/otherwise", "second_otherwise")}

    @pytest.mark.parametrize("name", ["START", "END"])
    def test_a_node_is_not_called_start_or_end(self, name: str) -> None:
        definition = chain({"a": transform(x="1")})
        definition["nodes"][name] = transform(x="1")
        assert (f"/graph_definition/nodes/{name}", "reserved_name") in errors(definition)


class TestFlow:
    def test_a_node_that_nothing_leads_to(self) -> None:
        definition = graph(logging("a", "b", "c"), "a > END", "b > c > END")
        assert errors(definition) == {
            ("/graph_definition/nodes/b", "unreachable_node"),
            ("/graph_definition/nodes/c", "unreachable_node"),
        }

    def test_a_node_only_reached_by_on_error_is_reached(self) -> None:
        nodes = {"a": {**transform(x="1"), "on_error": "b"}, "b": transform(x="2")}
        assert errors(graph(nodes, "a > END", "b > END")) == set()

    def test_a_node_without_a_way_out(self) -> None:
        assert errors(graph(logging("a", "b"), "a > b")) == {
            ("/graph_definition/nodes/a", "no_path_to_end"),
            ("/graph_definition/nodes/b", "no_path_to_end"),
        }

    def test_a_dead_end_beside_a_way_to_the_end(self) -> None:
        assert errors(graph(logging("a", "b"), "a > b", "a > END")) == {("/graph_definition/nodes/b", "no_path_to_end")}

    def test_conditional_nodes_that_circle_without_a_way_to_the_end(self) -> None:
        definition = graph(logging("a", "b"), when("a", "true", "b"), when("b", "true", "a"))
        assert {code for _, code in errors(definition)} == {"no_path_to_end"}

    @pytest.mark.parametrize(
        "edges",
        [
            ("a > b > a", "b > END"),
            ("a > b", otherwise("b", "a"), "b > END"),
            ("a > b > c > a", "c > END"),
        ],
    )
    def test_a_cycle_that_no_condition_can_leave(self, edges: tuple[Any, ...]) -> None:
        definition = graph(logging("a", "b", "c"), *edges, when("a", "false", "c"), "c > END")
        assert ("/graph_definition/nodes/a", "unbounded_cycle") in errors(definition)

    def test_a_node_that_always_leads_to_itself(self) -> None:
        assert errors(graph(logging("a"), "a > a", "a > END")) == {("/graph_definition/nodes/a", "unbounded_cycle")}

    @pytest.mark.parametrize(
        "edges",
        [
            ("a > b", when("b", "state.n < 3", "a"), otherwise("b", "END")),
            ("a > b", when("b", "state.n < 3", "a", otherwise="END")),
            ("a > b > END", when("b", "state.n < 3", "a")),
            (when("a", "state.n < 3", "a"), otherwise("a", "b"), "b > END"),
        ],
    )
    def test_a_cycle_with_a_condition_on_it_is_fine(self, edges: tuple[Any, ...]) -> None:
        assert errors(graph(logging("a", "b"), *edges)) == set()

    def test_conditions_that_may_all_fail_deserve_a_warning(self) -> None:
        definition = graph({"a": transform(x="1")}, when("a", "state.x == 1", "END"))
        assert warnings(definition) == {("/graph_definition/nodes/a", "no_otherwise")}

    def test_conditions_beside_an_edge_that_is_always_taken_do_not(self) -> None:
        definition = graph(logging("a", "b"), when("a", "state.x == 1", "b"), "a > END", "b > END")
        assert warnings(definition) == set()


class TestExpressions:
    @pytest.mark.parametrize(
        ("node", "place", "code"),
        [
            ({"type": "agent", "prompt": "${{ state. }}"}, "prompt", "expression_syntax"),
            ({"type": "agent", "prompt": "Dear ${{ name"}, "prompt", "expression_syntax"),
            ({"type": "agent", "input": {"a": ["${{ ) }}"]}}, "input/a/0", "expression_syntax"),
            ({"type": "agent", "prompt": "${{ stat.x }}"}, "prompt", "unknown_name"),
            (
                {"type": "tool", "tool": "off", "arguments": {"a/b": "${{ 1 + }}"}},
                "arguments/a~1b",
                "expression_syntax",
            ),
            ({"type": "tool", "tool": "off", "arguments": {"a": "${{ foo }}"}}, "arguments/a", "unknown_name"),
            ({"type": "tool", "tool": "off", "arguments": {"a": "${{ now() }}"}}, "arguments/a", "unknown_name"),
            ({"type": "approval", "action": "${{ ' }}"}, "action", "expression_syntax"),
            ({"type": "approval", "context": {"k": "${{ item }}"}}, "context/k", "unknown_name"),
            (transform(x="1 +"), "set/x", "expression_syntax"),
            (transform(x="approved"), "set/x", "unknown_name"),
            (transform(x="lenght(state.y)"), "set/x", "unknown_name"),
            (transform(x="${{ state.y }}"), "set/x", "expression_syntax"),
            (transform(x=""), "set/x", "expression_syntax"),
        ],
    )
    def test_a_template_or_expression_that_cannot_work(self, node: JsonObject, place: str, code: str) -> None:
        assert errors(chain({"n": node}), agents={"n": "writer"} if node["type"] == "agent" else {}) == {
            (f"/graph_definition/nodes/n/{place}", code)
        }

    @pytest.mark.parametrize(
        ("condition", "code"),
        [("state.x ==", "expression_syntax"), ("approved", "unknown_name"), ("${{ state.x }}", "expression_syntax")],
    )
    def test_a_condition_that_cannot_work(self, condition: str, code: str) -> None:
        definition = graph(logging("a"), when("a", condition, "END"), otherwise("a", "END"))
        assert errors(definition) == {("/graph_definition/edges/0/when", code)}

    @pytest.mark.parametrize("condition", ["state.x >", "amount > 3", "sum(state.x)"])
    def test_a_gates_condition_that_cannot_work(self, condition: str) -> None:
        ((pointer, _),) = errors(chain(logging("a")), hitl_gates={"a": {"condition": condition}})
        assert pointer == "/hitl_gates/a/condition"

    def test_text_without_quotes_is_told_how_to_write_it(self) -> None:
        (problem,) = check(chain({"a": transform(x="approved")})).errors
        assert "\"'approved'\"" in str(problem.hint)

    def test_escaped_openings_and_plain_text_are_no_templates(self) -> None:
        assert (
            errors(chain({"n": {"type": "agent", "prompt": "$${{ not. ${x} {{ }}"}}), agents={"n": "writer"}) == set()
        )


class TestAgentsAndTools:
    def test_an_agent_that_does_not_exist(self) -> None:
        assert errors(chain({"n": AGENT}), agents={"n": "nobody"}) == {("/agents/n", "unknown_agent")}

    def test_an_agent_node_without_an_agent(self) -> None:
        assert errors(chain({"n": AGENT})) == {("/graph_definition/nodes/n", "agent_unbound")}

    def test_an_agent_that_is_not_used_or_suspended_deserves_a_warning(self) -> None:
        agents = {"n": "asleep", "gone": "writer", "t": "writer"}
        definition = chain({"n": AGENT, "t": transform(x="1")})
        assert warnings(definition, agents=agents) == {
            ("/agents/n", "agent_suspended"),
            ("/agents/gone", "unused_agent"),
            ("/agents/t", "unused_agent"),
        }

    def test_a_tool_that_does_not_exist(self) -> None:
        assert errors(chain({"n": {"type": "tool", "tool": "nope"}})) == {
            ("/graph_definition/nodes/n/tool", "unknown_tool")
        }

    def test_a_disabled_tool_deserves_a_warning(self) -> None:
        assert warnings(chain({"n": {"type": "tool", "tool": "off"}})) == {
            ("/graph_definition/nodes/n/tool", "tool_disabled")
        }

    @pytest.mark.parametrize(
        ("arguments", "places"),
        [
            ({"query": "x"}, set()),
            ({"query": "${{ state.q }}", "limit": "${{ state.n }}"}, set()),
            ({"query": 3}, {"/query"}),
            ({"query": "x", "limit": "ten"}, {"/limit"}),
            ({"query": 3, "limit": "ten"}, {"/query", "/limit"}),
            ({}, {""}),
            ({"limit": "${{ state.n }}"}, {""}),
            ({"query": "${{ state.q }}", "wrong": 1}, {""}),
        ],
    )
    def test_arguments_that_do_not_fit_the_tools_schema(self, arguments: JsonObject, places: set[str]) -> None:
        definition = chain({"n": {"type": "tool", "tool": "lookup", "arguments": arguments}})
        assert errors(definition) == {
            (f"/graph_definition/nodes/n/arguments{place}", "arguments_misfit") for place in places
        }

    def test_a_misfit_names_the_tool(self) -> None:
        (problem,) = check(chain({"n": {"type": "tool", "tool": "lookup"}})).errors
        assert "tool lookup" in problem.message
        assert "query" in problem.message


class TestState:
    @pytest.mark.parametrize(
        "state",
        [
            {"properties": []},
            {"properties": {"a": {"type": "strnig"}}},
            {"properties": {"a": {"$ref": "https://example.com/s"}}},
            {"properties": {"a": {"$ref": "#/$defs/missing"}}},
            {"required": "a"},
        ],
    )
    def test_a_state_that_is_no_schema(self, state: JsonObject) -> None:
        assert errors(chain(logging("a"), state=state)) == {("/graph_definition/state", "schema_invalid")}

    @pytest.mark.parametrize("kind", ["array", ["object", "null"]])
    def test_the_state_is_an_object(self, kind: Any) -> None:
        assert errors(chain(logging("a"), state={"type": kind})) == {("/graph_definition/state/type", "schema_invalid")}

    def test_a_reducer_that_does_not_exist(self) -> None:
        state = {"properties": {"log": {"x-reducer": "concat"}}}
        assert errors(chain(logging("a"), state=state)) == {
            ("/graph_definition/state/properties/log/x-reducer", "unknown_reducer")
        }

    def test_a_key_that_no_expression_can_use(self) -> None:
        state: JsonObject = {"properties": {"a/b": {}, "log": {}}}
        assert errors(chain(logging("a"), state=state)) == {
            ("/graph_definition/state/properties/a~1b", "state_key_invalid")
        }

    @pytest.mark.parametrize(
        ("schema", "inner"),
        [
            ({"type": "integer", "default": "3"}, ""),
            ({"x-reducer": "add", "default": None}, ""),
            ({"x-reducer": "append", "default": {}}, ""),
            ({"type": "array", "items": {"type": "string"}, "default": ["a", 3]}, "/1"),
        ],
    )
    def test_a_default_that_does_not_fit(self, schema: JsonObject, inner: str) -> None:
        state = {"properties": {"log": {}, "x": schema}, "required": ["x", "other"]}
        assert errors(chain(logging("a"), state=state)) == {
            (f"/graph_definition/state/properties/x/default{inner}", "default_misfit")
        }

    def test_writing_what_the_state_does_not_declare_is_a_doubt(self) -> None:
        nodes = {
            "t": transform(typo="1"),
            "c": {"type": "tool", "tool": "off", "output": "slip"},
        }
        declared: JsonObject = {"properties": {"log": {}}}
        assert warnings(chain(nodes, state=declared)) == {
            ("/graph_definition/nodes/t/set/typo", "undeclared_state"),
            ("/graph_definition/nodes/c/output", "undeclared_state"),
            ("/graph_definition/nodes/c/tool", "tool_disabled"),
        }

    def test_writing_what_a_closed_state_does_not_declare_is_an_error(self) -> None:
        closed = {"properties": {"log": {}}, "additionalProperties": False}
        assert errors(chain({"t": transform(typo="1")}, state=closed)) == {
            ("/graph_definition/nodes/t/set/typo", "undeclared_state")
        }

    def test_an_output_schema_that_is_none(self) -> None:
        definition = chain({"n": {**AGENT, "output_schema": {"type": "text"}}})
        assert errors(definition, agents={"n": "writer"}) == {
            ("/graph_definition/nodes/n/output_schema", "schema_invalid")
        }


class TestShape:
    @pytest.mark.parametrize(
        ("changes", "pointer"),
        [
            ({"nodes": {}}, "/graph_definition/nodes"),
            ({"nodes": None}, "/graph_definition/nodes"),
            ({"entry_point": None}, "/graph_definition/entry_point"),
            ({"edges": {}}, "/graph_definition/edges"),
            ({"edges": [3]}, "/graph_definition/edges/0"),
            ({"edges": [{"to": "a"}]}, "/graph_definition/edges/0/from"),
            ({"edges": [{"from": "a", "to": "END", "otherwise": 3}]}, "/graph_definition/edges/0/otherwise"),
            ({"edges": [{"from": "a", "to": "END", "otherwise": "END"}]}, "/graph_definition/edges/0"),
            ({"version": 2}, "/graph_definition/version"),
            ({"name": "x"}, "/graph_definition/name"),
            ({"nodes": {"a": 3}}, "/graph_definition/nodes/a"),
            ({"nodes": {"a": {}}}, "/graph_definition/nodes/a"),
            ({"nodes": {"a": {"type": "wait"}}}, "/graph_definition/nodes/a"),
            ({"nodes": {"a b": transform(x="1")}}, "/graph_definition/nodes/a b"),
            ({"nodes": {"a": {"type": "transform", "set": {"x": 3}}}}, "/graph_definition/nodes/a/set/x"),
            ({"nodes": {"a": {"type": "transform", "set": {"x/y": "3"}}}}, "/graph_definition/nodes/a/set/x~1y"),
            ({"nodes": {"a": {"type": "transform"}}}, "/graph_definition/nodes/a/set"),
            ({"nodes": {"a": {"type": "tool"}}}, "/graph_definition/nodes/a/tool"),
            ({"nodes": {"a": {"type": "tool", "tool": 3}}}, "/graph_definition/nodes/a/tool"),
            ({"nodes": {"a": {"type": "tool", "tool": "off", "arguments": 3}}}, "/graph_definition/nodes/a/arguments"),
            ({"nodes": {"a": {"type": "tool", "tool": "off", "agent": 1}}}, "/graph_definition/nodes/a/agent"),
            ({"nodes": {"a": {**AGENT, "timeout": "soon"}}}, "/graph_definition/nodes/a/timeout"),
            (
                {"nodes": {"a": {**AGENT, "retry": {"max_attempts": "3"}}}},
                "/graph_definition/nodes/a/retry/max_attempts",
            ),
            ({"nodes": {"a": {**AGENT, "input": 1}}}, "/graph_definition/nodes/a"),
        ],
    )
    def test_a_fault_of_shape_points_at_its_place(self, changes: JsonObject, pointer: str) -> None:
        found = errors({**chain({"a": transform(x="1")}), **changes})
        assert {place for place, _ in found} == {pointer}
        assert all(code.startswith("shape_") for _, code in found)

    def test_an_entry_in_a_list_is_pointed_at(self) -> None:
        found = errors({**chain(logging("a")), "entry_point": ["a", 1]})
        assert "/graph_definition/entry_point/1" in {pointer for pointer, _ in found}

    def test_the_node_types_of_this_version_are_told(self) -> None:
        (problem,) = check(chain({"a": {"type": "wait", "for": "PT1H"}})).errors
        assert "agent, tool, approval, transform" in str(problem.hint)

    def test_nesting_has_a_limit(self) -> None:
        deep: Any = 1
        for _ in range(20_000):
            deep = {"a": deep}
        assert errors(chain({"a": {**AGENT, "input": deep}})) == {("/graph_definition", "nested_too_deep")}

    @pytest.mark.parametrize("number", [float("nan"), float("inf"), 2**60])
    def test_numbers_that_would_change_on_their_way(self, number: float) -> None:
        definition = chain({"n": {"type": "approval", "context": {"x": number}}})
        assert errors(definition) == {("/graph_definition", "number_out_of_range")}


class TestDraft:
    @pytest.mark.parametrize(
        ("gate", "place"),
        [
            ({"when": "during"}, "/when"),
            ({"approver_level": 9}, "/approver_level"),
            ({"approver_level": True}, "/approver_level"),
            ({"timeout": "soon"}, "/timeout"),
            ({"on_timeout": "approve"}, "/on_timeout"),
            ({"notify": []}, "/notify"),
            ({"approver_roles": [1]}, "/approver_roles/0"),
        ],
    )
    def test_a_gate_that_is_none(self, gate: JsonObject, place: str) -> None:
        found = errors(chain(logging("a")), hitl_gates={"a": gate})
        assert {pointer for pointer, _ in found} == {f"/hitl_gates/a{place}"}

    def test_a_gate_that_guards_nothing_is_a_warning(self) -> None:
        found = warnings(chain(logging("publish")), hitl_gates={"pubish": {}})
        assert found == {("/hitl_gates/pubish", "gate_on_missing_node")}

    @pytest.mark.parametrize("limits", [{"max_steps": 0}, {"max_steps": 10_001}, {"max_steps": "5"}, {"max_cost": 5}])
    def test_limits_that_are_none(self, limits: JsonObject) -> None:
        ((pointer, _),) = errors(chain(logging("a")), limits=limits)
        assert pointer == f"/limits/{next(iter(limits))}"

    def test_run_as_workflow_needs_a_cap(self) -> None:
        assert errors(chain(logging("a")), run_as=RunAs.WORKFLOW) == {("/privilege_cap", "cap_missing")}
        assert errors(chain(logging("a")), run_as=RunAs.WORKFLOW, privilege_cap=PrivilegeLevel(2)) == set()

    def test_breakers_are_kept_but_not_enforced(self) -> None:
        assert warnings(chain(logging("a")), circuit_breaker_config={"window_size": 5}) == {
            ("/circuit_breaker_config", "not_enforced")
        }

    def test_all_faults_are_told_at_once(self) -> None:
        nodes: dict[str, JsonObject] = {
            "a": {"type": "agent", "prompt": "${{ foo }}"},
            "t": {"type": "tool", "tool": "lookup", "arguments": {"query": 3}},
            "x": {"type": "tool", "tool": "nope"},
            "s": transform(y="1 +"),
            "lost": transform(y="1"),
        }
        definition = graph(nodes, "a > t > x > s", when("s", "maybe", "s"), "lost > END")
        found = errors(definition, hitl_gates={"t": {"quorum": 0}}, limits={"max_steps": 0}, run_as=RunAs.WORKFLOW)
        graph_ = "/graph_definition"
        assert found == {
            (f"{graph_}/nodes/a/prompt", "unknown_name"),
            (f"{graph_}/nodes/a", "agent_unbound"),
            (f"{graph_}/nodes/t/arguments/query", "arguments_misfit"),
            (f"{graph_}/nodes/x/tool", "unknown_tool"),
            (f"{graph_}/nodes/s/set/y", "expression_syntax"),
            (f"{graph_}/edges/3/when", "unknown_name"),
            (f"{graph_}/nodes/lost", "unreachable_node"),
            *((f"{graph_}/nodes/{name}", "no_path_to_end") for name in "atxs"),
            ("/hitl_gates/t/quorum", "shape_greater_than_equal"),
            ("/limits/max_steps", "shape_greater_than_equal"),
            ("/privilege_cap", "cap_missing"),
        }


class TestReferences:
    def test_what_a_draft_names(self) -> None:
        definition = chain({"a": AGENT, "t": {"type": "tool", "tool": "lookup"}, "u": {"type": "tool", "tool": "off"}})
        draft = make_workflow_draft(graph_definition=definition, agents={"a": "writer", "b": "other"})
        named = references(draft)
        assert named.agents == {"writer", "other"}
        assert named.tools == {"lookup", "off"}

    @pytest.mark.parametrize("nodes", [None, 3, "x", [], [1], {"a": None}, {"a": {"tool": 3}}, {"a": {"tool": ["x"]}}])
    def test_what_cannot_be_read_is_left_out(self, nodes: Any) -> None:
        assert references(make_workflow_draft(graph_definition={"nodes": nodes})).tools == frozenset()


class TestHash:
    DRAFT = WorkflowDraft(name="a", graph_definition=chain({"a": transform(x="1")}))

    def test_it_is_a_sha_256_over_content_whatever_the_order_of_keys(self) -> None:
        shuffled = dict(reversed(list(self.DRAFT.graph_definition.items())))
        assert definition_hash(self.DRAFT) == definition_hash(replace(self.DRAFT, graph_definition=shuffled))
        assert len(bytes.fromhex(definition_hash(self.DRAFT))) == 32

    def test_name_and_description_do_not_count(self) -> None:
        assert definition_hash(replace(self.DRAFT, name="b", description="c")) == definition_hash(self.DRAFT)

    @pytest.mark.parametrize(
        "change",
        [
            {"graph_definition": chain({"a": transform(x="2")})},
            {"agents": {"a": "writer"}},
            {"hitl_gates": {"a": {}}},
            {"circuit_breaker_config": {"window_size": 3}},
            {"limits": {"max_steps": 3}},
            {"run_as": RunAs.WORKFLOW},
            {"privilege_cap": PrivilegeLevel(1)},
        ],
    )
    def test_everything_that_decides_how_a_run_behaves_counts(self, change: Any) -> None:
        assert definition_hash(replace(self.DRAFT, **change)) != definition_hash(self.DRAFT)


class TestPicture:
    def test_a_valid_graph_is_drawn_with_every_node_and_edge(self) -> None:
        nodes = {
            "a": {**AGENT, "on_error": "d"},
            "b": {"type": "tool", "tool": "off"},
            "c": {"type": "approval"},
            "d": transform(x="1"),
        }
        definition = graph(
            nodes, "a > b", when("b", 'state.x == "<y>"', "c"), otherwise("b", "d"), "c > END", "d > END"
        )
        picture = check(definition, agents={"a": "writer"}).mermaid
        assert picture is not None
        assert picture.splitlines() == [
            "flowchart TD",
            '  start(("START"))',
            '  finish(("END"))',
            '  n0(["a"])',
            '  n1["b"]',
            '  n2{{"c"}}',
            '  n3[/"d"/]',
            "  start --> n0",
            "  n0 --> n1",
            '  n0 -.->|"on error"| n3',
            '  n1 -->|"state.x == &quot;&lt;y&gt;&quot;"| n2',
            '  n1 -->|"otherwise"| n3',
            "  n2 --> finish",
            "  n3 --> finish",
        ]


class TestLargeDefinitions:
    def test_a_chain_of_a_thousand_nodes_is_valid(self) -> None:
        assert errors(chain(logging(*(f"n{index}" for index in range(1_000))), state=LOG)) == set()

    def test_a_cycle_of_a_thousand_nodes_is_found(self) -> None:
        names = [f"n{index}" for index in range(1_000)]
        definition = graph(logging(*names), " > ".join([*names, "n0"]), "n999 > END", state=LOG)
        assert {code for _, code in errors(definition)} == {"unbounded_cycle"}

    def test_a_fan_of_a_thousand_branches_is_valid(self) -> None:
        names = [f"n{index}" for index in range(1_000)]
        branches = [f"first > {name} > last" for name in names]
        assert errors(graph(logging("first", *names, "last"), *branches, "last > END", state=LOG)) == set()
