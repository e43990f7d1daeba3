"""JSON Schema: what is one, what fits, and what hostile schemas cannot do."""

import re
import time
from pathlib import Path
from typing import Any

import pytest

from aumos_agent_framework.core.graph.json_schema import certain_violations, check_schema, violations

SCHEMA: Any = {
    "type": "object",
    "properties": {"a/b": {"type": "array", "items": {"type": "integer"}}, "c~d": {"type": "string"}},
    "required": ["c~d"],
}
TOOL: Any = {
    "type": "object",
    "properties": {
        "to": {"type": "string"},
        "count": {"type": "integer"},
        "options": {
            "type": "object",
            "properties": {"fast": {"type": "boolean"}},
            "required": ["fast"],
            "additionalProperties": False,
        },
        "tags": {"type": "array", "items": {"enum": ["a", "b"]}, "maxItems": 2},
    },
    "required": ["to"],
    "additionalProperties": False,
}


class TestSchemas:
    @pytest.mark.parametrize(
        "schema",
        [
            True,
            False,
            {},
            {"type": "object", "properties": {"a": {"type": "string"}}},
            {"$ref": "#/$defs/a", "$defs": {"a": {"type": "integer"}}},
            {"$schema": "https://json-schema.org/draft/2020-12/schema", "type": "array"},
            {"$schema": "http://json-schema.org/draft-07/schema#", "definitions": {"a": {}}, "$ref": "#/definitions/a"},
            {"$id": "https://example.com/a", "$ref": "https://example.com/a#/$defs/b", "$defs": {"b": {}}},
        ],
    )
    def test_schemas_that_stand_alone_are_taken(self, schema: Any) -> None:
        check_schema(schema)

    @pytest.mark.parametrize(
        "schema",
        [
            None,
            3,
            "object",
            [],
            {"type": "strnig"},
            {"properties": []},
            {"required": "a"},
            {"minimum": "3"},
            {"pattern": "("},
            {"additionalProperties": 3},
            {"$ref": "#/$defs/missing"},
            {"$ref": 5},
            {"items": {"type": 7}},
            {"properties": {"a": {1: 2}}},
            {"const": b"bytes"},
        ],
    )
    def test_what_is_no_schema_is_refused_with_a_reason(self, schema: Any) -> None:
        with pytest.raises(ValueError, match=r"\w"):
            check_schema(schema)

    @pytest.mark.parametrize(
        "reference",
        [
            "http://127.0.0.1:9/schema",
            "https://example.com/other",
            "file:///etc/passwd",
            "other.json",
            "urn:elsewhere",
            "//example.com/x",
        ],
    )
    def test_nothing_outside_is_fetched(self, reference: str) -> None:
        with pytest.raises(ValueError, match=re.escape(reference)):
            check_schema({"properties": {"a": {"$ref": reference}}})

    def test_not_even_a_schema_that_is_there_to_be_read(self, tmp_path: Path) -> None:
        (tmp_path / "good.json").write_text('{"type": "string"}', encoding="utf-8")
        with pytest.raises(ValueError, match="may not refer to file:"):
            check_schema({"$ref": (tmp_path / "good.json").as_uri()})

    def test_a_schema_may_refer_to_the_meta_schema_without_a_network(self) -> None:
        schema = {"$ref": "https://json-schema.org/draft/2020-12/schema"}
        assert violations(schema, {"type": "object"}) == []
        assert violations(schema, {"type": "strnig"})

    def test_a_schema_may_refer_to_itself(self) -> None:
        tree = {"type": "object", "properties": {"children": {"type": "array", "items": {"$ref": "#"}}}}
        assert violations(tree, {"children": [{"children": []}]}) == []
        assert violations(tree, {"children": [{"children": [3]}]}) == [
            ("/children/0/children/0", '3 is not of type "object"')
        ]


class TestViolations:
    def test_what_fits_has_none(self) -> None:
        assert violations(SCHEMA, {"a/b": [1], "c~d": "x"}) == []

    def test_every_misfit_has_its_pointer(self) -> None:
        found = dict(violations(SCHEMA, {"a/b": [1, "x"], "c~d": 3}))
        assert set(found) == {"/a~1b/1", "/c~0d"}

    def test_a_missing_property_points_at_the_object(self) -> None:
        assert violations(SCHEMA, {}) == [("", '"c~d" is a required property')]

    def test_only_the_first_twenty_are_told(self) -> None:
        assert len(violations({"items": {"type": "string"}}, list(range(1000)))) == 20

    def test_messages_are_short(self) -> None:
        ((_, message),) = violations({"type": "integer"}, "x" * 100_000)
        assert len(message) <= 300

    @pytest.mark.parametrize("instance", [2**70, {1: 2}, b"bytes"])
    def test_what_is_no_json_is_a_misfit_or_fits_but_never_a_crash(self, instance: Any) -> None:
        assert isinstance(violations({"type": "object"}, instance), list)

    def test_a_value_nested_without_end_is_a_misfit(self) -> None:
        deep: Any = 1
        for _ in range(2_000):
            deep = [deep]
        ((pointer, message),) = violations({"type": "integer"}, deep)
        assert pointer == ""
        assert "no JSON" in message

    def test_a_bad_schema_is_an_error_and_not_a_misfit(self) -> None:
        with pytest.raises(ValueError, match="strnig"):
            violations({"type": "strnig"}, 1)

    @pytest.mark.parametrize("pattern", ["^(a+)+$", "^(a|a)*$", "^(.*a){20}$", "(x+x+)+y"])
    def test_hostile_patterns_take_linear_time(self, pattern: str) -> None:
        text = "a" * 20_000 + "!"
        started = time.process_time()
        violations({"pattern": pattern}, text)
        violations({"patternProperties": {pattern: False}}, {text: 1})
        assert time.process_time() - started < 2

    def test_patterns_that_need_backtracking_are_refused(self) -> None:
        with pytest.raises(ValueError, match=r"\w"):
            check_schema({"pattern": r"(a)\1"})


class TestCertainViolations:
    def certain(self, template: Any, *open_places: str) -> set[str]:
        return {pointer for pointer, _ in certain_violations(TOOL, template, frozenset(open_places))}

    def test_an_open_place_may_still_come_to_fit(self) -> None:
        assert self.certain({"to": "x", "count": "${{ }}"}, "/count") == set()
        assert self.certain({"to": "x", "options": {"fast": "${{ }}"}}, "/options/fast") == set()
        assert self.certain({"to": "x", "tags": ["a", "${{ }}"]}, "/tags/1") == set()

    def test_what_no_value_mends_is_told(self) -> None:
        assert self.certain({"to": "x", "count": "three"}) == {"/count"}
        assert self.certain({"count": "${{ }}"}, "/count") == {""}
        assert self.certain({"to": "${{ }}", "cc": 1}, "/to") == {""}

    def test_a_part_that_lacks_something_is_told_beside_open_places(self) -> None:
        assert self.certain({"to": "x", "options": {"slow": "${{ }}"}}, "/options/slow") == {"/options"}
        assert self.certain({"to": "x", "tags": ["a", "b", "${{ }}"]}, "/tags/2") == {"/tags"}
        assert self.certain({"to": "x", "tags": {"a": "${{ }}"}}, "/tags/a") == {"/tags"}

    @pytest.mark.parametrize(
        "keyword",
        [
            {"anyOf": [{"properties": {"n": {"type": "integer"}}}]},
            {"oneOf": [{"properties": {"n": {"type": "integer"}}}, {"required": ["other"]}]},
            {"not": {"properties": {"n": {"type": "string"}}}},
            {"if": {"properties": {"n": {"type": "string"}}}, "then": {"required": ["other"]}},
            {"if": {"properties": {"n": {"type": "integer"}}}, "else": {"required": ["other"]}},
            {"enum": [{"n": 1}]},
            {"const": {"n": 1}},
        ],
    )
    def test_alternatives_may_turn_out_either_way(self, keyword: Any) -> None:
        assert violations(keyword, {"n": "${{ }}"}), "the template itself should not fit"
        assert certain_violations(keyword, {"n": "${{ }}"}, frozenset({"/n"})) == []
        assert certain_violations(keyword, {"n": "text"}, frozenset()) != []
