"""Scripts: what they may say, and where their faults are."""

from typing import Any

import pytest

from aumos_agent_framework.adapters.llm.script import (
    MAX_CALLS,
    MAX_SCRIPT_LENGTH,
    Answer,
    PlannedCall,
    ScriptError,
    find_script,
    read_script,
    turn_at,
)


def _answer(text: str, **scope: Any) -> Answer:
    """Evaluate a script of one turn."""
    (turn,) = read_script(text)
    return turn.answer({"input": None, "results": [], **scope})


class TestFindScript:
    @pytest.mark.parametrize(
        "instructions",
        [
            "```script\n- say: hi\n```",
            "You are kind.\n\n```script\n- say: hi\n```\nGoodbye.",
            "```script  \n- say: hi\n```  ",
            "``` script\n- say: hi\n```",
            "~~~script\n- say: hi\n~~~",
            "````script\n- say: hi\n````",
            "  ```script\n  - say: hi\n  ```",
            "```script\r\n- say: hi\r\n```\r\n",
            "```yaml\n- not: this\n```\n```script\n- say: hi\n```",
        ],
    )
    def test_finds_the_block(self, instructions: str) -> None:
        assert find_script(instructions) == "- say: hi\n"

    def test_keeps_a_shorter_fence_inside(self) -> None:
        assert find_script("````script\n- say: |\n    ```\n````") == "- say: |\n    ```\n"

    @pytest.mark.parametrize(
        "instructions",
        [
            "",
            "Be kind.",
            "```yaml\n- say: hi\n```",
            "```script\n- say: hi",
            "``script\n- say: hi\n``",
            "script\n- say: hi",
        ],
    )
    def test_says_when_there_is_none(self, instructions: str) -> None:
        with pytest.raises(ScriptError) as caught:
            find_script(instructions)

        assert caught.value.code == "script_missing"

    def test_refuses_two(self) -> None:
        with pytest.raises(ScriptError, match="more than one"):
            find_script("```script\n- say: a\n```\n```script\n- say: b\n```")

    def test_refuses_a_very_long_one(self) -> None:
        with pytest.raises(ScriptError, match="longer than"):
            find_script(f"```script\n- say: {'a' * MAX_SCRIPT_LENGTH}\n```")


class TestAnswer:
    @pytest.mark.parametrize(
        ("say", "text"),
        [
            ("hello", "hello"),
            ("''", ""),
            ("'${{ input }}'", '{"n":3,"who":"ada"}'),
            ("'${{ input.n }}'", "3"),
            ("'${{ input.n }} for ${{ input.who }}'", "3 for ada"),
            ("'${{ results }}'", '[{"size":7},"done"]'),
            ("'${{ results[0].size + input.n }}'", "10"),
            ("'${{ size(results) == 2 }}'", "true"),
            ("{total: '${{ results[0].size }}', items: []}", '{"items":[],"total":7}'),
            ("[]", "[]"),
            ("5", "5"),
            ("2026-11-22", "2026-11-22"),
            ("'$${{ literal }}'", "${{ literal }}"),
        ],
    )
    def test_says(self, say: str, text: str) -> None:
        scope = {"input": {"n": 3, "who": "ada"}, "results": [{"size": 7}, "done"]}

        assert _answer(f"- say: {say}", **scope) == Answer(text=text)

    @pytest.mark.parametrize(
        ("arguments", "sent"),
        [
            ("", "{}"),
            ("arguments: {}", "{}"),
            ("arguments: {q: x, n: 1, deep: [{a: null}]}", '{"deep":[{"a":null}],"n":1,"q":"x"}'),
            ("arguments: {q: '${{ input.q }}', keep: '${{ input.n }}'}", '{"keep":2,"q":"y"}'),
            ("arguments: '${{ input }}'", '{"n":2,"q":"y"}'),
            ("arguments: '{not json'", "{not json"),
            ("arguments: {day: 2026-11-22}", '{"day":"2026-11-22"}'),
        ],
    )
    def test_calls_with_arguments(self, arguments: str, sent: str) -> None:
        call = f"tool: lookup, {arguments}" if arguments else "tool: lookup"

        answer = _answer(f"- call: {{{call}}}", input={"q": "y", "n": 2})

        assert answer == Answer(calls=(PlannedCall("lookup", sent),))

    def test_calls_in_parallel(self) -> None:
        answer = _answer("- calls:\n  - {tool: a}\n  - {tool: '${{ input }}', arguments: {n: 1}}", input="b")

        assert answer.calls == (PlannedCall("a", "{}"), PlannedCall("b", '{"n":1}'))

    def test_fails(self) -> None:
        assert _answer("- fail: 503") == Answer(fail=503)

    @pytest.mark.parametrize(
        ("turn", "fault"),
        [
            ("say: '${{ results[0] }}'", "results"),
            ("say: '${{ input.missing }}'", "missing"),
            ("say: '${{ nobody }}'", "nobody"),
            ("call: {tool: '${{ 5 }}'}", "a call needs"),
            ("call: {tool: a, arguments: '${{ 5 }}'}", "a call needs"),
            ("call: {tool: a, arguments: '${{ [1] }}'}", "a call needs"),
        ],
    )
    def test_fault_while_evaluating_names_the_line(self, turn: str, fault: str) -> None:
        turns = read_script(f"- say: first\n\n- {turn}")

        with pytest.raises(ScriptError) as caught:
            turns[1].answer({"input": {}, "results": []})

        assert caught.value.code == "script_failed"
        assert caught.value.message.startswith("Line 3 of the script: ")
        assert fault in caught.value.message


class TestDelay:
    @pytest.mark.parametrize(
        ("script", "delays"),
        [
            ("- say: a", [0]),
            ("- {say: a, delay: 2}", [2]),
            ("- delay: 0.5\n- say: a\n- say: b", [0.5, 0]),
            ("- delay: 1\n- delay: 2\n- {fail: 500, delay: 3}", [6]),
            ("- delay: 0\n- say: a", [0]),
        ],
    )
    def test_delays_the_turn_it_stands_in_or_before(self, script: str, delays: list[float]) -> None:
        assert [turn.delay_seconds for turn in read_script(script)] == delays


class TestReadScript:
    @pytest.mark.parametrize(
        ("script", "line", "fault"),
        [
            ("say: hi", 1, "a script is a list"),
            ("hello", 1, "a script is a list"),
            ("", 1, "a script is a list"),
            ("- say: a\n- say: b\n  call: {tool: x}", 2, "a turn is one of"),
            ("- say: a\n- {}", 2, "a turn is one of"),
            ("- say:", 1, "a turn is one of"),
            ("- hello", 1, "object"),
            ("- say: a\n\n\n- shout: b", 4, "shout"),
            ("- call: lookup", 1, "call"),
            ("- call: {arguments: {}}", 1, "call: tool"),
            ("- call: {tool: ''}", 1, "call: tool"),
            ("- call: {tool: 5}", 1, "call: tool"),
            ("- call: {tool: a, args: {}}", 1, "call: args"),
            ("- call: {tool: a, arguments: [1]}", 1, "call: arguments"),
            ("- calls: []", 1, "calls"),
            ("- calls: {tool: a}", 1, "calls"),
            ("- calls: [{tool: a}, {tol: b}]", 1, "calls: 1: tool"),
            (f"- calls: [{', '.join(['{tool: a}'] * (MAX_CALLS + 1))}]", 1, "calls"),
            ("- fail: 200", 1, "fail"),
            ("- fail: 600", 1, "fail"),
            ("- fail: '500'", 1, "fail"),
            ("- fail: true", 1, "fail"),
            ("- say: a\n- {say: b, delay: 61}", 2, "delay"),
            ("- {say: b, delay: -1}", 1, "delay"),
            ("- {say: b, delay: '5'}", 1, "delay"),
            ("- {say: b, delay: .nan}", 1, "delay"),
            ("- delay: 40\n- delay: 40\n- say: a", 2, "at most 60"),
            ("- say: a\n- say: '${{ 1 + }}'", 2, "expression"),
            ("- say: '${{ never closed'", 1, "closed"),
            ("- say: a\n- call: {tool: a, arguments: {x: ${{ input }}}}", 2, "needs quotes"),
            ("- say: a\n- say: [b", 2, "expected"),
            ("- say: 'a", 1, "unexpected end"),
            ("- &a {say: a}\n- *a", 2, "aliases"),
            ("- say: {1: a}", 1, "no JSON"),
            ("- say: 99999999999999999999", 1, "no JSON"),
            ("- say: a\n- say: !!binary aGk=", 2, "tags"),
            ("- say: !!python/object/apply:os.system [x]", 1, "tags"),
            ("- say: ! a", 1, "tags"),
            (f"- say: {'[' * 5_000}", 1, "nested"),
            ("- say: a\n- say: \x07", 2, "a character"),
        ],
    )
    def test_names_the_line_and_the_fault(self, script: str, line: int, fault: str) -> None:
        with pytest.raises(ScriptError) as caught:
            read_script(script)

        assert caught.value.code == "script_invalid"
        assert caught.value.message.startswith(f"Line {line} of the script: ")
        assert fault in caught.value.message

    @pytest.mark.parametrize("script", ["[]", "- delay: 1", "- say: a\n- delay: 1"])
    def test_refuses_an_end_without_an_answer(self, script: str) -> None:
        with pytest.raises(ScriptError, match="ends before"):
            read_script(script)


class TestTurnAt:
    def test_gives_turns_in_order_and_says_when_there_is_none(self) -> None:
        turns = read_script("- say: a\n- delay: 1\n- say: b")

        assert turn_at(turns, 1).line == 3
        with pytest.raises(ScriptError, match="has 2 turns, and the model was asked for turn 3") as caught:
            turn_at(turns, 2)
        assert caught.value.code == "script_exhausted"
