"""The state of a run: reducers, checks of every write, and hostile keys and values."""

import asyncio
from typing import Any

import pytest

from aumos_agent_framework.core.domain.executions import StepStatus
from aumos_agent_framework.core.types import JsonObject
from tests.fakes.step_runner import ScriptedStepRunner
from tests.unit.graph.definitions import LOG, chain, graph, logging, otherwise, transform, when
from tests.unit.workflow_engine.bench import Ran, run


def state(**properties: Any) -> JsonObject:
    return {"type": "object", "properties": properties}


async def write(value: Any, schema: Any, **rest: Any) -> Ran:
    """Let a tool write a value to the key ``x``."""
    runner = ScriptedStepRunner()
    runner.tools["give"] = lambda _: value
    node = {"type": "tool", "tool": "give", "output": "x"}
    return await run(chain({"go": node}, state=state(x=schema)), runner, **rest)


class TestReducers:
    @pytest.mark.parametrize(
        ("reducer", "old", "value", "new"),
        [
            ("replace", 1, {"a": 1}, {"a": 1}),
            ("extend", [1], [2], [1, 2]),
            ("append", [1], [2], [1, [2]]),
            ("merge", {"a": 1}, {"b": 2}, {"a": 1, "b": 2}),
            ("add", 1, 2, 3),
            ("max", 1, 2, 2),
            ("min", 1, 2, 1),
            ("union", [1], [1, 2], [1, 2]),
        ],
    )
    async def test_a_write_joins_the_input(self, reducer: str, old: Any, value: Any, new: Any) -> None:
        ran = await write(value, {"x-reducer": reducer}, input_data={"x": old})
        assert ran.state == {"x": new}

    @pytest.mark.parametrize(
        ("reducer", "value", "new"),
        [
            ("extend", [2], [2]),
            ("append", 2, [2]),
            ("merge", {"b": 2}, {"b": 2}),
            ("add", 2, 2),
            ("union", [2, 2], [2]),
        ],
    )
    async def test_a_first_write_without_input(self, reducer: str, value: Any, new: Any) -> None:
        ran = await write(value, {"x-reducer": reducer})
        assert ran.state == {"x": new}

    async def test_an_inputs_list_is_not_added_to_itself(self) -> None:
        ran = await run(chain(logging("a"), state=LOG), input_data={"log": ["before"]})
        assert ran.state["log"] == ["before", "a"]

    async def test_parallel_writes_join_in_the_order_of_the_nodes_names(self) -> None:
        for entries in (["b", "a", "c"], ["c", "b", "a"]):
            definition = graph(logging("b", "c", "a"), "a > END", "b > END", "c > END", state=LOG)
            ran = await run({**definition, "entry_point": entries})
            assert ran.state["log"] == ["a", "b", "c"]

    async def test_all_expressions_of_a_transform_see_the_state_before_it(self) -> None:
        ran = await run(chain({"swap": transform(a="state.b", b="state.a")}), input_data={"a": 1, "b": 2})
        assert ran.state == {"a": 2, "b": 1}

    async def test_defaults_stand_in_the_state_from_the_start(self) -> None:
        definition = chain({"go": transform(y="state.x + 1")}, state=state(x={"default": 4}))
        assert (await run(definition)).state == {"x": 4, "y": 5}


class TestChecks:
    @pytest.mark.parametrize(
        ("schema", "value", "said"),
        [
            ({"x-reducer": "extend"}, "text", "takes a list"),
            ({"x-reducer": "add"}, True, "takes a number"),
            ({"x-reducer": "merge"}, [1], "takes an object"),
            ({"type": "integer"}, "3", "integer"),
            ({"type": "array", "items": {"type": "integer"}, "x-reducer": "append"}, "3", "integer"),
            (False, 1, "state.x"),
        ],
    )
    async def test_a_write_that_does_not_fit_names_the_node_and_the_key(
        self, schema: Any, value: Any, said: str
    ) -> None:
        ran = await write(value, schema)
        assert (ran.fault.code, ran.fault.node) == ("state_invalid", "go")
        assert ran.fault.message.startswith("state.x")
        assert said in ran.fault.message
        (step,) = ran.steps
        assert (step.status, step.error, step.output) == (StepStatus.FAILED, ran.fault, value)

    async def test_a_misfit_goes_to_on_error_and_nothing_is_written(self) -> None:
        nodes = {"go": {**transform(x="'three'"), "on_error": "note"}, "note": transform(why="execution.error.node")}
        ran = await run(graph(nodes, "go > END", "note > END", state=state(x={"type": "integer"})))
        assert ran.state == {"why": "go"}

    async def test_references_inside_the_state_hold_in_a_run(self) -> None:
        schema = {"$defs": {"n": {"type": "integer"}}, "properties": {"x": {"$ref": "#/$defs/n"}}}
        assert (await run(chain({"go": transform(x="3")}, state=schema))).state == {"x": 3}
        assert (await run(chain({"go": transform(x="'3'")}, state=schema))).fault.code == "state_invalid"

    async def test_a_state_may_not_grow_without_end(self) -> None:
        definition = graph(
            {"double": transform(x="state.x + state.x")},
            when("double", "true", "double"),
            otherwise("double", "END"),
            state=state(x={"default": "0123456789"}),
        )
        ran = await run(definition, max_steps=10_000)
        assert (ran.fault.code, ran.fault.node) == ("state_too_large", "double")
        assert len(ran.steps) < 30

    async def test_a_value_may_not_nest_without_end(self) -> None:
        definition = graph(
            {"wrap": transform(x="[state.x]")},
            when("wrap", "true", "wrap"),
            otherwise("wrap", "END"),
            state=state(x={"default": 1}),
        )
        ran = await run(definition, max_steps=10_000)
        assert (ran.fault.code, ran.fault.node) == ("expression_failed", "wrap")

    async def test_a_deep_result_of_a_tool_fails_the_node_and_not_the_service(self) -> None:
        deep: Any = 1
        for _ in range(1_000):
            deep = [deep]
        ran = await write(deep, {})
        assert (ran.fault.code, ran.fault.node) == ("state_invalid", "go")


class TestConflicts:
    async def test_parallel_writes_of_one_key_without_a_reducer_fail_the_run(self) -> None:
        definition = graph({"a": transform(x="1"), "b": transform(x="2")}, "a > END", "START > b > END")
        ran = await run(definition)
        assert ran.fault.code == "state_conflict"
        assert "x" in ran.fault.message
        assert "reducer" in ran.fault.message

    async def test_one_after_the_other_is_no_conflict(self) -> None:
        ran = await run(chain({"a": transform(x="1"), "b": transform(x="state.x + 1")}))
        assert ran.state == {"x": 2}


HOSTILE_KEYS = [
    *("__start__", "__end__", "__root__", "__input__", "__interrupt__", "__resume__", "__pregel_tasks", "__error__"),
    *("branch:to:node.go", "node.go", "go", "front", "state.x", "join.", "", " ", "a.b", "messages", "_front", "?go"),
]


class TestHostileData:
    @pytest.mark.parametrize("key", HOSTILE_KEYS)
    async def test_an_inputs_key_is_only_a_key(self, key: str) -> None:
        ran = await run(chain({"go": transform(z="state[input.key]")}), input_data={key: {"v": 1}, "key": key})
        assert ran.state == {key: {"v": 1}, "key": key, "z": {"v": 1}}
        assert [step.node for step in ran.steps] == ["go"]

    @pytest.mark.parametrize("key", ["_front", "front", "__root__", "__start__", "__interrupt__", "_", "self"])
    async def test_a_state_key_is_only_a_key(self, key: str) -> None:
        nodes = {"a": transform(**{key: "1"}), "b": transform(x="1"), "c": transform(x2=f"state['{key}'] + 1")}
        ran = await run(graph(nodes, "a > b > c > END", "a > c"))
        assert ran.state == {key: 1, "x": 1, "x2": 2}

    @pytest.mark.parametrize(
        "value", [{"__overwrite__": []}, {"type": "__overwrite__", "value": {}}, {"__overwrite__": 7, "a": 1}]
    )
    @pytest.mark.parametrize(
        ("reducer", "old"), [("append", ["kept"]), ("merge", {"kept": 1}), ("replace", 1), ("extend", ["kept"])]
    )
    async def test_a_value_is_only_a_value(self, reducer: str, old: Any, value: Any) -> None:
        written = [value] if reducer == "extend" else value
        ran = await write(written, {"x-reducer": reducer}, input_data={"x": old})
        joined = {"append": ["kept", value], "merge": {"kept": 1, **value}, "replace": value, "extend": ["kept", value]}
        assert ran.state == {"x": joined[reducer]}

    @pytest.mark.parametrize("name", ["front", "join.", "state.x", "node.a", "__start__", "START.x", "_"])
    async def test_a_nodes_name_is_only_a_name(self, name: str) -> None:
        ran = await run(graph(logging("a", name, "b"), f"a > {name} > b > END", "a > b", state=LOG))
        assert ran.state["log"] == ["a", name, "b"]

    @pytest.mark.parametrize("value", [1.0, "", None, [], {}, 0, False])
    async def test_falsy_values_are_values(self, value: Any) -> None:
        ran = await write(value, {}, input_data={"x": "before"})
        assert ran.state == {"x": value}


class TestIsolation:
    async def test_a_branch_does_not_see_what_runs_beside_it(self) -> None:
        seen = asyncio.Event()

        async def early(_: JsonObject) -> Any:
            seen.set()
            return "early"

        async def late(arguments: JsonObject) -> Any:
            await seen.wait()
            return arguments["other"]

        runner = ScriptedStepRunner()
        runner.tools.update(early=early, late=late)
        nodes: dict[str, JsonObject] = {
            "early": {"type": "tool", "tool": "early", "output": "x"},
            "late": {"type": "tool", "tool": "late", "arguments": {"other": "${{ has(state.x) }}"}, "output": "saw"},
        }
        ran = await run(graph(nodes, "early > END", "START > late > END"), runner)
        assert ran.state == {"x": "early", "saw": False}

    async def test_a_failed_node_leaves_no_write(self) -> None:
        nodes = {"go": {**transform(a="1", b="state.missing"), "on_error": "note"}, "note": transform(c="1")}
        ran = await run(graph(nodes, "go > END", "note > END"))
        assert ran.state == {"c": 1}
        error = ran.steps[0].error
        assert error is not None
        assert (error.code, error.node) == ("expression_failed", "go")
