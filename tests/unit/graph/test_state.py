"""The state: what it starts with, how writes join it, what it refuses."""

from typing import Any

import pytest

from aumos_agent_framework.core.errors import AgfError
from aumos_agent_framework.core.graph.schema import REDUCERS
from aumos_agent_framework.core.graph.state import (
    MAX_STATE_BYTES,
    Channel,
    StateError,
    channels,
    check_size,
    first_value_fault,
    initial_state,
    reducer_function,
    reducer_of,
)

LISTS = ("extend", "append", "union")
NUMBERS = ("add", "max", "min")


def channel(schema: Any, **state: Any) -> Channel:
    """Return the channel of the property ``x``."""
    return channels({"properties": {"x": schema}, **state}, frozenset())["x"]


def fault_of(written_to: Channel, value: Any) -> str:
    with pytest.raises(StateError) as caught:
        written_to.check(value)
    assert caught.value.code == "state_invalid"
    return caught.value.message


class TestReducers:
    @pytest.mark.parametrize(
        ("reducer", "old", "new", "joined"),
        [
            ("replace", {"a": 1}, None, None),
            ("extend", [1], [2, 1], [1, 2, 1]),
            ("append", [1], [2], [1, [2]]),
            ("merge", {"a": 1, "b": {"c": 1}}, {"b": {"d": 2}, "e": None}, {"a": 1, "b": {"d": 2}, "e": None}),
            ("add", 1, 2.5, 3.5),
            ("max", 1, 3, 3),
            ("max", 3, 1, 3),
            ("min", 1, 3, 1),
            ("union", [1, {"a": 1}], [{"a": 1}, 2, 2], [1, {"a": 1}, 2]),
        ],
    )
    def test_a_write_joins_what_is_there(self, reducer: Any, old: Any, new: Any, joined: Any) -> None:
        assert reducer_function(reducer)(old, new) == joined

    @pytest.mark.parametrize("reducer", REDUCERS)
    def test_joining_changes_neither_side(self, reducer: Any) -> None:
        old: Any = {"a": [1]} if reducer == "merge" else [1] if reducer in LISTS else 1
        new: Any = {"b": 2} if reducer == "merge" else [2] if reducer in LISTS else 2
        before = repr((old, new))
        reducer_function(reducer)(old, new)
        assert repr((old, new)) == before

    def test_a_property_replaces_unless_it_says_otherwise(self) -> None:
        assert reducer_of({"type": "string"}) == "replace"
        assert reducer_of(True) == "replace"  # noqa: FBT003 - a JSON Schema may be true
        assert reducer_of({"x-reducer": "max"}) == "max"

    @pytest.mark.parametrize("name", ["sum", "", None, 3, [], {}, "Replace"])
    def test_other_reducers_do_not_exist(self, name: Any) -> None:
        with pytest.raises(ValueError, match="is no reducer; there are replace"):
            reducer_of({"x-reducer": name})


class TestStart:
    def test_input_comes_before_defaults_and_those_before_what_reducers_start_from(self) -> None:
        schema = {
            "properties": {
                "given": {"default": 1},
                "defaulted": {"default": None},
                "absent": {"type": "string"},
                "list": {"x-reducer": "append"},
                "object": {"x-reducer": "merge"},
                "count": {"x-reducer": "add"},
                "seen": {"x-reducer": "union", "default": ["a"]},
            }
        }
        start = initial_state(channels(schema, frozenset({"other"})), {"given": 2, "other": 3})
        assert start == {"given": 2, "defaulted": None, "list": [], "object": {}, "seen": ["a"], "other": 3}

    def test_schemas_that_are_true_or_false_are_schemas(self) -> None:
        schema = {"properties": {"any": True, "none": False}}
        found = channels(schema, frozenset())
        assert initial_state(found, {}) == {}
        found["any"].check({"a": 1})
        with pytest.raises(StateError):
            found["none"].check(1)

    @pytest.mark.parametrize(
        ("reducer", "value"),
        [
            *((reducer, {"a": 1}) for reducer in (*LISTS, *NUMBERS)),
            *((reducer, "text") for reducer in (*LISTS, *NUMBERS, "merge")),
            *((reducer, None) for reducer in (*LISTS, *NUMBERS, "merge")),
            *((reducer, True) for reducer in NUMBERS),
            ("merge", []),
        ],
    )
    def test_a_reducer_cannot_start_from_a_value_of_another_kind(self, reducer: str, value: Any) -> None:
        assert f"The reducer {reducer} starts from" in str(first_value_fault({"x-reducer": reducer}, value))

    def test_replace_starts_from_anything(self) -> None:
        anything: list[Any] = [None, True, 1, "a", [], {}]
        for value in anything:
            assert first_value_fault({}, value) is None

    @pytest.mark.parametrize(
        ("reducer", "value"), [("append", []), ("extend", [1]), ("union", []), ("merge", {}), ("add", 0), ("max", -1.5)]
    )
    def test_a_reducer_starts_from_its_own_kind(self, reducer: str, value: Any) -> None:
        assert first_value_fault({"x-reducer": reducer}, value) is None


class TestWrites:
    @pytest.mark.parametrize(
        ("reducer", "value", "said"),
        [
            ("extend", "abc", "takes a list, not a string"),
            ("extend", {"a": 1}, "takes a list, not an object"),
            ("union", None, "takes a list, not null"),
            ("merge", [1], "takes an object, not a list"),
            ("add", "1", "takes a number, not a string"),
            ("add", True, "takes a number, not true or false"),
            ("max", None, "takes a number, not null"),
            ("min", [], "takes a number, not a list"),
        ],
    )
    def test_what_a_reducer_cannot_take_is_refused(self, reducer: str, value: Any, said: str) -> None:
        message = fault_of(channel({"x-reducer": reducer}), value)
        assert message == f"state.x: the reducer {reducer} {said}."

    def test_a_value_fits_its_propertys_schema(self) -> None:
        written_to = channel({"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]})
        written_to.check({"n": 1})
        assert fault_of(written_to, {"n": "a"}).startswith("state.x.n: ")
        assert "required" in fault_of(written_to, {})

    def test_append_checks_one_item(self) -> None:
        written_to = channel({"type": "array", "items": {"type": "integer"}, "x-reducer": "append"})
        written_to.check(3)
        assert "integer" in fault_of(written_to, "3")

    def test_extend_checks_the_list(self) -> None:
        written_to = channel({"type": "array", "items": {"type": "integer"}, "x-reducer": "extend"})
        written_to.check([3])
        assert fault_of(written_to, [3, "x"]).startswith("state.x.1: ")

    def test_merge_checks_a_part_which_need_not_hold_everything(self) -> None:
        schema = {
            "type": "object",
            "properties": {"a": {"type": "integer"}, "b": {"type": "integer"}},
            "required": ["a", "b"],
            "x-reducer": "merge",
        }
        channel(schema).check({"a": 1})
        assert "integer" in fault_of(channel(schema), {"a": "x"})

    @pytest.mark.parametrize("identifier", [{}, {"$id": "https://example.com/state"}])
    @pytest.mark.parametrize(
        ("schema", "good", "bad"),
        [
            ({"$ref": "#/$defs/person"}, {"name": "Ada"}, {"name": 3}),
            ({"type": "array", "items": {"$ref": "#/$defs/person"}, "x-reducer": "append"}, {"name": "a"}, {}),
            ({"type": "array", "items": {"$ref": "#/$defs/person"}, "x-reducer": "extend"}, [{"name": "a"}], [{}]),
            (
                {"type": "object", "properties": {"p": {"$ref": "#/$defs/person"}, "q": {}}, "required": ["q"]}
                | {"x-reducer": "merge"},
                {"p": {"name": "a"}},
                {"p": {}},
            ),
            ({"$ref": "#/properties/other"}, 3, "3"),
        ],
    )
    def test_references_into_the_rest_of_the_state_hold(
        self, schema: Any, good: Any, bad: Any, identifier: Any
    ) -> None:
        state = {
            **identifier,
            "$defs": {"person": {"type": "object", "properties": {"name": {"$ref": "#/$defs/text"}}}}
            | {"text": {"type": "string"}},
            "properties": {"other": {"type": "integer"}, "x": schema},
        }
        state["$defs"]["person"]["required"] = ["name"]
        written_to = channels(state, frozenset())["x"]
        written_to.check(good)
        fault_of(written_to, bad)

    def test_undeclared_keys_take_anything(self) -> None:
        written_to = channels({}, frozenset({"free"}))["free"]
        anything: list[Any] = [None, True, 1, "a", [], {}]
        for value in anything:
            written_to.check(value)


class TestSize:
    def test_a_state_of_the_limit_is_kept_and_one_byte_more_is_not(self) -> None:
        most = MAX_STATE_BYTES - len('{"a":""}')
        check_size({"a": "x" * most})
        with pytest.raises(AgfError, match="at most 1000000") as caught:
            check_size({"a": "x" * (most + 1)})
        assert caught.value.code == "state_too_large"

    @pytest.mark.parametrize("value", [2**70, b"bytes", {1: 2}])
    def test_what_is_no_json_is_refused(self, value: Any) -> None:
        with pytest.raises(AgfError) as caught:
            check_size({"a": value})
        assert caught.value.code == "state_invalid"

    def test_a_value_nested_without_end_is_refused(self) -> None:
        deep: Any = 1
        for _ in range(2_000):
            deep = [deep]
        with pytest.raises(AgfError) as caught:
            check_size({"a": deep})
        assert caught.value.code == "state_invalid"
