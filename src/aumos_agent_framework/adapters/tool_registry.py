"""The tool registry: one door to all types of tools, found by ``config.type``."""

from collections.abc import Mapping
from typing import Protocol

from pydantic import ValidationError

from aumos_agent_framework.adapters.tools.faults import refused
from aumos_agent_framework.adapters.tools.http import HttpTools
from aumos_agent_framework.adapters.tools.http_config import HttpToolConfig
from aumos_agent_framework.adapters.tools.problems import refuse
from aumos_agent_framework.adapters.tools.python import PythonToolConfig, PythonTools
from aumos_agent_framework.core.domain.tools import Tool, ToolCallContext, ToolDraft, ToolOutcome
from aumos_agent_framework.core.types import JsonObject

SHORT_SECONDS = 5.0
_CONFIGS: Mapping[str, type[HttpToolConfig | PythonToolConfig]] = {"http": HttpToolConfig, "python": PythonToolConfig}


class ToolKind(Protocol):
    """What every type of tool provides; the methods mean what they mean in ``ToolRunner``."""

    def check(self, draft: ToolDraft) -> ToolDraft: ...

    def same_target(self, one: JsonObject, other: JsonObject) -> bool: ...

    async def call(self, tool: Tool, arguments: JsonObject, context: ToolCallContext) -> ToolOutcome: ...


class ToolRegistry:
    """The ``ToolRunner`` of the service."""

    def __init__(self, *, http: HttpTools, python: PythonTools) -> None:
        self._kinds: Mapping[str, ToolKind] = {"http": http, "python": python}

    def check(self, draft: ToolDraft) -> ToolDraft:
        """Validate ``config`` by its type and complete the draft.

        Raises:
            InvalidInputError: with pointers such as ``/config/url``.
        """
        return self._kind(draft.config).check(draft)

    def same_target(self, one: JsonObject, other: JsonObject) -> bool:
        """Whether two configurations may have the same effect on the world; see ``ToolRunner.same_target``."""
        kind = self._kinds.get(str(one.get("type")))
        return kind is not None and one.get("type") == other.get("type") and kind.same_target(one, other)

    def is_short(self, config: JsonObject) -> bool:
        """Whether a call ends within ``SHORT_SECONDS`` by its own timeout."""
        model = _CONFIGS.get(str(config.get("type")))
        if model is None:
            return False
        try:
            return model.model_validate(config).timeout <= SHORT_SECONDS
        except ValidationError:
            return False

    async def call(self, tool: Tool, arguments: JsonObject, context: ToolCallContext) -> ToolOutcome:
        """Call the tool once; see ``ToolRunner.call``."""
        kind = self._kinds.get(str(tool.config.get("type")))
        if kind is None:
            return refused(f"{tool.name} was not called: this worker has no tools of its type.")
        return await kind.call(tool, arguments, context)

    def _kind(self, config: JsonObject) -> ToolKind:
        name = config.get("type")
        types = ", ".join(self._kinds)
        if name is None:
            raise refuse("/config/type", f"say which type of tool this is: {types}", code="missing")
        kind = self._kinds.get(name) if isinstance(name, str) else None
        if kind is None:
            raise refuse("/config/type", f"there is no tool type {name!r}; types: {types}", code="unknown_tool_type")
        return kind
