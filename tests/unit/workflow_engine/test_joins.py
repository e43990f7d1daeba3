"""Branches that meet: worked examples beside the random ones."""

from typing import Any

import pytest

from aumos_agent_framework.core.domain.executions import ExecutionError
from aumos_agent_framework.core.types import JsonObject
from tests.unit.graph.definitions import LOG, graph, logging, otherwise, transform, when
from tests.unit.workflow_engine.bench import run


async def ran_log(*edges: Any, names: str = "abcdefgh", **rest: Any) -> list[str]:
    """Run a graph of logging nodes and return its log."""
    used = {edge for edge in edges if isinstance(edge, str) for edge in edge.split(" > ")}
    used |= {edge[end] for edge in edges if not isinstance(edge, str) for end in ("from", "to")}
    nodes = logging(*(name for name in names if name in used))
    log: list[str] = (await run(graph(nodes, *edges, state=LOG, **rest))).state["log"]
    return log


class TestJoining:
    async def test_branches_of_one_length(self) -> None:
        assert await ran_log("a > b > d > END", "a > c > d") == ["a", "b", "c", "d"]

    async def test_a_join_waits_for_the_longest_branch(self) -> None:
        assert await ran_log("a > b > c > d > e > END", "a > e") == ["a", "b", "c", "d", "e"]

    async def test_a_join_behind_a_meeting_of_equal_branches_still_runs(self) -> None:
        assert await ran_log("a > b > d > f > END", "a > c > d", "a > e > f") == ["a", "b", "c", "e", "d", "f"]

    async def test_joins_behind_joins(self) -> None:
        log = await ran_log("a > b > c > d > e > f > END", "a > c", "c > e", "a > f")
        assert log == ["a", "b", "c", "d", "e", "f"]

    async def test_a_branch_that_a_condition_left_out_is_not_waited_for(self) -> None:
        edges = ["a > b > d", when("a", "false", "c"), otherwise("a", "e"), "c > d", "e > f > d > END"]
        assert await ran_log(*edges) == ["a", "b", "e", "f", "d"]

    async def test_a_branch_that_ends_elsewhere_holds_nothing_up(self) -> None:
        edges = ["a > b > c", "a > d > END", when("c", "false", "d", otherwise="END")]
        assert await ran_log(*edges) == ["a", "b", "c", "d"]

    async def test_a_branch_that_fails_comes_by_its_error_route(self) -> None:
        nodes: dict[str, JsonObject] = {**logging("a", "b", "c", "d")}
        nodes["b"] = {**transform(log="state.missing"), "on_error": "c"}
        ran = await run(graph(nodes, "a > b > d", "a > d", "c > d > END", state=LOG))
        assert ran.state["log"] == ["a", "c", "d"]

    async def test_entries_are_branches_and_one_that_others_lead_to_joins(self) -> None:
        assert await ran_log("a > c", "b > c > END", entry_point=["a", "b"]) == ["a", "b", "c"]
        assert await ran_log("a > b > END", entry_point=["a", "b"]) == ["a", "b"]
        assert await ran_log("a > b > END", "START > b") == ["a", "b"]

    async def test_a_fork_to_the_end_and_on(self) -> None:
        assert await ran_log("a > END", "a > b > END") == ["a", "b"]

    async def test_an_edge_and_a_condition_to_the_same_node_lead_there_once(self) -> None:
        assert await ran_log("a > b > END", when("a", "true", "b")) == ["a", "b"]

    async def test_several_ends_are_one(self) -> None:
        assert await ran_log("a > b > END", "a > c > d > END", "a > END") == ["a", "b", "c", "d"]


class TestLoops:
    async def test_a_loop_around_a_fork_runs_each_time_once(self) -> None:
        edges = ["a > b > d", "a > c > e > d", when("d", "size(state.log) < 8", "a", otherwise="END")]
        assert await ran_log(*edges) == ["a", "b", "c", "e", "d"] * 2

    async def test_two_loops_beside_each_other_join_behind_both(self) -> None:
        nodes = {
            "a": transform(x="0", y="0"),
            "b": transform(x="state.x + 1"),
            "c": transform(y="state.y + 1"),
            "d": transform(done="[state.x, state.y]"),
        }
        edges = [when("b", "state.x < 2", "b", otherwise="d"), when("c", "state.y < 5", "c", otherwise="d")]
        ran = await run(graph(nodes, "a > b", "a > c", *edges, "d > END"))
        assert ran.state["done"] == [2, 5]
        assert [step.node for step in ran.steps].count("d") == 1

    async def test_a_node_that_leads_to_itself(self) -> None:
        edge = when("a", "size(state.log) < 3", "a", otherwise="END")
        assert await ran_log(edge) == ["a", "a", "a"]


class TestConditions:
    @pytest.mark.parametrize(("n", "taken"), [(1, "b"), (2, "c"), (3, "d")])
    async def test_the_first_condition_that_holds_is_taken(self, n: int, taken: str) -> None:
        edges = [when("a", "input.n < 2", "b"), when("a", "input.n < 3", "c"), otherwise("a", "d")]
        nodes = logging("a", "b", "c", "d")
        ran = await run(graph(nodes, *edges, "b > END", "c > END", "d > END", state=LOG), input_data={"n": n})
        assert ran.state["log"] == ["a", taken]

    async def test_conditions_see_what_the_node_wrote(self) -> None:
        nodes = {"a": transform(x="1"), "b": transform(y="2")}
        ran = await run(graph(nodes, when("a", "state.x == 1", "b", otherwise="END"), "b > END"))
        assert ran.state == {"x": 1, "y": 2}

    async def test_where_none_holds_the_run_fails_at_the_node(self) -> None:
        ran = await run(graph(logging("a"), when("a", "false", "END"), state=LOG))
        assert (ran.fault.code, ran.fault.node) == ("no_edge_taken", "a")
        (step,) = ran.steps
        assert step.error == ran.fault

    async def test_where_none_holds_beside_an_edge_the_edge_is_enough(self) -> None:
        assert await ran_log("a > b > END", when("a", "false", "c"), "c > END") == ["a", "b"]

    async def test_where_none_holds_on_error_takes_over(self) -> None:
        nodes = {"a": {**transform(x="1"), "on_error": "b"}, "b": transform(why="execution.error.code")}
        ran = await run(graph(nodes, when("a", "false", "END"), "b > END"))
        assert ran.state == {"why": "no_edge_taken"}

    @pytest.mark.parametrize("condition", ["state.missing", "1", "'true'"])
    async def test_a_condition_that_gives_no_truth_fails_the_node(self, condition: str) -> None:
        ran = await run(graph(logging("a"), when("a", condition, "END"), otherwise("a", "END"), state=LOG))
        assert (ran.fault.code, ran.fault.node) == ("expression_failed", "a")

    async def test_otherwise_alone_is_always_taken(self) -> None:
        assert await ran_log(otherwise("a", "b"), "b > END") == ["a", "b"]


class TestFailure:
    async def test_one_branchs_failure_fails_the_run_with_that_nodes_name(self) -> None:
        ran = await run(graph({"a": transform(x="1"), "b": transform(y="state.missing")}, "START > b > END", "a > END"))
        assert ran.fault.node == "b"

    async def test_errors_are_told_to_whoever_takes_over(self) -> None:
        nodes = {
            "a": {**transform(x="state.missing"), "on_error": "b"},
            "b": transform(error="execution.error"),
        }
        ran = await run(graph(nodes, "a > END", "b > END"))
        assert ExecutionError(**ran.state["error"]) == ran.steps[0].error
