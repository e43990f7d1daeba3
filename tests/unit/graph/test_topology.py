"""The shape of a graph: exits in one form, joins, cycles, reachability."""

from itertools import product
from typing import Any

import pytest
from hypothesis import given, strategies as st

from aumos_agent_framework.core.graph.schema import END, START, GraphDefinition
from aumos_agent_framework.core.graph.topology import Topology, topology
from tests.unit.graph.definitions import graph, logging, otherwise, transform, when


def shape(*edges: Any, names: str = "abcdef", entry: Any = None, **on_error: str) -> Topology:
    nodes: dict[str, Any] = logging(*names)
    for name, target in on_error.items():
        nodes[name]["on_error"] = target
    written = graph(nodes, *edges)
    return topology(GraphDefinition.model_validate(written if entry is None else {**written, "entry_point": entry}))


class TestExits:
    def test_edges_of_a_node_are_sorted_by_kind_and_keep_their_order(self) -> None:
        found = shape(when("a", "c1", "b"), "a > c", when("a", "c2", "d"), otherwise("a", END), "a > e", a="f").out("a")
        assert found.always == ("c", "e")
        assert found.conditional == (("c1", "b"), ("c2", "d"))
        assert (found.otherwise, found.on_error) == (END, "f")
        assert found.targets == ("c", "e", "b", "d", END, "f")

    def test_otherwise_beside_when_names_the_node_to_go_to(self) -> None:
        found = shape(when("a", "c1", "b", otherwise="c")).out("a")
        assert (found.conditional, found.otherwise) == ((("c1", "b"),), "c")

    def test_otherwise_without_any_condition_is_always_taken(self) -> None:
        found = shape(otherwise("a", "b"), "a > c").out("a")
        assert (found.always, found.otherwise) == (("c", "b"), None)

    def test_an_edge_written_twice_is_one(self) -> None:
        assert shape("a > b", "a > b").out("a").always == ("b",)

    def test_a_node_without_edges_leads_nowhere(self) -> None:
        assert shape("a > b").out("b").targets == ()

    def test_entry_point_and_edges_from_start_are_united(self) -> None:
        assert shape("START > b", "START > a", "START > c", entry=["a"]).entries == ("a", "b", "c")


class TestReach:
    def test_what_can_be_reached_and_what_can_end(self) -> None:
        found = shape("a > b > END", "c > d > c", when("e", "x", "a"), f="a")
        assert found.reachable(["a"]) == {"a", "b", END}
        assert found.reachable(["e"]) == {"e", "a", "b", END}
        assert found.ending - {START, END} == {"a", "b", "e", "f"}

    def test_sources_count_start_and_error_routes(self) -> None:
        found = shape("a > b > c", when("c", "x", "a"), b="c")
        assert found.sources["a"] == (START, "c")
        assert found.sources["c"] == ("b",)

    def test_a_deep_graph_needs_no_deep_stack(self) -> None:
        names = [f"n{index}" for index in range(5_000)]
        written = graph({name: transform(x="1") for name in names}, " > ".join([*names, END]))
        found = topology(GraphDefinition.model_validate(written))
        assert len(found.reachable(["n0"])) == 5_001
        assert found.unguarded_cycles == ()
        assert found.joins == frozenset()


class TestCycles:
    def test_only_edges_that_are_always_taken_make_a_cycle_that_cannot_be_left(self) -> None:
        found = shape("a > b > a", "c > d", when("d", "x", "c"), "e > e", otherwise("f", "f"))
        assert {frozenset(cycle) for cycle in found.unguarded_cycles} == {
            frozenset("ab"),
            frozenset("e"),
            frozenset("f"),
        }

    @given(st.sets(st.tuples(st.sampled_from("abcdef"), st.sampled_from("abcdef"))))
    def test_cycles_agree_with_a_naive_search(self, pairs: set[tuple[str, str]]) -> None:
        found = shape(*(f"{x} > {y}" for x, y in sorted(pairs)))
        reach = set(pairs)
        for middle, x, y in product("abcdef", repeat=3):
            if {(x, middle), (middle, y)} <= reach:
                reach.add((x, y))
        assert {name for cycle in found.unguarded_cycles for name in cycle} == {x for x, y in reach if x == y}


class TestJoins:
    def test_without_parallel_branches_nothing_joins(self) -> None:
        found = shape(
            when("a", "x", "b"), otherwise("a", "c"), "b > d", "c > d", when("d", "y", "a"), otherwise("d", END)
        )
        assert not found.forks
        assert found.joins == frozenset()

    def test_branches_of_one_length_meet_without_waiting(self) -> None:
        found = shape("a > b > d > END", "a > c > d")
        assert found.forks
        assert found.joins == frozenset()

    def test_branches_of_different_length_join(self) -> None:
        assert shape("a > b > c > END", "a > c").joins == {"c"}

    def test_an_error_route_is_a_branch_too(self) -> None:
        assert shape("a > b > d > END", "a > c > d", b="c").joins == {"c", "d"}

    def test_behind_a_join_nothing_is_of_one_length(self) -> None:
        assert shape("a > b > c", "a > c > d > f", "c > e > f > END").joins == {"c", "f"}

    def test_on_a_cycle_everything_that_meets_joins(self) -> None:
        assert shape("a > b > d", "a > c > d", when("d", "x", "a"), otherwise("d", END)).joins == {"a", "d"}

    @pytest.mark.parametrize("edge", ["START > b", when("a", "x", "b")])
    def test_several_entries_or_a_condition_beside_an_edge_are_forks(self, edge: Any) -> None:
        assert shape("a > c > END", edge, "b > END").forks
