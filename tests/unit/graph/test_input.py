"""Inputs that fit a definition's state, and those that do not."""

from typing import Any

import pytest

from aumos_agent_framework.core.errors import InvalidInputError
from aumos_agent_framework.core.graph.input import check_input

STATE: Any = {
    "type": "object",
    "properties": {
        "question": {"type": "string", "minLength": 1},
        "rows": {"type": "array", "items": {"type": "object", "properties": {"n/m": {"type": "integer"}}}},
        "tone": {"type": "string", "default": "plain"},
        "count": {"x-reducer": "add"},
        "log": {"type": "array", "x-reducer": "append"},
    },
    "required": ["question", "tone"],
    "additionalProperties": False,
}


def pointers(input_data: Any, state: Any = STATE) -> set[str]:
    with pytest.raises(InvalidInputError) as caught:
        check_input({"state": state}, input_data)
    assert {problem.code for problem in caught.value.problems} == {"input_misfit"}
    assert all(problem.message for problem in caught.value.problems)
    return {problem.pointer for problem in caught.value.problems}


def test_an_input_that_fits_is_taken() -> None:
    check_input({"state": STATE}, {"question": "why?", "rows": [{"n/m": 1}], "count": 2, "log": []})


def test_a_property_with_a_default_may_be_left_out_though_required() -> None:
    check_input({"state": STATE}, {"question": "why?"})


def test_a_property_with_a_default_is_checked_when_given() -> None:
    assert pointers({"question": "why?", "tone": 3}) == {"/input_data/tone"}


def test_every_misfit_has_its_pointer_at_once() -> None:
    assert pointers({"question": "", "rows": [{}, {"n/m": "x"}], "extra": 1}) == {
        "/input_data/question",
        "/input_data/rows/1/n~1m",
        "/input_data",
    }


def test_what_is_missing_points_at_the_input() -> None:
    assert pointers({}) == {"/input_data"}


@pytest.mark.parametrize("value", ["text", None, True, [1], {}])
def test_a_reducers_property_starts_from_what_the_reducer_can_join(value: Any) -> None:
    assert pointers({"question": "why?", "count": value}) == {"/input_data/count"}


def test_one_place_is_told_once_though_both_schema_and_reducer_refuse_it() -> None:
    with pytest.raises(InvalidInputError) as caught:
        check_input({"state": STATE}, {"question": "why?", "log": "text"})
    assert [problem.pointer for problem in caught.value.problems] == ["/input_data/log"]


@pytest.mark.parametrize("definition", [{}, {"state": {}}, {"state": {"properties": {"any": True}}}])
def test_a_state_that_declares_nothing_takes_anything(definition: Any) -> None:
    check_input(definition, {"any": {"thing": [1]}, "__start__": 1})
