"""Which waiting joins may run: those that no branch still under way can reach.

Branches of different length reach the node where they meet at different times. A join runs once, when nothing that is
at work or waiting can still arrive at it. Branches that a condition left out are not waited for, because nothing is at
work on them. The counts live beside the state, so they are part of what the graph engine keeps.
"""

from collections.abc import Iterable, Mapping

from aumos_agent_framework.core.graph.topology import Topology

WAITING = "?"

Counts = Mapping[str, int]
"""How many arrivals each node is at work on, and (with ``WAITING``) how many a join has not begun to work on."""


def add_counts(old: Counts, new: Counts) -> dict[str, int]:
    """Join two counts; what is zero disappears."""
    total = {key: old.get(key, 0) + new.get(key, 0) for key in {**old, **new}}
    return {key: count for key, count in total.items() if count}


def arrivals(topology: Topology, targets: Iterable[str]) -> dict[str, int]:
    """Count what a node's targets mean: a join waits, any other node is at work."""
    return {f"{WAITING}{target}" if target in topology.joins else target: 1 for target in targets}


def release(topology: Topology, front: Counts) -> tuple[tuple[str, ...], dict[str, int]]:
    """Return the joins that may run now, and the change of the counts that says so."""
    waiting = [key.removeprefix(WAITING) for key in front if key.startswith(WAITING)]
    working = [key for key in front if not key.startswith(WAITING)]
    ready = tuple(join for join in topology.nodes if join in waiting and _free(topology, join, working, waiting))
    change: dict[str, int] = {}
    for join in ready:
        change[f"{WAITING}{join}"] = -front[f"{WAITING}{join}"]
        change[join] = 1
    return ready, change


def _free(topology: Topology, join: str, working: Iterable[str], waiting: Iterable[str]) -> bool:
    """A join is free unless something at work reaches it, or a waiting join does that it does not reach itself.

    Of waiting joins on a common cycle none waits for the other: so one of those that wait is always free.
    """
    if any(_leads(topology, node, join) for node in working):
        return False
    others = (node for node in waiting if node != join)
    return not any(_leads(topology, node, join) and not _leads(topology, join, node) for node in others)


def _leads(topology: Topology, origin: str, target: str) -> bool:
    return target in topology.reachable(topology.out(origin).targets)
