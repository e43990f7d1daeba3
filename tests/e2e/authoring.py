"""Tools, agents and workflows as tests need them, registered over HTTP."""

import itertools
import json
from collections.abc import Mapping, Sequence
from typing import Any

from tests.e2e.client import Person
from tests.effect_counter.process import EffectCounter

_numbers = itertools.count(1)
TEXT = {"type": "string"}


def unique(name: str) -> str:
    """Return a name that no other test uses."""
    return f"{name}-{next(_numbers)}"


def tool_draft(url: str, *, name: str | None = None, level: int = 1, **changes: Any) -> dict[str, Any]:
    """Return an HTTP tool that posts ``{text?, number?}`` to ``url``."""
    return {
        "name": name or unique("tool"),
        "description": "Notes something down.",
        "min_privilege_level": level,
        "input_schema": {
            "type": "object",
            "properties": {"text": TEXT, "number": {"type": "integer"}},
            "additionalProperties": False,
        },
        "config": {"type": "http", "method": "POST", "url": url},
        "idempotency": "key",
        **changes,
    }


def counted_tool(
    person: Person,
    counter: EffectCounter,
    *,
    level: int = 1,
    idempotency: str = "key",
    timeout: float | None = None,
    **changes: Any,
) -> str:
    """Register a tool whose calls are counted under its name, and return the name.

    Only with ``key`` the counter drops repeats, as that setting promises.
    """
    name = unique("counted")
    config: dict[str, Any] = {
        "type": "http",
        "method": "POST",
        "url": counter.url(name, dedupe=idempotency == "key"),
    }
    if timeout is not None:
        config["timeout"] = timeout
    draft = tool_draft("", name=name, level=level, config=config, idempotency=idempotency, **changes)
    person.send("POST", "/tools", 201, json=draft)
    return name


def script(*turns: Mapping[str, Any]) -> str:
    """Return instructions that the scripted model follows."""
    return f"Do as the script says.\n```script\n{json.dumps(turns)}\n```\n"


def call(tool: str, **arguments: Any) -> dict[str, Any]:
    """A turn that calls one tool."""
    return {"call": {"tool": tool, "arguments": arguments}}


def say(text: str) -> dict[str, Any]:
    """A turn that answers."""
    return {"say": text}


def agent_draft(*turns: Mapping[str, Any], level: int = 1, tools: Sequence[str] = (), **changes: Any) -> dict[str, Any]:
    """Return a scripted agent."""
    return {
        "name": unique("agent"),
        "privilege_level": level,
        "tool_access": {tool: {"enabled": True} for tool in tools},
        "model": {"name": "scripted"},
        "instructions": script(*(turns or (say("done"),))),
        **changes,
    }


def scripted_agent(
    person: Person, *turns: Mapping[str, Any], level: int = 1, tools: Sequence[str] = (), **changes: Any
) -> dict[str, Any]:
    """Register a scripted agent."""
    draft = agent_draft(*turns, level=level, tools=tools, **changes)
    agent: dict[str, Any] = person.send("POST", "/agents", 201, json=draft)
    return agent


def graph(nodes: Mapping[str, Any], *edges: Sequence[str], entry: Any = None, **changes: Any) -> dict[str, Any]:
    """Return a graph; without edges the nodes follow each other. An edge is (from, to) or (from, to, when)."""
    if not edges:
        edges = tuple(itertools.pairwise([*nodes, "END"]))
    keys = ("from", "to", "when")
    return {
        "entry_point": entry or next(iter(nodes)),
        "nodes": dict(nodes),
        "edges": [_otherwise(dict(zip(keys, edge, strict=False))) for edge in edges],
        **changes,
    }


def workflow_draft(definition: Mapping[str, Any], **changes: Any) -> dict[str, Any]:
    """Return a workflow."""
    return {"name": unique("workflow"), "graph_definition": dict(definition), **changes}


def workflow(person: Person, definition: Mapping[str, Any], **changes: Any) -> dict[str, Any]:
    """Store a workflow."""
    stored: dict[str, Any] = person.send("POST", "/workflows", 201, json=workflow_draft(definition, **changes))
    return stored


def call_node(tool: str, **arguments: Any) -> dict[str, Any]:
    """A node that calls a tool and keeps the result in ``result``."""
    return {"type": "tool", "tool": tool, "arguments": arguments, "output": "result"}


def approval_node(**changes: Any) -> dict[str, Any]:
    """A node that asks people."""
    return {"type": "approval", "action": "Go on?", **changes}


def set_node(**expressions: str) -> dict[str, Any]:
    """A node that computes."""
    return {"type": "transform", "set": expressions}


def trivial_graph() -> dict[str, Any]:
    """A graph that ends at once."""
    return graph({"only": set_node(answer="42")})


def _otherwise(edge: dict[str, Any]) -> dict[str, Any]:
    if edge.get("when") != "otherwise":
        return edge
    return {"from": edge["from"], "to": edge["to"], "otherwise": True}
