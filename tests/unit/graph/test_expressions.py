"""CEL expressions: what parses, what they may speak of, what they give, how they fail."""

import math
import time
from typing import Any

import pytest
from hypothesis import given, strategies as st

from aumos_agent_framework.core.graph.expressions import MAX_DEPTH, MAX_EXPRESSION_LENGTH, Expression, ExpressionError

KNOWN = frozenset({"state", "input", "execution"})
SCOPE: dict[str, Any] = {"state": {"n": 2, "items": [{"price": 3}, {"price": 5}]}, "input": {}, "execution": {}}


def evaluate(source: str) -> Any:
    return Expression(source).evaluate(SCOPE)


def code_of(source: str) -> str | None:
    """Return the code of the fault that compiling ends with."""
    try:
        Expression(source)
    except ExpressionError as fault:
        return fault.code
    return None


def fault_of(source: str) -> ExpressionError:
    with pytest.raises(ExpressionError) as caught:
        evaluate(source)
    return caught.value


class TestParsing:
    @pytest.mark.parametrize("source", ["", "  ", "\n"])
    def test_nothing_is_no_expression(self, source: str) -> None:
        with pytest.raises(ExpressionError, match="Nothing to evaluate") as caught:
            Expression(source)
        assert caught.value.code == "expression_syntax"

    @pytest.mark.parametrize("source", ["1 +", "state.", "(1", "1)", "'open", "a b", "=", "{'a' 1}", "\x00", "\ud800"])
    def test_what_does_not_parse_is_a_definition_error(self, source: str) -> None:
        with pytest.raises(ExpressionError) as caught:
            Expression(source)
        assert caught.value.code == "expression_syntax"

    def test_a_fault_names_its_column_and_the_expression(self) -> None:
        with pytest.raises(ExpressionError, match=r"Column 11: .*`state\.n > > 3`"):
            Expression("state.n > > 3")

    def test_the_longest_expression_is_taken_and_one_character_more_is_not(self) -> None:
        longest = "1" + "+1" * ((MAX_EXPRESSION_LENGTH - 1) // 2)
        assert Expression(longest).evaluate({}) == (MAX_EXPRESSION_LENGTH + 1) // 2
        with pytest.raises(ExpressionError, match="More than"):
            Expression(longest + " " * 2)

    @pytest.mark.parametrize("source", ["(" * 2_000 + "1" + ")" * 2_000, "[" * 2_000 + "]" * 2_000, "{" * 4_000])
    def test_deep_nesting_is_refused_and_not_a_crash(self, source: str) -> None:
        with pytest.raises(ExpressionError) as caught:
            Expression(source)
        assert caught.value.code == "expression_syntax"
        assert len(caught.value.message) < 500

    @given(st.text(max_size=60))
    def test_any_text_either_parses_or_is_a_definition_error(self, source: str) -> None:
        assert code_of(source) in {None, "expression_syntax"}


class TestNames:
    @pytest.mark.parametrize(
        "source",
        [
            "state.n + input.m",
            "execution.id",
            "state.items.map(item, item.price)",
            "state.items.filter(x, x.price > 3).all(y, y.price > 4)",
            "state.items.exists(x, state.others.exists_one(y, y == x))",
            "state.items.existsOne(x, x.price == 3)",
            "type(state.n) == int",
            "has(state.missing) ? state.missing : 0",
            "'foo bar'",
        ],
    )
    def test_known_names_and_macro_variables_are_fine(self, source: str) -> None:
        expression = Expression(source)
        assert expression.unknown_names(KNOWN) == frozenset()
        assert expression.unknown_functions() == frozenset()

    def test_every_unknown_name_is_told(self) -> None:
        assert Expression("states.n + foo > bar").unknown_names(KNOWN) == {"states", "foo", "bar"}

    def test_text_without_quotes_is_an_unknown_name(self) -> None:
        assert Expression("approved").unknown_names(KNOWN) == {"approved"}

    @pytest.mark.parametrize("name", ["lenght", "now", "uuid", "split"])
    def test_functions_that_do_not_exist_are_told(self, name: str) -> None:
        assert Expression(f"{name}(state.n)").unknown_functions() == {name}


FUNCTION_CALLS = {
    "size('abc')": 3,
    "'abc'.contains('b')": True,
    "'abc'.startsWith('a')": True,
    "'abc'.endsWith('c')": True,
    "'abc'.matches('^a.c$')": True,
    "int('3')": 3,
    "uint(3)": 3,
    "double(3)": 3.0,
    "string(3)": "3",
    "size(bytes('é'))": 2,
    "type(3)": "int",
    "dyn(3)": 3,
    "timestamp('2026-01-02T03:04:05Z')": "2026-01-02T03:04:05Z",
    "timestamp('2026-01-02T03:04:05+01:00')": "2026-01-02T02:04:05Z",
    "timestamp('2026-01-02T03:04:05Z').getFullYear()": 2026,
    "timestamp('2026-01-02T03:04:05Z').getMonth()": 0,
    "timestamp('2026-01-02T03:04:05Z').getDate()": 2,
    "timestamp('2026-01-02T03:04:05Z').getDayOfMonth()": 1,
    "timestamp('2026-01-02T03:04:05Z').getDayOfWeek()": 5,
    "timestamp('2026-01-02T03:04:05Z').getDayOfYear()": 1,
    "timestamp('2026-01-02T03:04:05Z').getHours()": 3,
    "timestamp('2026-01-02T03:04:05Z').getMinutes()": 4,
    "timestamp('2026-01-02T03:04:05Z').getSeconds()": 5,
    "timestamp('2026-01-02T03:04:05Z').getMilliseconds()": 0,
    "duration('90s').getMinutes()": 1,
    "timestamp('2026-01-02T00:00:00Z') + duration('1h')": "2026-01-02T01:00:00Z",
}


class TestValues:
    @pytest.mark.parametrize(
        ("source", "value"),
        [
            ("null", None),
            ("true", True),
            ("state.n", 2),
            ("state.n * 2.5", None),
            ("7 / 2", 3),
            ("7.0 / 2.0", 3.5),
            ("'a' + 'b'", "ab"),
            ("[1, 'a', null]", [1, "a", None]),
            ("{'a': {'b': [state.n]}}", {"a": {"b": [2]}}),
            ("state.items.map(item, item.price * 2)", [6, 10]),
            ("state.n > 1 ? 'many' : 'few'", "many"),
            ("'x' in {'x': 1}", True),
        ],
    )
    def test_values_keep_their_types(self, source: str, value: object) -> None:
        if value is None and source != "null":
            assert fault_of(source).code == "expression_failed"  # CEL does not mix int and double
            return
        given = evaluate(source)
        assert given == value
        assert type(given) is type(value)

    @pytest.mark.parametrize("source", FUNCTION_CALLS)
    def test_every_function_that_is_promised_works(self, source: str) -> None:
        expression = Expression(source)
        assert expression.unknown_functions() == frozenset()
        assert expression.evaluate({}) == FUNCTION_CALLS[source]

    @pytest.mark.parametrize(
        "source", ["b'bytes'", "duration('1s')", "{1: 'a'}", "{'a': {2: 'b'}}", "[duration('1s')]"]
    )
    def test_what_json_does_not_know_is_an_error(self, source: str) -> None:
        assert fault_of(source).code == "expression_failed"

    @pytest.mark.parametrize(
        "source", ["1.0 / 0.0", "-1.0 / 0.0", "double('NaN')", "[1.0 / 0.0]", "{'a': 1e308 * 10.0}"]
    )
    def test_infinity_and_nan_are_no_json(self, source: str) -> None:
        fault = fault_of(source)
        assert fault.code == "expression_failed"
        assert "no JSON" in fault.message

    def test_a_value_may_be_as_deep_as_json_that_comes_in(self) -> None:
        deep: Any = 1
        for _ in range(MAX_DEPTH):
            deep = [deep]
        assert Expression("state").evaluate({"state": deep}) == deep
        with pytest.raises(ExpressionError, match="nested deeper than 100 levels"):
            Expression("[state]").evaluate({"state": deep})

    @given(
        st.recursive(
            st.none()
            | st.booleans()
            | st.integers(-(2**63), 2**63 - 1)
            | st.floats(allow_nan=False, allow_infinity=False)
            | st.text(),
            lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
            max_leaves=10,
        )
    )
    def test_json_passes_through_unchanged(self, value: Any) -> None:
        given = Expression("state.value").evaluate({"state": {"value": value}})
        assert given == value
        assert type(given) is type(value)


class TestFaults:
    @pytest.mark.parametrize(
        "source",
        [
            "state.missing",
            "state.missing.deeper",
            "state.items[5]",
            "state.items['a']",
            "1 / 0",
            "1 % 0",
            "9223372036854775807 + 1",
            "'a' + 1",
            "1 + 1.5",
            "int('abc')",
            "timestamp('yesterday')",
            "'a'.matches('(')",
            "nowhere",
            "lenght('a')",
            "state.n.size()",
            "'a' < 1",
        ],
    )
    def test_a_fault_at_run_time_tells_the_expression(self, source: str) -> None:
        fault = fault_of(source)
        assert fault.code == "expression_failed"
        assert source in fault.message
        assert fault.source == source

    def test_a_missing_key_is_named_with_what_to_do(self) -> None:
        assert "has(" in fault_of("state.missing").message
        assert "missing" in fault_of("state.missing").message

    def test_messages_stay_short_however_long_the_expression(self) -> None:
        assert len(fault_of("state.missing + '" + "x" * 4_000 + "'").message) < 500

    @pytest.mark.parametrize("ending", ["", " || true"])
    def test_macros_inside_macros_do_not_multiply_without_end(self, ending: str) -> None:
        source = "true"
        for level in range(12):
            source = f"[0, 1, 2, 3, 4, 5, 6, 7, 8, 9].all(x{level}, {source}{ending})"
        started = time.process_time()
        with pytest.raises(ExpressionError, match="more than 100,000 items"):
            evaluate(source)
        assert time.process_time() - started < 5

    @pytest.mark.parametrize(
        "source",
        [
            "'" * 4_001,
            "'" * 3 + "\\" * 4_000,
            "1." + "//" * 2_000,
            "1.map" + "//\n" * 1_300 + "(",
            "'\\" * 2_000,
            "r'" * 2_001,
        ],
    )
    def test_no_text_is_slow_to_read(self, source: str) -> None:
        started = time.process_time()
        assert code_of(source) == "expression_syntax"
        assert time.process_time() - started < 2

    def test_long_strings_and_comments_are_read_fast(self) -> None:
        started = time.process_time()
        assert evaluate("size('" + r"\'" * 1_900 + "')") == 1_900
        assert evaluate("[1]." + "//\n" * 1_300 + "map(x, x)") == [1]
        assert time.process_time() - started < 2

    def test_macros_may_go_through_long_lists(self) -> None:
        rows = [{"n": number} for number in range(50_000)]
        assert Expression("state.rows.filter(row, row.n > 49997).map(row, row.n)").evaluate(
            {"state": {"rows": rows}}
        ) == [49_998, 49_999]

    def test_a_hostile_pattern_does_not_take_long(self) -> None:
        text = "a" * 20_000 + "!"
        assert Expression("state.text.matches('^(a+)+$')").evaluate({"state": {"text": text}}) is False


class TestConditions:
    @pytest.mark.parametrize(("source", "holds"), [("state.n == 2", True), ("state.n > 2", False)])
    def test_a_condition_holds_or_not(self, source: str, *, holds: bool) -> None:
        assert Expression(source).holds(SCOPE) is holds

    @pytest.mark.parametrize("source", ["1", "'true'", "null", "[]", "state.items"])
    def test_anything_but_true_and_false_is_an_error(self, source: str) -> None:
        with pytest.raises(ExpressionError, match="true or false"):
            Expression(source).holds(SCOPE)


def test_no_expression_sees_more_than_its_scope() -> None:
    for source in ("__import__('os')", "open('/etc/passwd')", "state.__class__", "env", "globals()"):
        with pytest.raises(ExpressionError):
            evaluate(source)


def test_large_floats_stay_floats() -> None:
    given = Expression("state.x").evaluate({"state": {"x": 1e300}})
    assert math.isclose(given, 1e300)
