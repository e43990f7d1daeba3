"""Pydantic's places in our notation."""

import pytest

from aumos_agent_framework.api.pointers import body_pointer, to_problem


@pytest.mark.parametrize(
    ("location", "pointer"),
    [
        (("body",), ""),
        (("body", "graph_definition", "nodes", "x", "type"), "/graph_definition/nodes/x/type"),
        (("body", "items", 0, "a/b", "c~d"), "/items/0/a~1b/c~0d"),
        (("body", "agents", "", "[key]"), "/agents/"),
        (("query", "page"), "?page"),
        (("path", "workflow_id"), "{workflow_id}"),
        (("header", "Idempotency-Key"), "Idempotency-Key:"),
    ],
)
def test_each_place_has_its_notation(location: tuple[str | int, ...], pointer: str) -> None:
    assert to_problem({"loc": location, "msg": "m", "type": "t"}).pointer == pointer


def test_what_the_client_sent_is_not_repeated() -> None:
    problem = to_problem({"loc": ("body", "a"), "msg": "Value error, too odd", "type": "odd", "input": "hunter2"})

    assert (problem.message, problem.code) == ("too odd", "odd")


def test_half_a_surrogate_pair_in_a_name_can_be_written() -> None:
    assert body_pointer(["\ud800"]) == "/\\ud800"
