"""The same expression over the same state gives the same value, in the same order, each time it is evaluated."""

import orjson
import pytest

from aumos_agent_framework.core.graph.expressions import Expression, Template

# Wide enough that a random order repeats itself in 20 evaluations with a chance of one in 10^100.
WIDE = {f"key{number}": number for number in range(20)}
SCOPE = {"state": {"wide": WIDE, "rows": [{"b": 2, "a": 1}], "text": "m.map(k, k)"}}
ROUNDS = 20


@pytest.mark.parametrize(
    "source",
    [
        "state.wide",
        "state.wide.map(key, key)",
        "state.wide . filter ( key , state.wide[key] > 3 )",
        "state.wide.filter(key, true).map(key, state.wide[key])",
        "state.rows.map(row, row)",
        "{'c': state.wide, 'b': 1, 'a': 2}",
        "[state.wide].map(each, each.map(key, key))",
        r"[r'\'] + state.wide.map(key, key) + ['\'']",
        '["""it"s"""] + state.wide.map(key, key)',
        "state.wide. // a comment's quote\n map // and another\n (key, key)",
        "1 == 1 // it's\n ? state.wide.map(key, key) : [] // '",
    ],
)
def test_maps_are_walked_in_one_order(source: str) -> None:
    expression = Expression(source)
    values = {orjson.dumps(expression.evaluate(SCOPE)) for _ in range(ROUNDS)}
    assert len(values) == 1


def test_text_made_of_a_map_is_the_same_each_time() -> None:
    template = Template("all of ${{ state.wide }}")
    assert len({template.render(SCOPE) for _ in range(ROUNDS)}) == 1


def test_keys_come_sorted_and_lists_as_they_are() -> None:
    assert Expression("{'b': 1, 'a': 2}.map(key, key)").evaluate({}) == ["a", "b"]
    assert Expression("[3, 1, 2].map(item, item)").evaluate({}) == [3, 1, 2]


def test_a_macro_inside_a_string_is_text() -> None:
    assert Expression("'a.map(k, k)' + state.text").evaluate(SCOPE) == "a.map(k, k)m.map(k, k)"
    assert Expression(r"'it\'s x.all(' + 'y'").evaluate(SCOPE) == "it's x.all(y"
