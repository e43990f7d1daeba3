"""Short ways to write definitions in tests."""

from collections.abc import Mapping
from itertools import pairwise
from typing import Any

from aumos_agent_framework.core.types import JsonObject

LOG: JsonObject = {"type": "object", "properties": {"log": {"type": "array", "x-reducer": "append"}}}
"""A state whose ``log`` tells which nodes ran, in order."""


def graph(
    nodes: Mapping[str, JsonObject], *edges: str | JsonObject, state: JsonObject | None = None, **rest: Any
) -> JsonObject:
    """Return a definition that starts at the first node; ``"a > b > END"`` stands for edges that are always taken."""
    written: list[JsonObject] = []
    for edge in edges:
        if isinstance(edge, str):
            stops = edge.split(" > ")
            written.extend({"from": here, "to": there} for here, there in pairwise(stops))
        else:
            written.append(edge)
    return {"state": state or {}, "entry_point": next(iter(nodes)), "nodes": dict(nodes), "edges": written, **rest}


def when(source: str, condition: str, target: str, **rest: Any) -> JsonObject:
    """Return a conditional edge."""
    return {"from": source, "to": target, "when": condition, **rest}


def otherwise(source: str, target: str) -> JsonObject:
    """Return the edge that is taken when no condition holds."""
    return {"from": source, "to": target, "otherwise": True}


def transform(**expressions: str) -> JsonObject:
    """Return a transform node."""
    return {"type": "transform", "set": expressions}


def logging(*names: str) -> dict[str, JsonObject]:
    """Return transform nodes that append their own names to the log."""
    return {name: transform(log=f"'{name}'") for name in names}


def chain(nodes: Mapping[str, JsonObject], **rest: Any) -> JsonObject:
    """Return a definition that runs the nodes one after the other."""
    return graph(nodes, " > ".join([*nodes, "END"]), **rest)
