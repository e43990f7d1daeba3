"""Random graphs through the engine, against the oracle.

Branches, forks, joins of unequal lengths, conditions, bounded loops, failures with and without a route for them. A
failure prints the graph and a ``reproduce_failure`` line; ``--hypothesis-seed`` repeats a whole session.
"""

import asyncio
from collections import Counter
from collections.abc import Mapping
from typing import Any

from hypothesis import HealthCheck, event, given, settings, strategies as st

from aumos_agent_framework.core.graph.validation import Catalog, validate
from aumos_agent_framework.core.types import JsonObject
from tests.factories import make_workflow_draft
from tests.unit.workflow_engine.bench import Ran, run
from tests.unit.workflow_engine.oracle import END, Condition, Node, Oracle, Prediction, Visit

EXAMPLES = 200
MAX_NODES = 12
MAX_STEPS = 5_000
FAULTS = {"expression_failed", "no_edge_taken"}
Graph = tuple[Mapping[str, Node], tuple[str, ...]]


@st.composite
def graphs(draw: st.DrawFn) -> Graph:
    """Return nodes and entries. Edges that are always taken lead forward; the way back has a condition that ends."""
    names = [f"n{index}" for index in range(draw(st.integers(2, MAX_NODES)))]
    nodes = {name: draw(node(names[index + 1 :], names[: index + 1])) for index, name in enumerate(names)}
    entries = tuple(draw(st.lists(st.sampled_from(names), max_size=2, unique=True).map(lambda more: [names[0], *more])))
    entries = tuple(dict.fromkeys(entries))
    return without_unreachable(nodes, entries), entries


@st.composite
def node(draw: st.DrawFn, ahead: list[str], back: list[str]) -> Node:
    forward = st.sampled_from([*ahead, END])
    always = draw(st.lists(forward, max_size=3, unique=True))
    ways = draw(st.lists(conditional(forward, back), max_size=2))
    otherwise = draw(st.none() | forward) if ways else None
    leads_on = bool(always) or any(target in {*ahead, END} for _, target in ways)
    if otherwise is None and (not leads_on or draw(st.integers(0, 19))):
        otherwise = draw(forward)
    if not ways:
        always, otherwise = always or [draw(forward)], None
    fails = draw(st.integers(0, 14)) == 0
    on_error = draw(st.sampled_from(ahead)) if ahead and (fails or draw(st.booleans())) else None
    return Node(tuple(always), tuple(ways), otherwise, on_error, fails)


@st.composite
def conditional(draw: st.DrawFn, forward: st.SearchStrategy[str], back: list[str]) -> tuple[Condition, str]:
    if draw(st.booleans()):
        return Condition(draw(st.integers(1, 4))), draw(st.sampled_from(back))
    return Condition(draw(st.sampled_from([0, 2, 3, 10_000]))), draw(forward)


def without_unreachable(nodes: Mapping[str, Node], entries: tuple[str, ...]) -> Mapping[str, Node]:
    reached, todo = set(entries), list(entries)
    while todo:
        for target in nodes[todo.pop()].targets - {END} - reached:
            reached.add(target)
            todo.append(target)
    return {name: each for name, each in nodes.items() if name in reached}


def definition_of(graph: Graph) -> JsonObject:
    """Write a graph in the language: every visit logs its node and how much of the log it sees, and counts itself."""
    nodes, entries = graph
    edges: list[JsonObject] = []
    written: dict[str, Any] = {}
    properties: dict[str, Any] = {"log": {"x-reducer": "append"}}
    for name, each in nodes.items():
        entry = f"{{'node': '{name}', 'seen': size(state.log)}}"
        written[name] = {
            "type": "transform",
            "set": {"log": entry, f"done_{name}": "state.missing" if each.fails else "1"},
            "on_error": each.on_error,
        }
        properties[f"done_{name}"] = {"x-reducer": "add", "default": 0}
        edges.extend({"from": name, "to": target} for target in each.always)
        edges.extend({"from": name, "to": to, "when": condition.cel(name)} for condition, to in each.conditional)
        if each.otherwise is not None:
            edges.append({"from": name, "to": each.otherwise, "otherwise": True})
    return {"state": {"properties": properties}, "entry_point": list(entries), "nodes": written, "edges": edges}


@settings(
    max_examples=EXAMPLES, deadline=None, print_blob=True, suppress_health_check=[HealthCheck.too_slow], database=None
)
@given(graphs())
def test_the_engine_does_what_the_oracle_predicts(graph: Graph) -> None:
    definition = definition_of(graph)
    report = validate(make_workflow_draft(graph_definition=definition), Catalog({}, {}))
    assert report.valid, report.errors
    prediction = Oracle(*graph).predict()
    event(f"fails: {prediction.failed}")
    event(f"visits: {len(prediction.causes) // 10 * 10}")
    ran = asyncio.run(run(definition, max_steps=MAX_STEPS))
    if prediction.failed:
        assert ran.fault.code in FAULTS
        return
    visits_agree(ran, prediction)
    causes_come_first(ran, prediction)
    causes_are_seen(ran.state["log"], prediction)


def visits_agree(ran: Ran, prediction: Prediction) -> None:
    """Every node was visited as often as predicted, and succeeded as often."""
    assert Counter(step.node for step in ran.steps) == Counter(name for name, _ in prediction.causes)
    succeeded = Counter(name for name, _ in prediction.succeeded)
    assert Counter(entry["node"] for entry in ran.state["log"]) == succeeded
    assert {name: ran.state[f"done_{name}"] for name in succeeded} == succeeded


def causes_come_first(ran: Ran, prediction: Prediction) -> None:
    """No visit began before all of those that led to it."""
    begun: dict[Visit, int] = {}
    made: Counter[str] = Counter()
    for step in ran.steps:
        made[step.node] += 1
        begun[step.node, made[step.node]] = step.seq
    for visit, causes in prediction.causes.items():
        assert all(begun[cause] < begun[visit] for cause in causes), f"{visit} began before {causes}"


def causes_are_seen(log: list[JsonObject], prediction: Prediction) -> None:
    """Every visit saw what those that led to it wrote."""
    written: dict[Visit, int] = {}
    seen: dict[Visit, int] = {}
    made: Counter[str] = Counter()
    for position, entry in enumerate(log):
        made[entry["node"]] += 1
        visit = (entry["node"], made[entry["node"]])
        written[visit], seen[visit] = position, entry["seen"]
    numbers = {visit: number for name in made for number, visit in enumerate(succeeded(name, prediction), start=1)}
    for visit, number in numbers.items():
        for cause in prediction.causes[visit] & prediction.succeeded:
            assert written[cause[0], numbers[cause]] < seen[visit[0], number], f"{visit} did not see {cause}"


def succeeded(name: str, prediction: Prediction) -> list[Visit]:
    return sorted(visit for visit in prediction.succeeded if visit[0] == name)
