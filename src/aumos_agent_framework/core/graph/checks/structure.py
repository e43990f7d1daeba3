"""Does the graph hang together: edges lead somewhere, every node is reached and can end, cycles can be left."""

from collections.abc import Iterator

from aumos_agent_framework.core.graph.checks.findings import GRAPH, Finding, Subject, error, node_pointer, warning
from aumos_agent_framework.core.graph.schema import END, START, Edge, GraphDefinition


def check_edges(graph: GraphDefinition) -> Iterator[Finding]:
    """Check that edges, entry points and error routes name nodes that exist."""
    yield from _check_entries(graph)
    seen_otherwise: set[str] = set()
    for index, edge in enumerate(graph.edges):
        pointer = f"{GRAPH}/edges/{index}"
        if edge.source not in graph.nodes and edge.source != START:
            yield _unknown(f"{pointer}/from", edge.source, graph)
        if edge.target not in graph.nodes and edge.target != END:
            yield _unknown(f"{pointer}/to", edge.target, graph)
        if isinstance(edge.otherwise, str) and edge.otherwise not in graph.nodes and edge.otherwise != END:
            yield _unknown(f"{pointer}/otherwise", edge.otherwise, graph)
        if edge.source == START:
            yield from _check_start(edge, pointer)
        if edge.otherwise:
            if edge.source in seen_otherwise:
                yield error(f"{pointer}/otherwise", "second_otherwise", f"{edge.source} has an otherwise already.")
            seen_otherwise.add(edge.source)
    for name, node in graph.nodes.items():
        if node.on_error is not None and node.on_error not in graph.nodes:
            yield _unknown(node_pointer(name, "on_error"), node.on_error, graph)


def _check_entries(graph: GraphDefinition) -> Iterator[Finding]:
    starts = any(edge.source == START for edge in graph.edges)
    if not graph.entries and not starts:
        hint = "Name the first node in entry_point, or add an edge from START."
        yield error(f"{GRAPH}/entry_point", "no_entry_point", "The graph has no entry point.", hint)
    single = isinstance(graph.entry_point, str)
    for index, entry in enumerate(graph.entries):
        if entry not in graph.nodes:
            pointer = f"{GRAPH}/entry_point" if single else f"{GRAPH}/entry_point/{index}"
            yield _unknown(pointer, entry, graph)


def _check_start(edge: Edge, pointer: str) -> Iterator[Finding]:
    if edge.when is not None or edge.otherwise:
        hint = "Start with a transform node and put the condition on its edges."
        yield error(pointer, "conditional_start", "An edge from START has no condition.", hint)
    if edge.target == END:
        yield error(f"{pointer}/to", "empty_start", "An edge from START leads to a node.", "Remove it.")


def check_flow(subject: Subject) -> Iterator[Finding]:
    """Check reachability, ways to END, and cycles; only sensible once every edge leads somewhere."""
    topology = subject.topology
    reached = topology.reachable(topology.entries)
    for name in topology.nodes:
        exits = topology.out(name)
        if name not in reached:
            hint = "Add an edge to it, or remove it."
            yield error(node_pointer(name), "unreachable_node", f"No way from the entry point leads to {name}.", hint)
        elif not exits.targets:
            hint = f'Add {{"from": "{name}", "to": "END"}} to edges.'
            yield error(node_pointer(name), "no_path_to_end", f"{name} has no edge out.", hint)
        elif name not in topology.ending:
            yield error(node_pointer(name), "no_path_to_end", f"No way leads from {name} to END.")
        if exits.conditional and exits.otherwise is None and not exits.always:
            hint = "Add an edge with otherwise: true, unless one condition always holds."
            yield warning(node_pointer(name), "no_otherwise", f"If no condition of {name} holds, the run fails.", hint)
    for cycle in topology.unguarded_cycles:
        hint = "Put a condition (when) on an edge of the cycle, so that it can be left."
        message = f"The cycle {' → '.join(sorted(cycle))} has no bound: every edge on it is always taken."
        yield error(node_pointer(min(cycle)), "unbounded_cycle", message, hint)


def _unknown(pointer: str, name: str, graph: GraphDefinition) -> Finding:
    known = ", ".join(list(graph.nodes)[:10])
    return error(pointer, "unknown_node", f"There is no node {name[:100]!r}.", f"Nodes: {known}.")
