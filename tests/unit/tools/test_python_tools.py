import asyncio
import time
from collections.abc import Iterator
from dataclasses import replace
from functools import wraps
from importlib.metadata import EntryPoint
from typing import Any
from uuid import UUID

import pytest
from structlog.testing import capture_logs

from aumos_agent_framework.adapters.tools.python import PythonTools, installed_functions
from aumos_agent_framework.core.domain.tools import (
    Tool,
    ToolCallContext,
    ToolDraft,
    ToolIdempotency,
    ToolOutcome,
    ToolOutcomeKind,
)
from aumos_agent_framework.core.errors import InvalidInputError, Problem
from aumos_agent_framework.core.types import EffectId, PrivilegeLevel
from aumos_agent_framework.tools import level_needed, needs_level
from tests.factories import TENANT, make_tool, make_tool_draft
from tests.unit.tools import sample_tools

DONE, ERROR, RETRYABLE, UNKNOWN = (
    ToolOutcomeKind.DONE,
    ToolOutcomeKind.ERROR,
    ToolOutcomeKind.RETRYABLE,
    ToolOutcomeKind.UNKNOWN,
)
NONE, KEY, IDEMPOTENT = ToolIdempotency.NONE, ToolIdempotency.KEY, ToolIdempotency.IDEMPOTENT
AFTER_ENTERING = [(NONE, UNKNOWN), (KEY, RETRYABLE), (IDEMPOTENT, RETRYABLE)]
CONTEXT = ToolCallContext(TENANT, EffectId(UUID(int=2)), 2)  # fixed: it names tests, which parallel runs compare


def entry(name: str, module: str = "tests.unit.tools.sample_tools") -> EntryPoint:
    return EntryPoint(name=name, value=f"{module}:{name}", group="aumos.tools")


ENTRIES = [entry(name) for name in vars(sample_tools) if not name.startswith("__")]


@pytest.fixture
def tools() -> PythonTools:
    return PythonTools([*ENTRIES, entry("gone"), entry("broken", "tests.unit.tools.no_such_module")])


@pytest.fixture
def gate() -> Iterator[sample_tools.Gate]:
    """A gate that surely opens, so that no thread outlives its test."""
    sample_tools.GATE = sample_tools.Gate()
    yield sample_tools.GATE
    sample_tools.GATE.opened.set()


def a_draft(ref: str, **overrides: Any) -> ToolDraft:
    empty: dict[str, Any] = {"input_schema": {}, "description": "", "config": {"type": "python", "ref": ref}}
    return make_tool_draft(**(empty | overrides))


def a_tool(ref: str, idempotency: ToolIdempotency = NONE, **config: Any) -> Tool:
    return make_tool(name=ref, idempotency=idempotency, config={"type": "python", "ref": ref} | config)


async def call(tools: PythonTools, tool: Tool, **arguments: Any) -> ToolOutcome:
    return await tools.call(tool, arguments, CONTEXT)


class TestCheck:
    def test_annotations_give_the_schemas_and_the_docstring_the_description(self, tools: PythonTools) -> None:
        draft = tools.check(a_draft("add"))
        assert draft.input_schema == {
            "type": "object",
            "properties": {
                "a": {"type": "integer"},
                "b": {"type": "integer", "default": 2, "description": "The other one."},
            },
            "required": ["a"],
            "additionalProperties": False,
        }
        assert draft.output_schema == {"type": "integer"}
        assert draft.description == "Add two numbers.\n\nLarge ones too."

    def test_what_the_draft_says_itself_stays(self, tools: PythonTools) -> None:
        schema = {"type": "object", "properties": {"a": {"const": 1}}, "required": ["a"]}
        draft = a_draft("add", description="Mine.", input_schema=schema, output_schema={"type": "number"})
        assert tools.check(draft) == draft

    def test_types_of_all_kinds_have_a_schema(self, tools: PythonTools) -> None:
        properties = tools.check(a_draft("issue")).input_schema["properties"]
        assert set(properties) == {"point", "on", "colour", "schema", "_private"}
        assert properties["on"] == {"type": "string", "format": "date"}

    @pytest.mark.parametrize(("ref", "visible"), [("whose", {"prefix"}), ("whose_maybe", {"prefix"})])
    def test_the_context_is_no_argument(self, tools: PythonTools, ref: str, visible: set[str]) -> None:
        assert set(tools.check(a_draft(ref)).input_schema["properties"]) == visible

    def test_a_function_without_arguments_takes_an_empty_object(self, tools: PythonTools) -> None:
        schema = tools.check(a_draft("who")).input_schema
        assert (schema["type"], schema["additionalProperties"]) == ("object", False)

    @pytest.mark.parametrize(
        ("ref", "code", "part"),
        [
            ("nowhere", "unknown_reference", "no entry point 'nowhere'"),
            ("gone", "unsuitable_function", "importing it failed"),
            ("broken", "unsuitable_function", "importing it failed"),
            ("NOT_A_FUNCTION", "unsuitable_function", "not a function"),
            ("Receipt", "unsuitable_function", "not a function"),
            ("not_annotated", "unsuitable_function", "'a' has no annotation"),
            ("variadic", "unsuitable_function", "*items"),
            ("keywords", "unsuitable_function", "**items"),
            ("positional", "unsuitable_function", "by name"),
            ("unknown_type", "unsuitable_function", "cannot be read"),
            ("no_schema", "unsuitable_function", "do not give a schema"),
        ],
    )
    def test_says_why_a_reference_cannot_be_a_tool(self, tools: PythonTools, ref: str, code: str, part: str) -> None:
        problem = self.problem(tools, a_draft(ref))
        assert (problem.pointer, problem.code) == ("/config/ref", code)
        assert part in problem.message

    def test_an_unknown_reference_comes_with_those_that_exist(self, tools: PythonTools) -> None:
        hint = self.problem(tools, a_draft("nowhere")).hint
        assert hint is not None
        assert "add_async" in hint

    @pytest.mark.parametrize(
        ("config", "pointer"),
        [
            ({"type": "python"}, "/config/ref"),
            ({"type": "python", "ref": ""}, "/config/ref"),
            ({"type": "python", "ref": "add", "timeout": 0}, "/config/timeout"),
            ({"type": "python", "ref": "add", "timeout": 601}, "/config/timeout"),
            ({"type": "python", "ref": "add", "module": "os"}, "/config/module"),
        ],
    )
    def test_points_at_what_is_wrong(self, tools: PythonTools, config: dict[str, Any], pointer: str) -> None:
        assert self.problem(tools, a_draft("add", config=config)).pointer == pointer

    @pytest.mark.parametrize("level", list(PrivilegeLevel))
    def test_a_function_says_how_low_it_may_be_registered(self, tools: PythonTools, level: PrivilegeLevel) -> None:
        draft = a_draft("destroy", min_privilege_level=level)
        if level >= PrivilegeLevel.EXECUTE_RISKY:
            assert tools.check(draft).min_privilege_level is level
        else:
            problem = self.problem(tools, draft)
            assert (problem.pointer, problem.code) == ("/min_privilege_level", "level_below_function")

    @pytest.mark.parametrize("level", [0, 6])
    def test_there_are_five_levels_to_need(self, level: int) -> None:
        with pytest.raises(ValueError, match=str(level)):
            needs_level(level)

    def test_a_decorated_function_keeps_its_level(self) -> None:
        @wraps(sample_tools.destroy)
        def around() -> str:
            return sample_tools.destroy()

        assert level_needed(around) is PrivilegeLevel.EXECUTE_RISKY

    def test_the_demos_functions_are_there_only_where_asked_for(self) -> None:
        names = {entry.name for entry in installed_functions(demo=True)}
        assert "audit_publish_report" in names
        assert {name for name in names if name.startswith("audit_")}.isdisjoint(e.name for e in installed_functions())
        assert self.problem(PythonTools(), a_draft("audit_publish_report")).code == "unknown_reference"

    def test_finds_what_this_environment_has_installed(self) -> None:
        draft = a_draft("surely_not_installed")
        assert self.problem(PythonTools(), draft).code == "unknown_reference"

    @staticmethod
    def problem(tools: PythonTools, draft: ToolDraft) -> Problem:
        with capture_logs(), pytest.raises(InvalidInputError) as caught:
            tools.check(draft)
        return caught.value.problems[0]


class TestSameTarget:
    @pytest.mark.parametrize(("one", "other", "same"), [("add", "add", True), ("add", "who", False), ("x", "x", True)])
    def test_goes_by_the_function(self, tools: PythonTools, one: str, other: str, *, same: bool) -> None:
        assert tools.same_target({"type": "python", "ref": one, "timeout": 9}, {"type": "python", "ref": other}) is same

    def test_another_entry_point_of_the_same_function_hides_nothing(self) -> None:
        tools = PythonTools([entry("add"), EntryPoint("plus", entry("add").value, "aumos.tools")])
        assert tools.same_target({"ref": "add"}, {"ref": "plus"})


class TestCall:
    async def test_a_tool_from_before_its_function_declared_a_level_is_not_called(self, tools: PythonTools) -> None:
        outcome = await call(tools, a_tool("destroy"))
        assert (outcome.kind, "level 3" in outcome.message) == (ERROR, True)
        risky = replace(a_tool("destroy"), min_privilege_level=PrivilegeLevel.EXECUTE_RISKY)
        assert (await call(tools, risky)).result == "gone"

    @pytest.mark.parametrize(
        ("ref", "arguments", "result"),
        [
            ("add", {"a": 1}, 3),
            ("add", {"a": 1, "b": 5}, 6),
            ("add_async", {"a": 1, "b": 5}, 6),
            (
                "issue",
                {"point": {"x": 1}, "on": "2026-11-22", "colour": "red", "_private": 1},
                {"number": 2, "on": "2026-11-22"},
            ),
            ("whose", {}, str(CONTEXT.effect_id)),
            ("whose", {"prefix": "e:"}, f"e:{CONTEXT.effect_id}"),
            ("whose_maybe", {"prefix": "attempt "}, "attempt 2"),
            ("with_nul", {}, ["a\ufffdb"]),
        ],
    )
    async def test_arguments_and_results_are_json(
        self, tools: PythonTools, ref: str, arguments: dict[str, Any], result: Any
    ) -> None:
        assert await call(tools, a_tool(ref), **arguments) == ToolOutcome(DONE, result=result)

    @pytest.mark.parametrize(
        "arguments",
        [{}, {"a": "x"}, {"a": 1, "c": 2}, {"a": None}, {"a": 1.5}],
        ids=["missing", "wrong-type", "unknown", "null", "fraction"],
    )
    async def test_arguments_that_do_not_fit_call_nothing(self, tools: PythonTools, arguments: dict[str, Any]) -> None:
        outcome = await call(tools, a_tool("add"), **arguments)
        assert (outcome.kind, "was not called" in outcome.message) == (ERROR, True)

    async def test_a_function_that_is_gone_calls_nothing(self, tools: PythonTools) -> None:
        outcome = await call(tools, a_tool("uninstalled"))
        assert (outcome.kind, "was not called" in outcome.message) == (ERROR, True)

    @pytest.mark.parametrize(
        ("ref", "part"), [("lie", "its result"), ("anything", "its result"), ("large", "larger than")]
    )
    async def test_results_that_cannot_be_kept_leave_a_call_that_took_place(
        self, tools: PythonTools, ref: str, part: str
    ) -> None:
        outcome = await call(tools, a_tool(ref))
        assert (outcome.kind, outcome.result) == (DONE, None)
        assert "has run" in outcome.message
        assert part in outcome.message

    async def test_context_variables_reach_the_thread(self, tools: PythonTools) -> None:
        token = sample_tools.WHO.set("me")
        try:
            assert (await call(tools, a_tool("who"))).result == "me"
        finally:
            sample_tools.WHO.reset(token)


class TestExceptions:
    @pytest.mark.parametrize("idempotency", [NONE, KEY, IDEMPOTENT])
    @pytest.mark.parametrize("ref", ["refuse", "refuse_async"])
    async def test_the_tools_own_no_is_shown_as_it_is(
        self, tools: PythonTools, ref: str, idempotency: ToolIdempotency
    ) -> None:
        assert await call(tools, a_tool(ref, idempotency)) == ToolOutcome(ERROR, message="No such order.")

    @pytest.mark.parametrize(("idempotency", "expected"), AFTER_ENTERING)
    @pytest.mark.parametrize("kind", ["time", "reset"])
    @pytest.mark.parametrize("ref", ["fail", "fail_async"])
    async def test_timeouts_and_resets_leave_the_effect_open(
        self, tools: PythonTools, ref: str, kind: str, idempotency: ToolIdempotency, expected: ToolOutcomeKind
    ) -> None:
        assert (await call(tools, a_tool(ref, idempotency), kind=kind)).kind is expected

    @pytest.mark.parametrize("idempotency", [NONE, KEY, IDEMPOTENT])
    @pytest.mark.parametrize("ref", ["fail", "fail_async"])
    async def test_defects_are_settled_shown_and_logged(
        self, tools: PythonTools, ref: str, idempotency: ToolIdempotency
    ) -> None:
        with capture_logs() as logs:
            outcome = await call(tools, a_tool(ref, idempotency), kind="value")
        assert outcome == ToolOutcome(ERROR, message=f"{ref} failed: ValueError: oh no")
        assert [entry["event"] for entry in logs] == ["python_tool_failed"]

    @pytest.mark.parametrize("ref", ["leave", "leave_async"])
    async def test_a_tool_cannot_end_the_worker(self, tools: PythonTools, ref: str) -> None:
        with capture_logs():
            outcome = await call(tools, a_tool(ref))
        assert (outcome.kind, "SystemExit" in outcome.message) == (ERROR, True)

    async def test_stop_iteration_does_not_confuse_the_loop(self, tools: PythonTools) -> None:
        with capture_logs():
            assert (await call(tools, a_tool("fail"), kind="stop")).kind is ERROR

    @pytest.mark.parametrize(("idempotency", "expected"), AFTER_ENTERING)
    async def test_a_coroutine_that_cancels_itself_leaves_the_effect_open(
        self, tools: PythonTools, idempotency: ToolIdempotency, expected: ToolOutcomeKind
    ) -> None:
        assert (await call(tools, a_tool("cancel_itself", idempotency))).kind is expected


class TestTimeouts:
    @pytest.mark.parametrize(("idempotency", "expected"), AFTER_ENTERING)
    @pytest.mark.parametrize("ref", ["block", "wait_for_ever"])
    async def test_what_does_not_return_in_time_is_abandoned(
        self,
        tools: PythonTools,
        gate: sample_tools.Gate,
        ref: str,
        idempotency: ToolIdempotency,
        expected: ToolOutcomeKind,
    ) -> None:
        started = time.monotonic()
        outcome = await call(tools, a_tool(ref, idempotency, timeout=0.05))
        assert (outcome.kind, "did not return" in outcome.message) == (expected, True)
        assert time.monotonic() - started < 2

    async def test_a_coroutine_that_ignores_cancellation_does_not_hold_the_call(self, tools: PythonTools) -> None:
        started = time.monotonic()
        assert (await call(tools, a_tool("ignore_cancellation", timeout=0.05))).kind is UNKNOWN
        assert time.monotonic() - started < 1.5

    @pytest.mark.parametrize("idempotency", [NONE, KEY, IDEMPOTENT])
    async def test_a_call_that_found_no_thread_may_be_repeated_by_every_tool(
        self, gate: sample_tools.Gate, idempotency: ToolIdempotency
    ) -> None:
        tools = PythonTools(ENTRIES, threads=1)
        assert (await call(tools, a_tool("block", timeout=0.05))).kind is UNKNOWN
        outcome = await call(tools, a_tool("add", idempotency, timeout=0.05), a=1)
        assert (outcome.kind, "was not called" in outcome.message) == (RETRYABLE, True)

    async def test_an_abandoned_thread_gives_its_place_back_when_it_returns(self, gate: sample_tools.Gate) -> None:
        tools = PythonTools(ENTRIES, threads=1)
        await call(tools, a_tool("block", timeout=0.05))
        gate.opened.set()
        assert (await call(tools, a_tool("add"), a=1)).kind is DONE

    async def test_blocking_tools_run_side_by_side(self, tools: PythonTools, gate: sample_tools.Gate) -> None:
        calls = [asyncio.create_task(call(tools, a_tool("block"))) for _ in range(5)]
        entered = [await asyncio.to_thread(gate.entered.acquire, timeout=5) for _ in calls]
        gate.opened.set()
        assert all(entered)
        assert {outcome.result for outcome in await asyncio.gather(*calls)} == {"late"}

    @pytest.mark.parametrize("ref", ["block", "wait_for_ever"])
    async def test_cancellation_passes_through(self, tools: PythonTools, gate: sample_tools.Gate, ref: str) -> None:
        task = asyncio.create_task(call(tools, a_tool(ref)))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
