import hashlib
import json
from dataclasses import replace
from datetime import timedelta, timezone
from typing import Any

import pytest
from hypothesis import given, strategies as st

from aumos_agent_framework.core.domain.hitl import HitlKind
from aumos_agent_framework.core.errors import InvalidInputError
from aumos_agent_framework.core.services.digest import POLICY_VERSION, canonical, request_digest
from aumos_agent_framework.core.types import PrivilegeLevel
from tests.factories import make_request, new_id

NO_TEXT_SURPRISES = st.text(st.characters(codec="utf-8", exclude_characters="\x7f"), max_size=10)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | NO_TEXT_SURPRISES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("abcdef", max_size=4), inner, max_size=3),
    max_leaves=8,
)


class TestContent:
    def test_a_tool_call_is_bound_to_what_architecture_lists(self) -> None:
        request = make_request(arguments={"b": 1, "a": ["ü", True, None]})
        content = {
            "arguments": {"a": ["ü", True, None], "b": 1},
            "call_id": request.call_id,
            "context": None,
            "effective_level": 3,
            "execution": str(request.execution_id),
            "expires_at": "2026-11-23T12:00:00.000000+00:00",
            "initiated_by": "dev",
            "policy_version": POLICY_VERSION,
            "tenant": str(request.tenant_id),
            "tool": "publish",
            "tool_version": 1,
        }
        text = json.dumps(content, separators=(",", ":"), ensure_ascii=False, sort_keys=True)
        assert request_digest(request) == hashlib.sha256(text.encode()).hexdigest()

    def test_a_gate_is_bound_to_its_context(self) -> None:
        gate = make_request(kind=HitlKind.GATE, tool=None, tool_version=None, arguments=None)
        assert request_digest(gate) != request_digest(replace(gate, context_data={"node": "other"}))

    def test_a_tool_call_is_not_bound_to_its_context(self) -> None:
        request = make_request()
        assert request_digest(request) == request_digest(replace(request, context_data={}))

    @pytest.mark.parametrize(
        ("field", "value"),
        [
            ("tenant_id", new_id()),
            ("execution_id", new_id()),
            ("call_id", "other"),
            ("tool", "other"),
            ("tool_version", 2),
            ("arguments", {}),
            ("initiated_by", "other"),
            ("effective_level", PrivilegeLevel.ADMIN),
            ("expires_at", make_request().expires_at + timedelta(microseconds=1)),
        ],
    )
    def test_every_bound_field_changes_it(self, field: str, value: object) -> None:
        request = make_request()
        changes: dict[str, Any] = {field: value}
        assert request_digest(request) != request_digest(replace(request, **changes))


class TestSpelling:
    def test_equal_numbers_are_equal(self) -> None:
        assert canonical({"n": 1}, "") == canonical({"n": 1.0}, "")

    def test_the_expiry_counts_as_an_instant(self) -> None:
        request = make_request()
        elsewhere = request.expires_at.astimezone(timezone(timedelta(hours=5)))
        assert request_digest(request) == request_digest(replace(request, expires_at=elsewhere))

    @given(JSON)
    def test_storage_as_json_does_not_change_it(self, value: Any) -> None:
        request = make_request(arguments={"value": value})
        stored = json.loads(json.dumps(request.arguments))
        assert request_digest(request) == request_digest(replace(request, arguments=stored))

    @given(JSON, JSON)
    def test_different_arguments_have_different_digests(self, one: Any, other: Any) -> None:
        request = make_request(arguments={"value": one})
        same = canonical(one, "") == canonical(other, "")
        assert (request_digest(request) == request_digest(replace(request, arguments={"value": other}))) is same


class TestRefusal:
    @pytest.mark.parametrize(
        "value",
        [
            2**53,
            -(2**53),
            1e22,
            float("nan"),
            float("inf"),
            "\ud800",
            {1: "key"},
            ...,
            [[2**60]],
            {"deep": {"er": 1e300}},
        ],
        ids=repr,
    )
    def test_what_has_no_exact_form(self, value: object) -> None:
        with pytest.raises(InvalidInputError) as caught:
            canonical({"value": value}, "/arguments")
        assert caught.value.code == "not_canonical"
        assert caught.value.problems[0].pointer == "/arguments"

    def test_endless_nesting(self) -> None:
        nested: list[Any] = []
        for _ in range(100_000):
            nested = [nested]
        with pytest.raises(InvalidInputError, match="no exact form"):
            canonical(nested, "/arguments")

    @pytest.mark.parametrize("value", [2**53 - 1, -(2**53) + 1, 0.1, 1e-7, -0.0])
    def test_numbers_at_the_edge_are_welcome(self, value: float) -> None:
        assert canonical(value, "")
