"""Do expressions and templates parse, and do they use only names that exist?"""

from collections.abc import Iterator, Mapping

from aumos_agent_framework.core.graph.checks.findings import GRAPH, Finding, Subject, error, node_pointer, warning
from aumos_agent_framework.core.graph.expressions import (
    FUNCTIONS,
    Expression,
    ExpressionError,
    escape_pointer,
    template_expressions,
)
from aumos_agent_framework.core.graph.schema import AgentNode, ApprovalNode, Node, ToolNode, TransformNode
from aumos_agent_framework.core.types import JsonObject, JsonValue

NAMES = frozenset({"state", "input", "execution"})
"""What an expression of a definition may speak of."""


def check_conditions(subject: Subject) -> Iterator[Finding]:
    """Check the conditions of edges."""
    for index, edge in enumerate(subject.graph.edges):
        if edge.when is not None:
            yield from _check_source(edge.when, f"{GRAPH}/edges/{index}/when")


def check_gate_conditions(gates: Mapping[str, JsonObject]) -> Iterator[Finding]:
    """Check the conditions of gates."""
    for node, gate in gates.items():
        condition = gate.get("condition")
        if isinstance(condition, str):
            yield from _check_source(condition, f"/hitl_gates/{escape_pointer(node)}/condition")


def check_nodes(subject: Subject) -> Iterator[Finding]:
    """Check the expressions inside nodes."""
    for name, node in subject.graph.nodes.items():
        if isinstance(node, TransformNode):
            for key, source in node.set.items():
                yield from _check_source(source, node_pointer(name, "set", key))
        for part, value in templates(node):
            yield from _check_template(value, node_pointer(name, part))


def templates(node: Node) -> Iterator[tuple[str, JsonValue]]:
    """Yield the fields of a node that are templates."""
    if isinstance(node, AgentNode):
        yield from (("prompt", node.prompt), ("input", node.input))
    elif isinstance(node, ToolNode):
        yield "arguments", node.arguments
    elif isinstance(node, ApprovalNode):
        yield from (("action", node.action), ("context", node.context))


def check_output_keys(subject: Subject) -> Iterator[Finding]:
    """Warn of nodes that write what the state does not declare: most likely a slip."""
    properties = subject.graph.state.get("properties", {})
    if not isinstance(properties, dict) or not properties:
        return
    closed = subject.graph.state.get("additionalProperties", True) is False
    for name, node in subject.graph.nodes.items():
        for key, pointer in _written(name, node):
            if key not in properties:
                say = error if closed else warning
                yield say(pointer, "undeclared_state", f"The state declares no {key!r}.", "Add it to state.properties.")


def _written(name: str, node: Node) -> Iterator[tuple[str, str]]:
    if isinstance(node, TransformNode):
        yield from ((key, node_pointer(name, "set", key)) for key in node.set)
    elif node.output is not None:
        yield node.output, node_pointer(name, "output")


def _check_source(source: str, pointer: str) -> Iterator[Finding]:
    if source.strip().startswith("${{"):
        hint = "Write the expression bare, without ${{ }}."
        yield error(pointer, "expression_syntax", "This field is an expression already.", hint)
        return
    try:
        expression = Expression(source)
    except ExpressionError as fault:
        yield error(pointer, fault.code, f"{fault.message}.")
        return
    yield from _check_names(expression, pointer)


def _check_template(value: JsonValue, prefix: str) -> Iterator[Finding]:
    for pointer, part in template_expressions(value):
        if isinstance(part, ExpressionError):
            yield error(prefix + pointer, part.code, f"{part.message}.")
        else:
            yield from _check_names(part, prefix + pointer)


def _check_names(expression: Expression, pointer: str) -> Iterator[Finding]:
    for name in sorted(expression.unknown_names(NAMES)):
        hint = f"Expressions know {', '.join(sorted(NAMES))}; text needs quotes: \"'{name}'\"."
        yield error(pointer, "unknown_name", f"There is no {name!r} in `{expression.source[:120]}`.", hint)
    for name in sorted(expression.unknown_functions()):
        hint = f"Expressions know {', '.join(sorted(FUNCTIONS))}."
        message = f"There is no function {name!r} in `{expression.source[:120]}`."
        yield error(pointer, "unknown_name", message, hint)
