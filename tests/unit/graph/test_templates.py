"""Templates: JSON whose strings hold ``${{ CEL }}``."""

from typing import Any

import pytest
from hypothesis import given, strategies as st

from aumos_agent_framework.core.graph.expressions import Expression, ExpressionError, Template, template_expressions

SCOPE: dict[str, Any] = {
    "state": {"n": 2, "ok": True, "nothing": None, "name": "Ada", "list": [1, "a"], "object": {"a": {"b": 1}}},
    "input": {},
    "execution": {"id": "e-1"},
}


def render(value: Any) -> Any:
    return Template(value).render(SCOPE)


class TestTypes:
    @pytest.mark.parametrize(
        ("template", "value"),
        [
            ("${{ state.n }}", 2),
            ("${{state.n}}", 2),
            ("  ${{ state.n }}\n", 2),
            ("${{ state.ok }}", True),
            ("${{ state.nothing }}", None),
            ("${{ state.list }}", [1, "a"]),
            ("${{ state.object }}", {"a": {"b": 1}}),
            ("${{ 1.5 }}", 1.5),
        ],
    )
    def test_a_string_that_is_only_an_expression_keeps_the_values_type(self, template: str, value: object) -> None:
        given = render(template)
        assert given == value
        assert type(given) is type(value)

    @pytest.mark.parametrize(
        ("template", "text"),
        [
            ("n=${{ state.n }}", "n=2"),
            ("${{ state.n }}${{ state.n }}", "22"),
            ("${{ state.n }} ${{ state.name }}", "2 Ada"),
            ("${{ state.ok }}!", "true!"),
            ("${{ state.nothing }}!", "null!"),
            ("list: ${{ state.list }}", 'list: [1,"a"]'),
            ("${{ state.object }}.", '{"a":{"b":1}}.'),
            ("Dear ${{ state.name }},\n\nrun ${{ execution.id }}", "Dear Ada,\n\nrun e-1"),
        ],
    )
    def test_between_text_a_value_is_text_or_json(self, template: str, text: str) -> None:
        assert render(template) == text

    @pytest.mark.parametrize("value", [None, 3, 2.5, True, "", "plain", "{{ state.n }}", "$ {{ x }}", "}}", "${ n }"])
    def test_what_holds_no_expression_stays(self, value: object) -> None:
        assert render(value) == value

    def test_templates_reach_into_lists_and_objects_but_not_into_keys(self) -> None:
        template = {"a": ["${{ state.n }}", {"b": "is ${{ state.name }}"}], "${{ state.n }}": 1}
        assert render(template) == {"a": [2, {"b": "is Ada"}], "${{ state.n }}": 1}

    def test_what_an_expression_gives_is_not_a_template_again(self) -> None:
        scope = {"state": {"text": "${{ state.secret }}", "secret": "s"}}
        assert Template("${{ state.text }}").render(scope) == "${{ state.secret }}"
        assert Template("> ${{ state.text }}").render(scope) == "> ${{ state.secret }}"


class TestEscapes:
    @pytest.mark.parametrize(
        ("template", "text"),
        [
            ("$${{ state.n }}", "${{ state.n }}"),
            ("a $${{ b", "a ${{ b"),
            ("$${{ x }} ${{ state.n }}", "${{ x }} 2"),
            ("${{ state.n }}$${{ x }}", "2${{ x }}"),
            ("$$${{ x }}", "$${{ x }}"),
            ("$${{$${{", "${{${{"),
            ("costs $5 and $$", "costs $5 and $$"),
        ],
    )
    def test_a_doubled_dollar_stands_for_a_literal_opening(self, template: str, text: str) -> None:
        assert render(template) == text


class TestNesting:
    @pytest.mark.parametrize(
        ("template", "value"),
        [
            ("${{ {'a': {'b': 1}} }}", {"a": {"b": 1}}),
            ("${{{'a': {'b': 1}}}}", {"a": {"b": 1}}),
            ("${{ {'a': {'b': {'c': {}}}} }}", {"a": {"b": {"c": {}}}}),
            ("${{ '}}' }}", "}}"),
            ("${{ \"}}\" + '}}' }}", "}}}}"),
            ("${{ '{' }}", "{"),
            (r"${{ 'it\'s }}' }}", "it's }}"),
            (r'${{ "\\" }}', "\\"),
            ("${{ '${{' }}", "${{"),
            ("${{ \"it's\" }} and ${{ {'k': '}'} }}", 'it\'s and {"k":"}"}'),
            ("${{ state.list.map(x, {'x': {'y': x}}) }}", [{"x": {"y": 1}}, {"x": {"y": "a"}}]),
        ],
    )
    def test_braces_and_quotes_inside_do_not_end_it(self, template: str, value: object) -> None:
        assert render(template) == value


class TestFaults:
    @pytest.mark.parametrize("template", ["${{ state.n", "${{", "text ${{ 'a }} b", "${{ {'a': 1 }", "${{ state.n }"])
    def test_what_is_never_closed_is_told(self, template: str) -> None:
        with pytest.raises(ExpressionError, match="never closed") as caught:
            Template(template)
        assert caught.value.code == "expression_syntax"

    @pytest.mark.parametrize("template", ["${{ }}", "${{}}", "a ${{ 1 + }} b", ["x", {"y": "${{ ) }}"}]])
    def test_what_does_not_parse_is_told(self, template: object) -> None:
        with pytest.raises(ExpressionError) as caught:
            Template(template)
        assert caught.value.code == "expression_syntax"

    def test_a_fault_at_run_time_names_its_expression(self) -> None:
        template = Template({"a": "n is ${{ state.missing }}"})
        with pytest.raises(ExpressionError, match=r"state\.missing") as caught:
            template.render(SCOPE)
        assert caught.value.code == "expression_failed"

    @given(st.text(alphabet="${}'\"\\ ab", max_size=30))
    def test_any_text_is_a_template_or_a_definition_error(self, text: str) -> None:
        found = [part for _, part in template_expressions(text) if isinstance(part, ExpressionError)]
        assert {fault.code for fault in found} <= {"expression_syntax"}
        if "${{" not in text:
            assert found == []
            assert render(text) == text

    def test_long_text_with_many_expressions_is_rendered(self) -> None:
        assert render("${{ state.n }}, " * 2_000) == "2, " * 2_000

    def test_long_text_that_only_opens_is_refused_fast(self) -> None:
        with pytest.raises(ExpressionError, match="never closed"):
            Template("${{ " * 50_000)


class TestPlaces:
    def test_every_expression_and_fault_comes_with_its_pointer(self) -> None:
        template = {"a/b": ["x", "${{ state.n }}"], "c~d": "${{ 1 + }}", "e": "${{ 1 }} and ${{ 2 }}", "f": 5}
        found = [
            (pointer, part.source if isinstance(part, Expression) else part.code)
            for pointer, part in template_expressions(template)
        ]
        assert found == [
            ("/a~1b/1", "state.n"),
            ("/c~0d", "expression_syntax"),
            ("/e", "1"),
            ("/e", "2"),
        ]

    def test_a_text_alone_has_the_pointer_of_the_whole(self) -> None:
        assert [pointer for pointer, _ in template_expressions("${{ 1 }}")] == [""]
