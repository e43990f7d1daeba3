"""Bad input gets a 4xx with a pointer to the place, before anything is stored or run."""

from typing import Any

import pytest

from tests.e2e.authoring import (
    approval_node,
    call_node,
    counted_tool,
    graph,
    set_node,
    trivial_graph,
    workflow,
    workflow_draft,
)
from tests.e2e.client import Tenant
from tests.effect_counter.process import EffectCounter

NODE = {"a": set_node(x="1")}
TWO = {"a": set_node(x="1"), "b": set_node(y="2")}
G = "/graph_definition"
STATE: dict[str, Any] = {
    "type": "object",
    "properties": {
        "topic": {"type": "string", "maxLength": 10},
        "people": {"type": "array", "items": {"type": "string"}},
    },
    "required": ["topic"],
    "additionalProperties": False,
}


def spoilt(**changes: Any) -> dict[str, Any]:
    """A trivial graph with one fault."""
    return trivial_graph() | changes


FAULTS: dict[str, tuple[dict[str, Any], str, str]] = {
    "unknown node at an edge's end": (graph(NODE, ("a", "b")), f"{G}/edges/0/to", "unknown_node"),
    "unknown node at an edge's begin": (graph(NODE, ("a", "END"), ("b", "END")), f"{G}/edges/1/from", "unknown_node"),
    "unknown entry point": (graph(NODE, entry="b"), f"{G}/entry_point", "unknown_node"),
    "one of several entry points is unknown": (graph(NODE, entry=["a", "b"]), f"{G}/entry_point/1", "unknown_node"),
    "unknown node in on_error": (
        graph({"a": set_node(x="1") | {"on_error": "b"}}),
        f"{G}/nodes/a/on_error",
        "unknown_node",
    ),
    "unreachable node": (graph(TWO, ("a", "END"), ("b", "END")), f"{G}/nodes/b", "unreachable_node"),
    "dead end": (graph(TWO, ("a", "b")), f"{G}/nodes/b", "no_path_to_end"),
    "cycle without a way out": (
        graph(TWO, ("a", "b"), ("b", "a", "state.x > 1"), ("b", "b", "otherwise")),
        f"{G}/nodes/a",
        "no_path_to_end",
    ),
    "cycle without a bound": (
        graph(TWO, ("a", "b"), ("b", "a"), ("b", "END", "state.x > 1")),
        f"{G}/nodes/a",
        "unbounded_cycle",
    ),
    "unknown tool": (graph({"a": call_node("nobodys")}), f"{G}/nodes/a/tool", "unknown_tool"),
    "agent node without an agent": (
        graph({"a": {"type": "agent", "prompt": "go"}}),
        f"{G}/nodes/a",
        "agent_unbound",
    ),
    "condition that does not parse": (
        graph(NODE, ("a", "END", "state.x >"), ("a", "END", "otherwise")),
        f"{G}/edges/0/when",
        "expression_syntax",
    ),
    "expression that does not parse": (graph({"a": set_node(x="1 +")}), f"{G}/nodes/a/set/x", "expression_syntax"),
    "template that does not parse": (
        graph({"a": approval_node(action="Pay ${{ state.x + }}?")}),
        f"{G}/nodes/a/action",
        "expression_syntax",
    ),
    "template that does not end": (
        graph({"a": approval_node(action="Pay ${{ state.x")}),
        f"{G}/nodes/a/action",
        "expression_syntax",
    ),
    "template deep inside": (
        graph({"a": approval_node(context={"deep": [{"er": "${{ ) }}"}]})}),
        f"{G}/nodes/a/context/deep/0/er",
        "expression_syntax",
    ),
    "unknown name in an expression": (graph({"a": set_node(x="stat.x")}), f"{G}/nodes/a/set/x", "unknown_name"),
    "unknown function in an expression": (graph({"a": set_node(x="evil(1)")}), f"{G}/nodes/a/set/x", "unknown_name"),
    "unknown node type": (graph({"a": {"type": "magic"}}), f"{G}/nodes/a", "shape_union_tag_invalid"),
    "unknown field of a node": (
        graph({"a": set_node(x="1") | {"colour": "red"}}),
        f"{G}/nodes/a/colour",
        "shape_extra_forbidden",
    ),
    "odd duration": (
        graph({"a": approval_node(timeout="one hour")}),
        f"{G}/nodes/a/timeout",
        "shape_value_error",
    ),
    "unknown reducer": (
        spoilt(state={"type": "object", "properties": {"answer": {"type": "integer", "x-reducer": "mix"}}}),
        f"{G}/state/properties/answer/x-reducer",
        "unknown_reducer",
    ),
    "state that is no schema": (spoilt(state={"type": "nonsense"}), f"{G}/state", "schema_invalid"),
    "node without a name of its own": (graph({"END": set_node(x="1")}), f"{G}/nodes/END", "reserved_name"),
    "no nodes": (spoilt(nodes={}), f"{G}/nodes", "shape_too_short"),
    "no way in": (spoilt(entry_point=[]), f"{G}/entry_point", "no_entry_point"),
}


class TestDefinitions:
    @pytest.mark.parametrize("fault", FAULTS)
    def test_fault_is_refused_with_its_place(self, acme: Tenant, fault: str) -> None:
        definition, pointer, code = FAULTS[fault]
        draft = workflow_draft(definition)
        problem = acme.pia.refused("POST", "/workflows", 422, "invalid_workflow", json=draft)
        assert (pointer, code) in [(place["pointer"], place["code"]) for place in problem["errors"]], problem["errors"]
        assert acme.pia.get("/workflows", name=draft["name"])["total"] == 0
        report = acme.vera.send("POST", "/workflows/validate", 200, json=draft)
        assert report["valid"] is False
        assert [{k: v for k, v in error.items() if v is not None} for error in report["errors"]] == problem["errors"]

    def test_faults_of_a_new_version_are_refused_too(self, acme: Tenant) -> None:
        stored = workflow(acme.dev, trivial_graph())
        draft = workflow_draft(graph(NODE, ("a", "b")), name=stored["name"])
        problem = acme.dev.refused("PUT", f"/workflows/{stored['id']}", 422, "invalid_workflow", json=draft)
        assert f"{G}/edges/0/to" in [place["pointer"] for place in problem["errors"]]
        assert acme.dev.get(f"/workflows/{stored['id']}") == stored

    def test_unknown_agent(self, acme: Tenant) -> None:
        draft = workflow_draft(graph({"a": {"type": "agent", "prompt": "go"}}), agents={"a": "nobody"})
        problem = acme.dev.refused("POST", "/workflows", 422, "invalid_workflow", json=draft)
        assert [(place["pointer"], place["code"]) for place in problem["errors"]] == [("/agents/a", "unknown_agent")]

    def test_arguments_that_do_not_fit_the_tool(self, acme: Tenant, counter: EffectCounter) -> None:
        tool = counted_tool(acme.dev, counter)
        for arguments, pointer in (
            ({"text": 5}, f"{G}/nodes/a/arguments/text"),
            ({"texd": "x"}, f"{G}/nodes/a/arguments"),
        ):
            draft = workflow_draft(graph({"a": call_node(tool, **arguments)}))
            problem = acme.dev.refused("POST", "/workflows", 422, "invalid_workflow", json=draft)
            assert [place["code"] for place in problem["errors"]] == ["arguments_misfit"]
            assert problem["errors"][0]["pointer"].startswith(pointer)

    @pytest.mark.parametrize(
        ("gate", "pointer"),
        [
            ({"when": "during"}, "/hitl_gates/only/when"),
            ({"approver_level": 6}, "/hitl_gates/only/approver_level"),
            ({"timeout": "soon"}, "/hitl_gates/only/timeout"),
            ({"on_timeout": "approve"}, "/hitl_gates/only/on_timeout"),
            ({"condition": "state.x >"}, "/hitl_gates/only/condition"),
            ({"quorum": 0}, "/hitl_gates/only/quorum"),
        ],
    )
    def test_odd_gate(self, acme: Tenant, gate: dict[str, Any], pointer: str) -> None:
        draft = workflow_draft(trivial_graph(), hitl_gates={"only": gate})
        problem = acme.dev.refused("POST", "/workflows", 422, "invalid_workflow", json=draft)
        assert [place["pointer"] for place in problem["errors"]] == [pointer]

    def test_gate_that_guards_nothing_gives_a_warning(self, acme: Tenant) -> None:
        draft = workflow_draft(trivial_graph(), hitl_gates={"onyl": {}})
        report = acme.dev.send("POST", "/workflows/validate", 200, json=draft)
        assert [warning["pointer"] for warning in report["warnings"]] == ["/hitl_gates/onyl"]

    def test_run_as_workflow_without_a_cap(self, acme: Tenant) -> None:
        draft = workflow_draft(trivial_graph(), run_as="workflow")
        problem = acme.pia.refused("POST", "/workflows", 422, "invalid_workflow", json=draft)
        assert [place["pointer"] for place in problem["errors"]] == ["/privilege_cap"]


class TestInput:
    @pytest.mark.parametrize(
        ("input_data", "pointer"),
        [
            ({}, "/input_data"),
            ({"topic": 5}, "/input_data/topic"),
            ({"topic": "x" * 11}, "/input_data/topic"),
            ({"topic": "x", "people": ["a", 7]}, "/input_data/people/1"),
            ({"topic": "x", "unknown": 1}, "/input_data"),
        ],
    )
    def test_input_that_does_not_fit_the_state(self, acme: Tenant, input_data: dict[str, Any], pointer: str) -> None:
        definition = graph({"a": set_node(topic="state.topic")}, state=STATE)
        stored = workflow(acme.dev, definition)
        path = f"/workflows/{stored['id']}/execute"
        problem = acme.dev.refused("POST", path, 422, "invalid_input", json={"input_data": input_data})
        assert problem["errors"][0]["pointer"].startswith(pointer), problem["errors"]
        assert acme.dev.get("/executions", workflow_id=stored["id"])["total"] == 0

    @pytest.mark.parametrize(
        ("body", "pointer"),
        [
            ({"input_data": []}, "/input_data"),
            ({"session_id": "with space"}, "/session_id"),
            ({"version": 0}, "/version"),
            ({"version": "1"}, "/version"),
            ({"limits": {"max_steps": 0}}, "/limits/max_steps"),
            ({"limits": {"max_cost": 1}}, "/limits/max_cost"),
        ],
    )
    def test_odd_order(self, acme: Tenant, body: dict[str, Any], pointer: str) -> None:
        stored = workflow(acme.dev, trivial_graph())
        problem = acme.dev.refused("POST", f"/workflows/{stored['id']}/execute", 422, "invalid_input", json=body)
        assert [place["pointer"] for place in problem["errors"]] == [pointer]
