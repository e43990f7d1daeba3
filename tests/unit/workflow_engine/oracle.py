"""What a graph should do, written down a second time and as simply as possible.

A visit of a node puts tokens on the nodes that follow. A node with one origin visits as soon as it has a token. A node
with several origins visits once for all its tokens, when none of the other tokens can still come to it; of several
such nodes on one cycle none waits for the other. Nothing here knows of supersteps, of counting or of LangGraph.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

START, END = "START", "END"
Visit = tuple[str, int]
"""A node's name and which visit of it, from 1."""


@dataclass(frozen=True)
class Condition:
    """Holds always, never, or while a node has made fewer visits than ``below``."""

    below: int

    def holds(self, visits: int) -> bool:
        return visits < self.below

    def cel(self, node: str) -> str:
        return f"state.done_{node} < {self.below}"


@dataclass(frozen=True)
class Node:
    """A node's ways out, and whether each of its visits fails."""

    always: tuple[str, ...] = ()
    conditional: tuple[tuple[Condition, str], ...] = ()
    otherwise: str | None = None
    on_error: str | None = None
    fails: bool = False

    @property
    def targets(self) -> frozenset[str]:
        named = {*self.always, *(target for _, target in self.conditional), self.otherwise, self.on_error}
        return frozenset(name for name in named if name is not None)


@dataclass
class Prediction:
    """Every visit with the visits that led to it, and whether the run fails."""

    causes: dict[Visit, frozenset[Visit]] = field(default_factory=dict)
    succeeded: set[Visit] = field(default_factory=set)
    failed: bool = False


class Oracle:
    """Predicts one run of a graph."""

    def __init__(self, nodes: Mapping[str, Node], entries: tuple[str, ...]) -> None:
        self._nodes = nodes
        self._entries = entries
        self._reach = {name: self._reachable(name) for name in nodes}
        self._made: Counter[str] = Counter()
        self._done: Counter[str] = Counter()
        self.prediction = Prediction()

    def predict(self) -> Prediction:
        tokens: dict[str, frozenset[Visit]] = dict.fromkeys(self._entries, frozenset())
        while tokens and not self.prediction.failed:
            going = [name for name in tokens if self._may_go(name, tokens)]
            assert going, f"nobody may go: {tokens}"
            causes = {name: tokens.pop(name) for name in going}
            for name in going:
                visit, targets = self._visit(name, causes[name])
                for target in targets:
                    tokens[target] = tokens.get(target, frozenset()) | {visit}
        return self.prediction

    def _visit(self, name: str, causes: frozenset[Visit]) -> tuple[Visit, set[str]]:
        node = self._nodes[name]
        self._made[name] += 1
        visit = (name, self._made[name])
        self.prediction.causes[visit] = causes
        targets = None if node.fails else self._exits(name)
        if targets is not None:
            self.prediction.succeeded.add(visit)
        elif node.on_error is not None:
            targets = {node.on_error}
        else:
            self.prediction.failed = True
            targets = set()
        return visit, targets - {END}

    def _exits(self, name: str) -> set[str] | None:
        """Return what follows a visit that went well, ``None`` when no way is open."""
        node = self._nodes[name]
        self._done[name] += 1
        taken = next(
            (target for condition, target in node.conditional if condition.holds(self._done[name])), node.otherwise
        )
        targets = {*node.always, *([] if taken is None else [taken])}
        if not targets:
            self._done[name] -= 1
            return None
        return targets

    def _may_go(self, name: str, tokens: Mapping[str, object]) -> bool:
        if not self._meets(name):
            return True
        for other in tokens:
            if other != name and name in self._reach[other]:
                waits_too = self._meets(other) and other in self._reach[name]
                if not waits_too:
                    return False
        return True

    def _meets(self, name: str) -> bool:
        """Whether tokens can come to a node from several origins."""
        origins = [origin for origin, node in self._nodes.items() if name in node.targets]
        return len(origins) + (name in self._entries) > 1

    def _reachable(self, name: str) -> frozenset[str]:
        """Return where a token on a node can get to, in one step or more."""
        return frozenset(self._walk(name, set()))

    def _walk(self, name: str, seen: set[str]) -> Iterator[str]:
        for target in self._nodes[name].targets - seen - {END}:
            seen.add(target)
            yield target
            yield from self._walk(target, seen)
