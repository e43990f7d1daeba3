"""The language's shape: durations, gates, and the published JSON Schema."""

from datetime import timedelta
from typing import Any

import pytest
from pydantic import ValidationError

from aumos_agent_framework.core.graph.input import check_input
from aumos_agent_framework.core.graph.invocation import NODE, single_agent_definition
from aumos_agent_framework.core.graph.json_schema import check_schema, violations
from aumos_agent_framework.core.graph.schema import (
    ApprovalNode,
    GraphDefinition,
    approval_gate,
    parse_duration,
    parse_gate,
    workflow_json_schema,
)
from aumos_agent_framework.core.graph.validation import Catalog, validate
from tests.factories import make_agent, make_workflow_draft
from tests.unit.graph.definitions import chain, transform


class TestDurations:
    @pytest.mark.parametrize(
        ("text", "seconds"),
        [("PT30S", 30), ("PT0.5S", 0.5), ("PT24H", 86_400), ("P7D", 604_800), ("P1W", 604_800), ("P1DT1H1M1S", 90_061)],
    )
    def test_iso_8601_durations_are_taken(self, text: str, seconds: float) -> None:
        assert parse_duration(text) == timedelta(seconds=seconds)

    @pytest.mark.parametrize(
        "value",
        [
            *(
                "",
                "P",
                "PT",
                "30",
                "30s",
                "PT30",
                "1D",
                "P1Y",
                "P1M",
                "PT1H1D",
                "-PT1S",
                "PT-1S",
                "pt1s",
                "PT1S ",
                "PTS",
            ),
            *("PT0S", "P0D", "P367D", "PT" + "9" * 30 + "S", "P99999999999W", "PT0.0000000001S"),
            *(None, 5, 1.5, True, [], {}),
        ],
    )
    def test_anything_else_is_refused(self, value: Any) -> None:
        with pytest.raises(ValueError, match="duration"):
            parse_duration(value)

    def test_a_year_is_the_longest(self) -> None:
        assert parse_duration("P366D") == timedelta(days=366)


class TestGates:
    def test_a_gate_has_sensible_defaults(self) -> None:
        gate = parse_gate("publish", {})
        assert (gate.name, gate.before, gate.condition) == ("publish.before", True, None)
        assert (gate.approver_level, gate.quorum, gate.timeout) == (3, 1, timedelta(hours=24))

    def test_a_gate_says_everything(self) -> None:
        gate = parse_gate(
            "publish",
            {
                "when": "after",
                "condition": "state.n > 1",
                "approver_level": 4,
                "approver_roles": ["lead", "legal"],
                "quorum": 3,
                "timeout": "PT1H",
                "on_timeout": "reject",
                "description": "Look twice.",
            },
        )
        assert (gate.name, gate.before, gate.condition) == ("publish.after", False, "state.n > 1")
        assert (gate.approver_level, gate.approver_roles, gate.quorum) == (4, ("lead", "legal"), 3)
        assert (gate.timeout, gate.description) == (timedelta(hours=1), "Look twice.")

    def test_level_five_always_asks_two_people(self) -> None:
        assert parse_gate("a", {"approver_level": 5}).quorum == 2
        assert parse_gate("a", {"approver_level": 5, "quorum": 3}).quorum == 3
        node = ApprovalNode(type="approval", approver_level=5)
        assert approval_gate("a", node).quorum == 2

    @pytest.mark.parametrize(
        "spec",
        [
            {"on_timeout": "approve"},
            {"on_timeout": "escalate"},
            {"approver_level": 0},
            {"approver_level": 6},
            {"approver_level": True},
            {"approver_level": "4"},
            {"quorum": 0},
            {"quorum": 11},
            {"timeout": None},
            {"when": "during"},
            {"notify": ["someone"]},
            {"unknown": 1},
        ],
    )
    def test_what_a_gate_does_not_know_is_refused(self, spec: Any) -> None:
        with pytest.raises(ValidationError):
            parse_gate("a", spec)


NODE_CASES: list[tuple[dict[str, Any], bool]] = [
    ({"type": "agent", "prompt": "Hi"}, True),
    ({"type": "agent", "input": {"a": 1}}, True),
    ({"type": "agent", "prompt": "Hi", "input": 1}, False),
    ({"type": "agent"}, False),
    ({"type": "agent", "prompt": "Hi", "tools": ["x"]}, False),
    ({"type": "tool", "tool": "lookup"}, True),
    ({"type": "tool"}, False),
    ({"type": "tool", "tool": ""}, False),
    ({"type": "tool", "tool": "lookup", "arguments": []}, False),
    ({"type": "approval"}, True),
    ({"type": "approval", "approver_level": True}, False),
    ({"type": "approval", "approver_level": "4"}, False),
    ({"type": "approval", "quorum": "2"}, False),
    ({"type": "approval", "on_timeout": "approve"}, False),
    ({"type": "approval", "approver_roles": "lead"}, False),
    ({"type": "transform", "set": {"a": "1"}}, True),
    ({"type": "transform", "set": {}}, False),
    ({"type": "transform", "set": {"a": 1}}, False),
    ({"type": "transform", "set": {"a-b": "1"}}, False),
    ({"type": "transform"}, False),
    ({"type": "wait", "for": "PT1H"}, False),
    ({"type": "map"}, False),
    ({"type": "tool", "tool": "t", "retry": {"max_attempts": 5, "backoff": 1}}, True),
    ({"type": "tool", "tool": "t", "retry": {"max_attempts": "5"}}, False),
    ({"type": "tool", "tool": "t", "retry": {"max_attempts": 0}}, False),
    ({"type": "tool", "tool": "t", "retry": {"max_attempts": 1.5}}, False),
    ({"type": "tool", "tool": "t", "retry": {"backoff": 0.5}}, False),
    ({"type": "tool", "tool": "t", "retry": {"non_retryable": ["a"]}}, True),
    ({"type": "tool", "tool": "t", "timeout": "PT5S", "on_error": "b"}, True),
    ({"type": "tool", "tool": "t", "timeout": 5}, False),
    ({"type": "tool", "tool": "t", "timeout": "P1Y"}, False),
    ({"type": "tool", "tool": "t", "on_breaker_open": "fail"}, False),
]


def accepts(definition: Any) -> bool:
    try:
        GraphDefinition.model_validate(definition)
    except ValidationError:
        return False
    return True


class TestShape:
    @pytest.mark.parametrize(("node", "good"), NODE_CASES, ids=[str(node) for node, _ in NODE_CASES])
    def test_nodes(self, node: dict[str, Any], *, good: bool) -> None:
        assert accepts({"entry_point": "a", "nodes": {"a": node}}) is good

    @pytest.mark.parametrize(
        ("edge", "good"),
        [
            ({"from": "a", "to": "END"}, True),
            ({"from": "a", "to": "END", "when": "true"}, True),
            ({"from": "a", "to": "END", "otherwise": True}, True),
            ({"from": "a", "to": "END", "when": "true", "otherwise": "a"}, True),
            ({"from": "a", "to": "END", "when": "true", "otherwise": True}, False),
            ({"from": "a", "to": "END", "otherwise": "a"}, False),
            ({"from": "a", "to": "END", "otherwise": 1}, False),
            ({"from": "a"}, False),
            ({"to": "a"}, False),
            ({"source": "a", "target": "END"}, False),
            ({"from": "a", "to": "END", "condition": "true"}, False),
        ],
    )
    def test_edges(self, edge: dict[str, Any], *, good: bool) -> None:
        assert accepts({"entry_point": "a", "nodes": {"a": transform(x="1")}, "edges": [edge]}) is good

    @pytest.mark.parametrize("name", ["a", "_a", "Step-1.b", "a" * 100])
    def test_node_names_that_are_fine(self, name: str) -> None:
        assert accepts({"entry_point": name, "nodes": {name: transform(x="1")}})

    @pytest.mark.parametrize("name", ["", "1a", "a b", "a/b", "a\n", "ä", "a" * 101, ".a", "-a"])
    def test_node_names_that_are_none(self, name: str) -> None:
        assert not accepts({"entry_point": "a", "nodes": {name: transform(x="1")}})

    @pytest.mark.parametrize("version", [2, 0, "1", None, True])
    def test_only_version_one_exists(self, version: Any) -> None:
        assert not accepts({"version": version, "entry_point": "a", "nodes": {"a": transform(x="1")}})

    def test_a_parsed_definition_written_out_is_a_definition_again(self) -> None:
        written = chain({"a": {"type": "tool", "tool": "t", "timeout": "PT90S"}, "b": transform(x="1")})
        parsed = GraphDefinition.model_validate(written)
        again = GraphDefinition.model_validate(parsed.model_dump(mode="json"))
        assert again == parsed
        assert parsed.model_dump(mode="json")["edges"][0]["from"] == "a"


class TestPublishedSchema:
    def test_it_is_a_schema(self) -> None:
        check_schema(workflow_json_schema())
        assert workflow_json_schema()["title"] == "AumOS graph definition"
        assert workflow_json_schema()["$schema"] == "https://json-schema.org/draft/2020-12/schema"

    @pytest.mark.parametrize(("node", "good"), NODE_CASES, ids=[str(node) for node, _ in NODE_CASES])
    def test_an_editor_accepts_every_node_that_the_server_does(self, node: dict[str, Any], *, good: bool) -> None:
        definition = {"entry_point": "a", "nodes": {"a": node}, "edges": [{"from": "a", "to": "END"}]}
        if good:
            assert violations(workflow_json_schema(), definition) == []

    @pytest.mark.parametrize(
        "definition",
        [
            {},
            {"nodes": {}},
            {"nodes": {"a": {"type": "wait"}}},
            {"nodes": {"a": {"type": "transform", "set": {}}}},
            {"nodes": {"a": transform(x="1")}, "edges": [{"source": "a", "target": "b"}]},
            {"nodes": {"a": transform(x="1")}, "version": 2},
            {"nodes": {"a b": transform(x="1")}},
            {"nodes": {"a": {"type": "transform", "set": {"a-b": "1"}}}},
        ],
    )
    def test_an_editor_shows_common_slips(self, definition: Any) -> None:
        assert violations(workflow_json_schema(), definition)


class TestInvocation:
    def test_an_agents_direct_run_is_a_valid_definition_that_takes_any_input(self) -> None:
        definition = single_agent_definition()
        draft = make_workflow_draft(graph_definition=definition, agents={NODE: "writer"})
        report = validate(draft, Catalog({"writer": make_agent()}, {}))
        assert report.errors == ()
        assert report.warnings == ()
        check_input(definition, {"any": ["thing"]})
