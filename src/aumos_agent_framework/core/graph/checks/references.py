"""Do agents and tools exist, and do calls fit the tools?"""

from collections.abc import Iterator

from aumos_agent_framework.core.domain.agents import AgentStatus
from aumos_agent_framework.core.domain.tools import Tool, ToolStatus
from aumos_agent_framework.core.domain.workflows import RunAs
from aumos_agent_framework.core.graph.checks.findings import Finding, Subject, error, node_pointer, warning
from aumos_agent_framework.core.graph.expressions import escape_pointer, template_expressions
from aumos_agent_framework.core.graph.json_schema import certain_violations
from aumos_agent_framework.core.graph.schema import AgentNode, ToolNode


def check_agents(subject: Subject) -> Iterator[Finding]:
    """Check that every agent node has an agent, and that every agent named exists and is used."""
    bound = subject.draft.agents
    for name, node in subject.graph.nodes.items():
        if isinstance(node, AgentNode) and name not in bound:
            hint = f'Add "{name}": "<agent name or id>" to agents.'
            yield error(node_pointer(name), "agent_unbound", f"The agent node {name} has no agent.", hint)
    for name, reference in bound.items():
        pointer = f"/agents/{escape_pointer(name)}"
        if not isinstance(subject.graph.nodes.get(name), AgentNode):
            yield warning(pointer, "unused_agent", f"There is no agent node {name[:100]!r}.")
        agent = subject.catalog.agents.get(reference)
        if agent is None:
            yield error(pointer, "unknown_agent", f"There is no agent {reference[:100]!r}.", "Register it first.")
        elif agent.status is AgentStatus.SUSPENDED:
            yield warning(pointer, "agent_suspended", f"The agent {agent.name} is suspended; runs will be refused.")


def check_tools(subject: Subject) -> Iterator[Finding]:
    """Check that every tool node's tool exists and takes such arguments."""
    for name, node in subject.graph.nodes.items():
        if not isinstance(node, ToolNode):
            continue
        tool = subject.catalog.tools.get(node.tool)
        if tool is None:
            pointer = node_pointer(name, "tool")
            yield error(pointer, "unknown_tool", f"There is no tool {node.tool[:100]!r}.", "Register it first.")
            continue
        if tool.status is ToolStatus.DISABLED:
            yield warning(node_pointer(name, "tool"), "tool_disabled", f"The tool {tool.name} is disabled.")
        yield from _check_arguments(name, node, tool)


def _check_arguments(name: str, node: ToolNode, tool: Tool) -> Iterator[Finding]:
    """Check what can be known before the run: everything but what expressions will fill in."""
    open_places = frozenset(pointer for pointer, _ in template_expressions(node.arguments))
    for pointer, message in certain_violations(tool.input_schema, node.arguments, open_places):
        place = node_pointer(name, "arguments") + pointer
        yield error(place, "arguments_misfit", f"{message} (tool {tool.name}).")


def check_gates(subject: Subject) -> Iterator[Finding]:
    """Warn of gates that guard nothing: perhaps a slip in a name, perhaps a node that is still to come."""
    for node in subject.draft.hitl_gates:
        if node not in subject.graph.nodes:
            pointer = f"/hitl_gates/{escape_pointer(node)}"
            message = f"There is no node {node[:100]!r}: this gate guards nothing."
            yield warning(pointer, "gate_on_missing_node", message)


def check_authority(subject: Subject) -> Iterator[Finding]:
    """Check that run_as and privilege_cap say something together."""
    if subject.draft.run_as is RunAs.WORKFLOW and subject.draft.privilege_cap is None:
        hint = "Say the level up to which the workflow may act by itself."
        yield error("/privilege_cap", "cap_missing", "run_as workflow needs a privilege_cap.", hint)


def check_breakers(subject: Subject) -> Iterator[Finding]:
    """Say that the configuration is kept for a later version."""
    if subject.draft.circuit_breaker_config:
        message = "Circuit breakers are not enforced in this version; the configuration is stored with the workflow."
        yield warning("/circuit_breaker_config", "not_enforced", message)
