"""What follows what: the definition's edges in one normal form, and what can reach what."""

from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from aumos_agent_framework.core.graph.schema import END, START, GraphDefinition


@dataclass(frozen=True, slots=True)
class Exits:
    """The ways out of one node: all of ``always``, and the first of ``conditional`` that holds, else ``otherwise``."""

    always: tuple[str, ...] = ()
    conditional: tuple[tuple[str, str], ...] = ()  # (CEL, target), in the order of the definition
    otherwise: str | None = None
    on_error: str | None = None

    @property
    def targets(self) -> tuple[str, ...]:
        """Every node that may follow, without repetition, in order."""
        conditional = (target for _, target in self.conditional)
        named = (*self.always, *conditional, self.otherwise, self.on_error)
        return tuple(dict.fromkeys(target for target in named if target is not None))


@dataclass(frozen=True)
class Topology:
    """The graph's shape. Nodes without an entry in ``exits`` have no way out."""

    nodes: tuple[str, ...]
    entries: tuple[str, ...]
    exits: Mapping[str, Exits] = field(default_factory=dict)

    def out(self, node: str) -> Exits:
        """Return a node's ways out."""
        return self.exits.get(node, Exits())

    @cached_property
    def sources(self) -> Mapping[str, tuple[str, ...]]:
        """Who may lead to each node; ``START`` leads to the entries."""
        found: dict[str, list[str]] = {node: [] for node in (*self.nodes, END)}
        for entry in self.entries:
            found.setdefault(entry, []).append(START)
        for node in self.nodes:
            for target in self.out(node).targets:
                found.setdefault(target, []).append(node)
        return {node: tuple(dict.fromkeys(origins)) for node, origins in found.items()}

    def reachable(self, origins: Iterable[str]) -> frozenset[str]:
        """Return what can be reached from the origins, themselves included."""
        seen = set(origins)
        todo = deque(seen)
        while todo:
            for target in self.out(todo.popleft()).targets:
                if target not in seen:
                    seen.add(target)
                    todo.append(target)
        return frozenset(seen)

    @cached_property
    def ending(self) -> frozenset[str]:
        """The nodes from which END can be reached."""
        seen = {END}
        todo = deque(seen)
        while todo:
            for source in self.sources.get(todo.popleft(), ()):
                if source not in seen:
                    seen.add(source)
                    todo.append(source)
        return frozenset(seen)

    @cached_property
    def unguarded_cycles(self) -> tuple[tuple[str, ...], ...]:
        """Cycles that no condition can leave: every edge on them is always taken."""
        always = {node: [t for t in self.out(node).always if t != END] for node in self.nodes}
        return tuple(component for component in _components(self.nodes, always) if _is_cycle(component, always))

    @cached_property
    def forks(self) -> bool:
        """Whether two nodes can ever be at work at the same time."""
        if len(self.entries) > 1:
            return True
        for node in self.nodes:
            exits = self.out(node)
            if len(exits.always) + bool(exits.conditional) > 1:
                return True
        return False

    @cached_property
    def joins(self) -> frozenset[str]:
        """Nodes that several branches meet in, where the branches may arrive at different times.

        A node is none if branches never run beside each other, or if every way to it has the same length: then they
        all arrive in the same superstep.
        """
        if not self.forks:
            return frozenset()
        depth = self._uniform_depths()
        return frozenset(node for node in self.nodes if len(self.sources[node]) > 1 and depth.get(node) is None)

    def _uniform_depths(self) -> Mapping[str, int | None]:
        """Map each node to the length of every way to it, or ``None`` where lengths differ or a cycle is passed."""
        order, rest = self._topological()
        depth: dict[str, int | None] = {START: 0}
        for node in order:
            lengths = {depth.get(source) for source in self.sources[node]}
            only = lengths.pop() if len(lengths) == 1 else None
            depth[node] = None if only is None else only + 1
        depth.update(dict.fromkeys(rest))
        return depth

    def _topological(self) -> tuple[list[str], list[str]]:
        """Order the nodes sources first; nodes on or behind a cycle cannot be ordered and come separately."""
        waiting = {node: sum(source != START for source in self.sources[node]) for node in self.nodes}
        todo = deque(node for node in self.nodes if waiting[node] == 0)
        order: list[str] = []
        while todo:
            node = todo.popleft()
            order.append(node)
            for target in self.out(node).targets:
                if target in waiting:
                    waiting[target] -= 1
                    if waiting[target] == 0:
                        todo.append(target)
        placed = set(order)
        return order, [node for node in self.nodes if node not in placed]


def topology(definition: GraphDefinition) -> Topology:
    """Bring entry points and edges into one form; an edge from START says the same as ``entry_point``."""
    entries = [*definition.entries, *(edge.target for edge in definition.edges if edge.source == START)]
    always: dict[str, list[str]] = {}
    conditional: dict[str, list[tuple[str, str]]] = {}
    otherwise: dict[str, str] = {}
    for edge in definition.edges:
        if edge.when is not None:
            conditional.setdefault(edge.source, []).append((edge.when, edge.target))
            if isinstance(edge.otherwise, str):
                otherwise[edge.source] = edge.otherwise
        elif edge.otherwise:
            otherwise[edge.source] = edge.target
        else:
            always.setdefault(edge.source, []).append(edge.target)
    for name in otherwise.keys() - conditional.keys():  # beside no condition it is always taken
        always.setdefault(name, []).append(otherwise.pop(name))
    exits = {
        name: Exits(
            tuple(dict.fromkeys(always.get(name, ()))),
            tuple(conditional.get(name, ())),
            otherwise.get(name),
            node.on_error,
        )
        for name, node in definition.nodes.items()
    }
    return Topology(tuple(definition.nodes), tuple(dict.fromkeys(entries)), exits)


def _is_cycle(component: tuple[str, ...], edges: Mapping[str, list[str]]) -> bool:
    return len(component) > 1 or component[0] in edges[component[0]]


def _components(nodes: Iterable[str], edges: Mapping[str, list[str]]) -> list[tuple[str, ...]]:
    """Return the strongly connected components (Kosaraju, without recursion: definitions may be deep)."""
    finished: list[str] = []
    seen: set[str] = set()
    for root in nodes:
        finished.extend(_finish_order(root, edges, seen))
    back: dict[str, list[str]] = {}
    for node, targets in edges.items():
        for target in targets:
            back.setdefault(target, []).append(node)
    found: list[tuple[str, ...]] = []
    seen = set()
    for root in reversed(finished):
        component = _finish_order(root, back, seen)
        if component:
            found.append(tuple(component))
    return found


def _finish_order(root: str, edges: Mapping[str, list[str]], seen: set[str]) -> list[str]:
    """Walk depth first from the root through unseen nodes; return them in the order in which they are left."""
    if root in seen:
        return []
    seen.add(root)
    order: list[str] = []
    stack = [(root, iter(edges.get(root, ())))]
    while stack:
        node, targets = stack[-1]
        following = next((target for target in targets if target not in seen), None)
        if following is None:
            order.append(node)
            stack.pop()
        else:
            seen.add(following)
            stack.append((following, iter(edges.get(following, ()))))
    return order
