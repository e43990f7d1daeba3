"""Is a draft a workflow? Everything that is wrong and doubtful, at once."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass

import rfc8785

from aumos_agent_framework.core.domain.workflows import ValidationReport, WorkflowDraft
from aumos_agent_framework.core.graph.checks import language, references as reference_checks, shape, structure
from aumos_agent_framework.core.graph.checks.findings import GRAPH, Catalog, Finding, Subject, error
from aumos_agent_framework.core.graph.expressions import MAX_DEPTH, too_deep
from aumos_agent_framework.core.graph.mermaid import mermaid
from aumos_agent_framework.core.graph.topology import topology

__all__ = ["Catalog", "References", "definition_hash", "references", "validate"]


@dataclass(frozen=True, slots=True)
class References:
    """What a draft names and the tenant should have."""

    agents: frozenset[str]
    tools: frozenset[str]


def references(draft: WorkflowDraft) -> References:
    """Return what the draft names, as far as it can be read; never raises."""
    nodes = draft.graph_definition.get("nodes")
    tools: set[str] = set()
    for node in nodes.values() if isinstance(nodes, dict) else ():
        tool = node.get("tool") if isinstance(node, dict) else None
        if isinstance(tool, str):
            tools.add(tool)
    return References(frozenset(draft.agents.values()), frozenset(tools))


def validate(draft: WorkflowDraft, catalog: Catalog) -> ValidationReport:
    """Check a draft against the language and against what the tenant has."""
    if too_deep(draft.graph_definition):
        message = f"The definition is nested deeper than {MAX_DEPTH} levels."
        return _report([error(GRAPH, "nested_too_deep", message)], None)
    graph, findings = shape.parse_graph(draft.graph_definition)
    findings.extend(shape.check_gates(draft.hitl_gates))
    findings.extend(shape.check_limits(draft.limits))
    findings.extend(language.check_gate_conditions(draft.hitl_gates))
    findings.extend(_check_numbers(draft))
    if graph is None:
        return _report(findings, None)
    findings.extend(shape.check_names(graph))
    findings.extend(shape.check_state(graph))
    findings.extend(shape.check_output_schemas(graph))
    broken_edges = list(structure.check_edges(graph))
    findings.extend(broken_edges)
    subject = Subject(draft, graph, topology(graph), catalog)
    findings.extend(_check_meaning(subject))
    if broken_edges:
        return _report(findings, None)
    findings.extend(structure.check_flow(subject))
    return _report(findings, mermaid(graph, subject.topology))


def definition_hash(draft: WorkflowDraft) -> str:
    """Return SHA-256 (hex) over the canonical JSON of everything that decides how a run behaves.

    Name and description do not. Equal content has an equal hash in every tenant.
    """
    content = {
        "graph_definition": draft.graph_definition,
        "agents": dict(draft.agents),
        "hitl_gates": dict(draft.hitl_gates),
        "circuit_breaker_config": draft.circuit_breaker_config,
        "limits": draft.limits,
        "run_as": str(draft.run_as),
        "privilege_cap": None if draft.privilege_cap is None else int(draft.privilege_cap),
    }
    return hashlib.sha256(rfc8785.dumps(content)).hexdigest()


def _check_meaning(subject: Subject) -> Iterator[Finding]:
    yield from language.check_conditions(subject)
    yield from language.check_nodes(subject)
    yield from language.check_output_keys(subject)
    yield from reference_checks.check_agents(subject)
    yield from reference_checks.check_tools(subject)
    yield from reference_checks.check_gates(subject)
    yield from reference_checks.check_authority(subject)
    yield from reference_checks.check_breakers(subject)


def _check_numbers(draft: WorkflowDraft) -> Iterator[Finding]:
    """Numbers that canonical JSON (RFC 8785) cannot hold would change on their way."""
    try:
        definition_hash(draft)
    except (rfc8785.CanonicalizationError, RecursionError) as fault:
        yield error(GRAPH, "number_out_of_range", f"Not every value survives canonical JSON: {fault}.")


def _report(findings: list[Finding], picture: str | None) -> ValidationReport:
    errors = tuple(finding.problem for finding in findings if not finding.warning)
    warnings = tuple(finding.problem for finding in findings if finding.warning)
    return ValidationReport(errors, warnings, None if errors else picture)
