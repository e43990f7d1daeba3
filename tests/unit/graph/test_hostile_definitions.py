"""Whatever JSON stands at any place of a definition, validation answers with a report and never raises.

Made by replacing each value of valid definitions by each of a set of others. What is still valid must also run: its
faults, if any, are those that a run may have.
"""

from collections.abc import Iterator
from contextlib import suppress
from itertools import product

import pytest

from aumos_agent_framework.core.domain.workflows import ValidationReport
from aumos_agent_framework.core.errors import InvalidInputError
from aumos_agent_framework.core.graph.input import check_input
from aumos_agent_framework.core.graph.runtime.context import RunContext
from aumos_agent_framework.core.graph.validation import Catalog, references, validate
from aumos_agent_framework.core.types import JsonObject, JsonValue
from tests.factories import make_agent, make_plan, make_tool, make_workflow_draft
from tests.fakes.step_runner import ScriptedStepRunner
from tests.unit.graph.definitions import LOG, chain, graph, logging, otherwise, transform, when

Path = tuple[str | int, ...]

EVERYTHING: JsonObject = {
    "graph_definition": graph(
        {
            "ask": {
                "type": "agent",
                "description": "Asks.",
                "prompt": "What of ${{ state.topic }}?",
                "output": "answer",
                "output_schema": {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]},
                "retry": {
                    "max_attempts": 3,
                    "initial_interval": "PT1S",
                    "backoff": 2.0,
                    "max_interval": "PT5S",
                    "non_retryable": ["bad_request"],
                },
                "timeout": "PT5M",
                "on_error": "count",
            },
            "look": {
                "type": "tool",
                "tool": "lookup",
                "arguments": {"query": "${{ state.topic }}", "deep": [{"a": 1}]},
                "output": "found",
            },
            "approve": {
                "type": "approval",
                "action": "Publish ${{ state.topic }}",
                "context": {"rows": ["${{ state.found }}"]},
                "approver_level": 3,
                "approver_roles": ["lead"],
                "quorum": 1,
                "timeout": "PT1H",
                "on_timeout": "reject",
                "output": "decision",
            },
            "count": transform(visits="1", found="state.visits > 0 ? {'a': {'b': 1}} : {}"),
        },
        "START > ask > look",
        when("look", "state.visits < 3", "approve", otherwise="count"),
        when("look", "has(state.found.x)", "count"),
        when("approve", "state.decision.status == 'approved'", "END"),
        otherwise("approve", "count"),
        "count > END",
        version=1,
        state={
            "type": "object",
            "$defs": {"name": {"type": "string", "pattern": "^[a-z]+$"}},
            "properties": {
                "topic": {"$ref": "#/$defs/name"},
                "visits": {"type": "integer", "x-reducer": "add", "default": 0, "minimum": 0},
                "found": {"type": "object", "x-reducer": "merge", "required": ["x"]},
                "answer": {"type": ["object", "null"]},
                "decision": {},
            },
            "required": ["topic"],
            "additionalProperties": False,
        },
    )
    | {"entry_point": ["ask"]},
    "hitl_gates": {
        "look": {
            "when": "before",
            "condition": "state.visits > 1",
            "approver_level": 4,
            "approver_roles": ["lead"],
            "quorum": 2,
            "timeout": "PT1H",
            "on_timeout": "reject",
            "description": "Careful.",
        }
    },
    "limits": {"max_steps": 50},
    "agents": {"ask": "writer"},
}
FAN: JsonObject = {
    "graph_definition": graph(
        logging("a", "b", "c", "d"),
        "a > b > d",
        "a > c > d",
        when("d", "size(state.log) < 9", "a"),
        "d > END",
        state=LOG,
    ),
    "hitl_gates": {},
    "limits": {},
    "agents": {},
}
AGENT: JsonObject = {
    "graph_definition": chain({"ask": {"type": "agent", "input": {"a": ["${{ input }}", 1, None, True]}}}),
    "hitl_gates": {"ask": {"when": "after"}},
    "limits": {},
    "agents": {"ask": "writer"},
}
DOCUMENTS = {"everything": EVERYTHING, "fan": FAN, "agent": AGENT}
VALUES: list[JsonValue] = [
    *(None, True, False, 0, 1, -1, 2.5, 1e300, 2**70, float("nan"), float("-inf")),
    *("", "x", "END", "START", "${{", "${{ state.x }}", "$ref", "a/b~c", "ä\U0001f600", "\x00", "\ud800", "9" * 5_000),
    *([], [None], ["x"], [[]], [{}], [1, "x"]),
    *({}, {"x": 1}, {"": None}, {"type": "x"}, {"type": None}, {"$ref": "https://example.com/x"}, {"$ref": "#"}),
]


def paths(value: JsonValue, path: Path = ()) -> Iterator[Path]:
    """Yield the path of every value inside another."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        yield (*path, key)
        yield from paths(item, (*path, key))


def put(document: JsonValue, path: Path, value: JsonValue) -> JsonValue:
    """Return the document with another value at a path."""
    if not path:
        return value
    copy: JsonValue = dict(document) if isinstance(document, dict) else list(document)
    copy[path[0]] = put(document[path[0]], path[1:], value)
    return copy


def places(document: JsonObject) -> list[Path]:
    """Return the places that hold free JSON: what the API itself gives a shape is no business of the validator."""
    return [
        path for path in paths(document) if len(path) > (2 if path[0] == "hitl_gates" else 1) and path[0] != "agents"
    ]


def report_on(document: JsonObject) -> ValidationReport:
    draft = make_workflow_draft(**document)
    references(draft)
    return validate(draft, Catalog({"writer": make_agent()}, {"lookup": make_tool(input_schema={})}))


@pytest.mark.parametrize("name", DOCUMENTS)
def test_the_documents_themselves_are_valid(name: str) -> None:
    assert report_on(DOCUMENTS[name]).errors == ()


@pytest.mark.parametrize("name", DOCUMENTS)
def test_any_value_at_any_place_gives_a_report(name: str) -> None:
    tried = 0
    for path, value in product(places(DOCUMENTS[name]), VALUES):
        tried += 1
        changed = put(DOCUMENTS[name], path, value)
        try:
            report = report_on(changed)
        except Exception as fault:
            raise AssertionError(f"{value!r} at {path}") from fault
        assert report.valid is (not report.errors)
        for problem in (*report.errors, *report.warnings):
            assert leads_somewhere(problem.pointer, changed), f"{problem.pointer} for {value!r} at {path}"
        if report.valid:
            can_be_begun(changed)
    assert tried > 500


def leads_somewhere(pointer: str, document: JsonValue) -> bool:
    """Whether a pointer names a value of the document, or the place where one is missing."""
    here = document
    tokens = [token.replace("~1", "/").replace("~0", "~") for token in pointer.split("/")[1:]]
    for index, token in enumerate(tokens):
        if isinstance(here, dict) and token in here:
            here = here[token]
        elif isinstance(here, list) and token.isdigit() and int(token) < len(here):
            here = here[int(token)]
        else:
            return isinstance(here, dict) and index == len(tokens) - 1
    return True


def can_be_begun(document: JsonObject) -> None:
    """A definition that is valid compiles, and says of an input whether it fits."""
    definition = document["graph_definition"]
    context = RunContext(make_plan(definition=definition, gates=document["hitl_gates"]), ScriptedStepRunner())
    assert context.topology.nodes
    for input_data in ({}, {"topic": "tides"}, {"topic": 3, "visits": "many", "found": []}):
        with suppress(InvalidInputError):
            check_input(definition, input_data)
