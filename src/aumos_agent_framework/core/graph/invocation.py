"""The definition behind an agent's direct run."""

from aumos_agent_framework.core.types import JsonObject

NODE = "agent"


def single_agent_definition() -> JsonObject:
    """Return the graph that runs one agent once: the whole input is its message, ``output`` its answer."""
    return {
        "entry_point": NODE,
        "nodes": {NODE: {"type": "agent", "input": "${{ input }}", "output": "output"}},
        "edges": [{"from": NODE, "to": "END"}],
    }
