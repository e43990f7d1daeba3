"""How checks say what they found."""

from collections.abc import Mapping
from dataclasses import dataclass

from aumos_agent_framework.core.domain.agents import Agent
from aumos_agent_framework.core.domain.tools import Tool
from aumos_agent_framework.core.domain.workflows import WorkflowDraft
from aumos_agent_framework.core.errors import Problem
from aumos_agent_framework.core.graph.expressions import escape_pointer
from aumos_agent_framework.core.graph.schema import GraphDefinition
from aumos_agent_framework.core.graph.topology import Topology

GRAPH = "/graph_definition"


@dataclass(frozen=True, slots=True)
class Catalog:
    """What exists in the tenant: agents by the reference that the draft writes, tools by name."""

    agents: Mapping[str, Agent]
    tools: Mapping[str, Tool]


@dataclass(frozen=True, slots=True)
class Finding:
    """A problem, and whether it only deserves a warning."""

    problem: Problem
    warning: bool = False


@dataclass(frozen=True, slots=True)
class Subject:
    """What is checked: the draft, its parsed graph, and its shape."""

    draft: WorkflowDraft
    graph: GraphDefinition
    topology: Topology
    catalog: Catalog


def error(pointer: str, code: str, message: str, hint: str | None = None) -> Finding:
    """A fault that keeps the definition from being stored."""
    return Finding(Problem(pointer, message, code, hint))


def warning(pointer: str, code: str, message: str, hint: str | None = None) -> Finding:
    """A doubt that a person should look at."""
    return Finding(Problem(pointer, message, code, hint), warning=True)


def node_pointer(name: str, *rest: str) -> str:
    """Point into a node."""
    return "/".join((f"{GRAPH}/nodes", escape_pointer(name), *(escape_pointer(part) for part in rest)))
