"""From drafts of workflows to versions of them, and back. Pure."""

from collections.abc import Iterable, Iterator
from datetime import datetime

from aumos_agent_framework.core.domain.identity import Caller
from aumos_agent_framework.core.domain.workflows import RunAs, Workflow, WorkflowDraft
from aumos_agent_framework.core.errors import Problem
from aumos_agent_framework.core.graph.validation import definition_hash
from aumos_agent_framework.core.services.caller_rights import check_level
from aumos_agent_framework.core.services.payloads import document_problems, name_problems, text_problems
from aumos_agent_framework.core.types import WorkflowId


def storage_problems(draft: WorkflowDraft) -> Iterator[Problem]:
    """Say what keeps a draft from being stored, whatever it means."""
    yield from name_problems(draft.name, "/name")
    yield from text_problems(draft.description, "/description")
    documents = {
        "/graph_definition": draft.graph_definition,
        "/agents": dict(draft.agents),
        "/hitl_gates": dict(draft.hitl_gates),
        "/circuit_breaker_config": draft.circuit_breaker_config,
        "/limits": draft.limits,
    }
    for pointer, document in documents.items():
        yield from document_problems(document, pointer)


def check_may_publish(caller: Caller, draft: WorkflowDraft) -> None:
    """A workflow that runs as itself lends its cap to everyone who may start it: its publisher must hold that level.

    Raises:
        ForbiddenError: ``level_too_low``.
    """
    if draft.run_as is RunAs.WORKFLOW and draft.privilege_cap is not None:
        cap = draft.privilege_cap
        check_level(caller, cap, f"publish a workflow that runs as itself up to level {cap}")


def version_of(
    draft: WorkflowDraft,
    *,
    workflow_id: WorkflowId,
    version: int,
    publisher: Caller,
    created_at: datetime,
    now: datetime,
) -> Workflow:
    """Return the draft as one version of a workflow."""
    return Workflow(
        id=workflow_id,
        tenant_id=publisher.tenant_id,
        name=draft.name,
        description=draft.description,
        version=version,
        definition_hash=definition_hash(draft),
        graph_definition=draft.graph_definition,
        agents=draft.agents,
        hitl_gates=draft.hitl_gates,
        circuit_breaker_config=draft.circuit_breaker_config,
        limits=draft.limits,
        run_as=draft.run_as,
        privilege_cap=draft.privilege_cap,
        created_by=publisher.subject,
        created_at=created_at,
        updated_at=now,
    )


def draft_of(workflow: Workflow) -> WorkflowDraft:
    """Return what the version was made of."""
    return WorkflowDraft(
        name=workflow.name,
        graph_definition=workflow.graph_definition,
        description=workflow.description,
        agents=workflow.agents,
        hitl_gates=workflow.hitl_gates,
        circuit_breaker_config=workflow.circuit_breaker_config,
        limits=workflow.limits,
        run_as=workflow.run_as,
        privilege_cap=workflow.privilege_cap,
    )


def joined(*groups: Iterable[Problem]) -> tuple[Problem, ...]:
    """Return all problems in order, each once."""
    return tuple(dict.fromkeys(problem for group in groups for problem in group))
