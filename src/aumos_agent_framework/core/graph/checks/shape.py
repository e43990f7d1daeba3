"""Does the JSON have the shape of the language? Pydantic's errors, told with JSON pointers."""

from collections.abc import Iterator, Mapping, Sequence

from pydantic import BaseModel, ValidationError

from aumos_agent_framework.core.graph.checks.findings import GRAPH, Finding, error
from aumos_agent_framework.core.graph.expressions import escape_pointer
from aumos_agent_framework.core.graph.json_schema import check_schema, violations
from aumos_agent_framework.core.graph.schema import END, START, AgentNode, GateSpec, GraphDefinition, Limits
from aumos_agent_framework.core.graph.state import REDUCER_KEYWORD, first_value_fault, reducer_of
from aumos_agent_framework.core.types import JsonMapping, JsonObject

_NODE_TYPES = frozenset({"agent", "tool", "approval", "transform"})
_HINTS = {
    "extra_forbidden": "Remove the field or look it up in the JSON Schema at /api/v1/schemas/workflow.",
    "union_tag_invalid": "Node types of this version: agent, tool, approval, transform.",
    "union_tag_not_found": "Say the node's type: agent, tool, approval or transform.",
}


def parse_graph(definition: JsonObject) -> tuple[GraphDefinition | None, list[Finding]]:
    """Parse the graph; without one there are findings."""
    try:
        return GraphDefinition.model_validate(definition), []
    except ValidationError as fault:
        return None, list(_findings(fault, GRAPH, definition))


def check_gates(gates: Mapping[str, JsonObject]) -> Iterator[Finding]:
    """Check the shape of every gate."""
    for node, spec in gates.items():
        yield from _model_findings(GateSpec, spec, f"/hitl_gates/{escape_pointer(node)}")


def check_limits(limits: JsonObject) -> Iterator[Finding]:
    """Check the shape of the limits."""
    yield from _model_findings(Limits, limits, "/limits")


def check_state(graph: GraphDefinition) -> Iterator[Finding]:
    """Check that the state's schema is one, and that its reducers exist."""
    try:
        check_schema(graph.state)
    except ValueError as fault:
        yield error(f"{GRAPH}/state", "schema_invalid", f"The state is no JSON Schema: {fault}")
        return
    if graph.state.get("type", "object") != "object":
        yield error(f"{GRAPH}/state/type", "schema_invalid", "The state is an object.")
    yield from _check_properties(graph.state.get("properties", {}))
    yield from _check_defaults(graph.state)


def _check_properties(properties: JsonMapping) -> Iterator[Finding]:
    for key, schema in properties.items():
        pointer = f"{GRAPH}/state/properties/{escape_pointer(key)}"
        if not key.isidentifier():
            yield error(pointer, "state_key_invalid", f"{key!r} is no name that an expression can use.")
        try:
            reducer_of(schema)
        except ValueError as fault:
            yield error(f"{pointer}/{REDUCER_KEYWORD}", "unknown_reducer", f"{fault}.")
            continue
        if isinstance(schema, Mapping) and "default" in schema:
            fits_not = first_value_fault(schema, schema["default"])
            if fits_not is not None:
                yield error(f"{pointer}/default", "default_misfit", f"{fits_not}.")


def _check_defaults(state: JsonMapping) -> Iterator[Finding]:
    """Check that defaults fit their own schemas: a run would start with them and its input be blamed."""
    properties: JsonMapping = state.get("properties", {})
    defaults = {
        key: schema["default"]
        for key, schema in properties.items()
        if isinstance(schema, Mapping) and "default" in schema
    }
    for place, message in violations({**state, "required": []}, defaults):
        key, _, rest = place.removeprefix("/").partition("/")
        if place:  # what the whole state lacks, the input brings
            inner = f"/{rest}" if rest else ""
            pointer = f"{GRAPH}/state/properties/{key}/default{inner}"
            yield error(pointer, "default_misfit", f"The default does not fit its schema: {message}.")


def check_output_schemas(graph: GraphDefinition) -> Iterator[Finding]:
    """Check the schemas that agents' answers must fit."""
    for name, node in graph.nodes.items():
        if isinstance(node, AgentNode) and node.output_schema is not None:
            try:
                check_schema(node.output_schema)
            except ValueError as fault:
                pointer = f"{GRAPH}/nodes/{escape_pointer(name)}/output_schema"
                yield error(pointer, "schema_invalid", f"No JSON Schema: {fault}")


def check_names(graph: GraphDefinition) -> Iterator[Finding]:
    """Check that no node takes a name that means something else."""
    for name in graph.nodes:
        if name in {START, END}:
            pointer = f"{GRAPH}/nodes/{name}"
            yield error(pointer, "reserved_name", f"{name} is the name of the graph's own {name.lower()}.")


def _model_findings(model: type[BaseModel], value: object, prefix: str) -> Iterator[Finding]:
    try:
        model.model_validate(value)
    except ValidationError as fault:
        yield from _findings(fault, prefix, value)


def _findings(fault: ValidationError, prefix: str, document: object) -> Iterator[Finding]:
    for item in fault.errors(include_url=False, include_input=False):
        place = _pointer(item["loc"], document, missing=item["type"] == "missing")
        yield error(prefix + place, f"shape_{item['type']}", _message(item["msg"]), _HINTS.get(item["type"]))


def _pointer(location: Sequence[str | int], document: object, *, missing: bool) -> str:
    """Point into the document: a location also names union members, node types and Pydantic's mark for a bad key."""
    parts = list(location)
    if parts[:1] == ["nodes"] and parts[2:3] and parts[2] in _NODE_TYPES:
        del parts[2]
    pointer, here = "", document
    for index, part in enumerate(parts):
        if _has(here, part):
            here = here[part]  # type: ignore[index]  # _has has looked
        elif not (missing and index == len(parts) - 1):
            continue
        pointer += f"/{escape_pointer(str(part))}"
    return pointer


def _has(container: object, part: str | int) -> bool:
    if isinstance(container, Mapping):
        return part in container
    return isinstance(container, list) and isinstance(part, int) and part < len(container)


def _message(text: str) -> str:
    text = text.removeprefix("Value error, ")
    return f"{text[:1].upper()}{text[1:]}."
