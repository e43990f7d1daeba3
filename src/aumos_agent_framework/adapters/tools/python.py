"""``python`` tools: functions that installed distributions list under the entry-point group ``aumos.tools``."""

import asyncio
from collections.abc import Coroutine, Iterable
from dataclasses import replace
from functools import partial
from importlib.metadata import EntryPoint, entry_points
from typing import Any, Literal

import structlog
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from aumos_agent_framework.adapters.tools.faults import may_have_happened, nothing_happened, refused, without_result
from aumos_agent_framework.adapters.tools.problems import from_pydantic, refuse
from aumos_agent_framework.adapters.tools.python_function import PythonFunction, UnsuitableFunctionError
from aumos_agent_framework.adapters.tools.results import MAX_RESULT_BYTES, parse_json
from aumos_agent_framework.adapters.tools.threads import DaemonThreads, NoThreadError
from aumos_agent_framework.core.domain.tools import Tool, ToolCallContext, ToolDraft, ToolOutcome, ToolOutcomeKind
from aumos_agent_framework.core.errors import InvalidInputError
from aumos_agent_framework.core.types import JsonObject
from aumos_agent_framework.tools import ToolError

GROUP = "aumos.tools"
_DEMO = "aumos_agent_framework.demo.tools"
DEFAULT_TIMEOUT_SECONDS = 5.0
MAX_TIMEOUT_SECONDS = 600.0
DEFAULT_THREADS = 32
CLEAN_UP_SECONDS = 1.0
"""How long a cancelled coroutine may take to tidy up before it is left to itself."""

_log = structlog.get_logger(__name__)


class PythonToolConfig(BaseModel):
    """How a ``python`` tool is called: ``ref`` names the entry point, ``timeout`` is in seconds."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    type: Literal["python"]
    ref: str = Field(min_length=1, max_length=200)
    timeout: float = Field(default=DEFAULT_TIMEOUT_SECONDS, gt=0, le=MAX_TIMEOUT_SECONDS, strict=True)


def installed_functions(*, demo: bool = False) -> tuple[EntryPoint, ...]:
    """Return the entry points that this environment offers as tools; the demo's own only if asked for."""
    return tuple(entry for entry in entry_points(group=GROUP) if demo or entry.module != _DEMO)


class PythonTools:
    """Checks and calls ``python`` tools.

    What ends a call, and what it means for the effect:

    - ``ToolError``: the function's own no. Settled as an error.
    - ``TimeoutError`` or ``ConnectionError`` from the function, and a call that does not return in time: the same as a
      timeout or a reset of an HTTP tool, so repeatable if the tool is, else unknown.
    - Any other exception: settled as an error, whatever the tool's idempotency. It is almost always a defect that
      would fail again, so the machinery does not repeat it, and a person could decide no better than the agent, who
      sees the exception and whose next call passes the door, and the approvals it asks for, anew.

    A function that does not return in time is abandoned: its thread cannot be stopped and keeps its place among
    ``threads`` until it returns; a coroutine is cancelled.
    """

    def __init__(self, installed: Iterable[EntryPoint] | None = None, *, threads: int = DEFAULT_THREADS) -> None:
        """Build the runner.

        Args:
            installed: the entry points that exist; by default those of this environment, the demo's left out.
            threads: how many sync functions may run at once in this process.
        """
        found = installed_functions() if installed is None else installed
        self._entry_points = {entry.name: entry for entry in found}
        self._functions: dict[str, PythonFunction] = {}
        self._threads = DaemonThreads(threads)
        self._abandoned: set[asyncio.Task[ToolOutcome]] = set()

    def check(self, draft: ToolDraft) -> ToolDraft:
        """Validate the configuration and complete the draft from the function; see ``ToolRunner.check``.

        What the draft says itself stays: a narrower ``input_schema`` than the annotations' is enforced before them.
        """
        try:
            config = PythonToolConfig.model_validate(draft.config)
        except ValidationError as error:
            raise from_pydantic(error, "/config") from error
        function = self._checked_function(config.ref)
        if draft.min_privilege_level < function.min_level:
            message = f"{config.ref!r} says that it needs level {function.min_level} or above"
            raise refuse("/min_privilege_level", message, code="level_below_function")
        return replace(
            draft,
            description=draft.description or function.description,
            input_schema=draft.input_schema or function.input_schema,
            output_schema=draft.output_schema or function.output_schema,
        )

    def same_target(self, one: JsonObject, other: JsonObject) -> bool:
        """Whether two configurations lead to the same function; see ``ToolRunner.same_target``."""
        return self._place(one) == self._place(other)

    def _place(self, config: JsonObject) -> str:
        ref = str(config.get("ref"))
        entry = self._entry_points.get(ref)
        return ref if entry is None else entry.value  # two entry points may name one function

    def _checked_function(self, ref: str) -> PythonFunction:
        try:
            return self._function(ref)
        except KeyError as error:
            installed = ", ".join(sorted(self._entry_points)) or "none"
            raise refuse(
                "/config/ref",
                f"no entry point {ref!r} of group {GROUP} is installed",
                code="unknown_reference",
                hint=f"installed: {installed}",
            ) from error
        except UnsuitableFunctionError as error:
            raise refuse("/config/ref", f"{ref!r} cannot be a tool: {error}", code="unsuitable_function") from error

    def _function(self, ref: str) -> PythonFunction:
        if ref not in self._functions:
            entry = self._entry_points[ref]
            try:
                loaded = entry.load()
            except Exception as error:  # importing runs the author's code
                _log.exception("python_tool_import_failed", ref=ref)
                raise UnsuitableFunctionError(f"importing it failed: {type(error).__name__}: {error}") from error
            self._functions[ref] = PythonFunction.of(loaded)
        return self._functions[ref]

    async def call(self, tool: Tool, arguments: JsonObject, context: ToolCallContext) -> ToolOutcome:
        """Call the function once; see ``ToolRunner.call``."""
        try:
            config = PythonToolConfig.model_validate(tool.config)
            function = self._checked_function(config.ref)
            if tool.min_privilege_level < function.min_level:
                return refused(f"{tool.name} was not called: its function needs level {function.min_level} or above.")
            keywords = function.keywords(arguments, context)
        except InvalidInputError as error:
            return refused(f"{tool.name} was not called: {error.problems[0].message}.")
        except (TypeError, ValueError) as error:
            return refused(f"{tool.name} was not called, the arguments do not fit: {error}.")
        if function.is_async:
            return await self._on_loop(tool, function, keywords, config.timeout)
        return await self._on_thread(tool, function, keywords, config.timeout)

    async def _on_thread(
        self, tool: Tool, function: PythonFunction, keywords: dict[str, Any], seconds: float
    ) -> ToolOutcome:
        try:
            return await self._threads.run(partial(_run, tool, function, keywords), seconds)
        except NoThreadError as error:
            return nothing_happened(f"{tool.name} was not called within {seconds:g} s: {error}.")
        except TimeoutError:
            return _timed_out(tool, seconds)

    async def _on_loop(
        self, tool: Tool, function: PythonFunction, keywords: dict[str, Any], seconds: float
    ) -> ToolOutcome:
        """Not ``asyncio.timeout``: a coroutine that swallows its cancellation would never give the call back."""
        task = asyncio.create_task(_run_async(tool, function, keywords))
        try:
            await asyncio.wait({task}, timeout=seconds)
        finally:
            if not task.done():
                await self._abandon(task)
        if task.done() and not task.cancelled():
            return task.result()
        return _timed_out(tool, seconds)

    async def _abandon(self, task: asyncio.Task[ToolOutcome]) -> None:
        self._abandoned.add(task)  # the loop itself holds tasks only weakly
        task.add_done_callback(self._abandoned.discard)
        task.cancel()
        await asyncio.wait({task}, timeout=CLEAN_UP_SECONDS)


def _timed_out(tool: Tool, seconds: float) -> ToolOutcome:
    return may_have_happened(tool.idempotency, f"{tool.name} did not return within {seconds:g} s.")


def _run(tool: Tool, function: PythonFunction, keywords: dict[str, Any]) -> ToolOutcome:
    try:
        value = function.function(**keywords)
    except BaseException as error:  # noqa: BLE001 - on its own thread nothing else would see SystemExit either
        return _judge(tool, error)
    return _to_outcome(tool, function, value)


async def _run_async(tool: Tool, function: PythonFunction, keywords: dict[str, Any]) -> ToolOutcome:
    call: Coroutine[Any, Any, object] = function.function(**keywords)
    try:
        value = await call
    except asyncio.CancelledError:
        raise
    except BaseException as error:  # noqa: BLE001 - a task that raises SystemExit would end the whole worker
        return _judge(tool, error)
    return _to_outcome(tool, function, value)


def _judge(tool: Tool, error: BaseException) -> ToolOutcome:
    if isinstance(error, ToolError):
        return refused(str(error) or f"{tool.name} refused without a reason.")
    what = f"{tool.name} failed: {type(error).__name__}: {error}"
    if isinstance(error, TimeoutError | ConnectionError):
        return may_have_happened(tool.idempotency, what)
    _log.error("python_tool_failed", tool=tool.name, tenant_id=str(tool.tenant_id), exc_info=error)
    return refused(what)


def _to_outcome(tool: Tool, function: PythonFunction, value: object) -> ToolOutcome:
    try:
        raw = function.dump(value)
    except ValueError as error:
        return without_result(f"{tool.name} has run, but its result does not fit its annotation: {error}")
    if len(raw) > MAX_RESULT_BYTES:
        return without_result(f"{tool.name} has run, but its result is larger than {MAX_RESULT_BYTES} bytes.")
    return ToolOutcome(ToolOutcomeKind.DONE, result=parse_json(raw))
