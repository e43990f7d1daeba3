"""JSON on its way into and out of a column."""

from typing import Any

import pytest

from aumos_agent_framework.adapters.postgres.documents import from_json, to_json
from aumos_agent_framework.core.errors import InvalidInputError
from tests.factories import make_plan


@pytest.mark.parametrize(
    "value",
    [None, True, 0, -1, 2**63, 1.0, 1e16, 1e22, 5e-324, "", "\x00", "ü\u2028", [], {"b": 1, "a": {"": [None]}}],
)
def test_what_is_written_is_read(value: Any) -> None:
    found = from_json(to_json(value))
    assert found == value
    assert type(found) is type(value)


def test_the_order_of_keys_is_kept() -> None:
    assert list(from_json(to_json({"zz": 1, "a": 2, "b": 3}))) == ["zz", "a", "b"]


def test_a_plan_is_written_with_its_enums_and_ids() -> None:
    plan = make_plan()
    document = from_json(to_json(plan))
    assert document["tenant_id"] == str(plan.tenant_id)
    assert document["governance"]["run_as"] == "caller"
    assert document["bindings"]["write"]["tools"][0]["name"] == "lookup"


@pytest.mark.parametrize(
    "value", [2**64, "\ud800", object(), {1: "not a text"}], ids=["integer", "text", "type", "key"]
)
def test_what_json_cannot_hold_is_invalid_input(value: Any) -> None:
    with pytest.raises(InvalidInputError) as caught:
        to_json({"field": value})
    assert caught.value.code == "unstorable"


def test_a_document_that_is_too_deep_is_invalid_input() -> None:
    value: list[Any] = []
    for _ in range(1000):
        value = [value]
    with pytest.raises(InvalidInputError):
        to_json(value)
