"""What a valid agent is, and how drafts become agents. Pure."""

from collections.abc import Iterator, Mapping
from dataclasses import fields
from uuid import UUID

from aumos_agent_framework.core.domain.agents import Agent, AgentDraft, ResourceLimits
from aumos_agent_framework.core.domain.tools import Tool
from aumos_agent_framework.core.errors import Problem
from aumos_agent_framework.core.graph.expressions import escape_pointer
from aumos_agent_framework.core.services.payloads import document_problems, name_problems, text_problems

EDITABLE = frozenset(field.name for field in fields(AgentDraft))
MAX_CAPABILITIES = 100


def draft_problems(draft: AgentDraft) -> Iterator[Problem]:
    """Say what is wrong with a draft, its tool access apart."""
    yield from name_problems(draft.name, "/name")
    if _is_uuid(draft.name):
        yield Problem("/name", "A name that looks like an id could be taken for another agent's.", "name_invalid")
    yield from text_problems(draft.description, "/description")
    yield from text_problems(draft.instructions, "/instructions")
    if draft.owner is not None:
        yield from text_problems(draft.owner, "/owner", max_length=255)
    if len(draft.capabilities) > MAX_CAPABILITIES:
        yield Problem("/capabilities", f"An agent has at most {MAX_CAPABILITIES} capabilities.", "too_many")
    for index, capability in enumerate(draft.capabilities):
        yield from name_problems(capability, f"/capabilities/{index}")
    yield from document_problems(draft.model, "/model")
    name = draft.model.get("name")
    if not isinstance(name, str) or not name:
        yield Problem("/model/name", "A model has a name.", "model_name_missing")
    yield from _limit_problems(draft.resource_limits)


def access_problems(draft: AgentDraft, tools: Mapping[str, Tool]) -> Iterator[Problem]:
    """Say what is wrong with a draft's tool access; ``tools`` holds those of its tools that exist."""
    for name, grant in draft.tool_access.items():
        pointer = f"/tool_access/{escape_pointer(name)}"
        if grant.rate_limit is not None and grant.rate_limit < 1:
            yield Problem(f"{pointer}/rate_limit", "It is a whole number above zero.", "limit_invalid")
        tool = tools.get(name)
        if tool is None:
            yield Problem(pointer, f"There is no tool {name[:100]}.", "unknown_tool", "Register it first.")
        elif grant.enabled and tool.min_privilege_level > draft.privilege_level:
            needs, has = tool.min_privilege_level, draft.privilege_level
            message = f"The tool needs level {needs}, the agent has {has}: every call would be refused."
            hint = f"Raise privilege_level to {needs}, or leave the tool out."
            yield Problem(pointer, message, "tool_above_level", hint)


def draft_of(agent: Agent) -> AgentDraft:
    """Return what can be said of the agent."""
    return AgentDraft(
        name=agent.name,
        privilege_level=agent.privilege_level,
        model=agent.model,
        instructions=agent.instructions,
        description=agent.description,
        capabilities=agent.capabilities,
        tool_access=agent.tool_access,
        resource_limits=agent.resource_limits,
        owner=agent.owner,
    )


def _limit_problems(limits: ResourceLimits) -> Iterator[Problem]:
    for field in fields(ResourceLimits):
        value = getattr(limits, field.name)
        if value is not None and value < 1:
            yield Problem(f"/resource_limits/{field.name}", "It is a whole number above zero.", "limit_invalid")


def _is_uuid(text: str) -> bool:
    try:
        UUID(text)
    except ValueError:
        return False
    return True
