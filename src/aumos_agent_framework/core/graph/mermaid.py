"""A definition as a Mermaid flowchart."""

from aumos_agent_framework.core.graph.schema import END, START, GraphDefinition
from aumos_agent_framework.core.graph.topology import Topology

_SHAPES = {"agent": ('(["', '"])'), "tool": ('["', '"]'), "approval": ('{{"', '"}}'), "transform": ('[/"', '"/]')}
_MAX_LABEL = 60


def mermaid(graph: GraphDefinition, topology: Topology) -> str:
    """Draw the graph; the text renders wherever Mermaid does."""
    names = {name: f"n{index}" for index, name in enumerate(graph.nodes)} | {START: "start", END: "finish"}
    lines = ["flowchart TD", '  start(("START"))', '  finish(("END"))']
    for name, node in graph.nodes.items():
        opening, closing = _SHAPES[node.type]
        lines.append(f"  {names[name]}{opening}{_label(name)}{closing}")
    lines.extend(f"  start --> {names[entry]}" for entry in topology.entries)
    for name in graph.nodes:
        exits = topology.out(name)
        here = names[name]
        lines.extend(f"  {here} --> {names[target]}" for target in exits.always)
        lines.extend(f'  {here} -->|"{_label(when)}"| {names[target]}' for when, target in exits.conditional)
        if exits.otherwise is not None:
            lines.append(f'  {here} -->|"otherwise"| {names[exits.otherwise]}')
        if exits.on_error is not None:
            lines.append(f'  {here} -.->|"on error"| {names[exits.on_error]}')
    return "\n".join(lines) + "\n"


def _label(text: str) -> str:
    short = text if len(text) <= _MAX_LABEL else f"{text[: _MAX_LABEL - 1]}…"
    return short.replace("&", "&amp;").replace('"', "&quot;").replace("<", "&lt;").replace(">", "&gt;")
