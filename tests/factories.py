"""Domain values for tests: every field has a sensible default, every keyword replaces one.

Ids and names are new on each call, so that two values never collide in a shared database. Times are fixed.
Overrides go through ``dataclasses.replace``: a misspelt field is an error.
"""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from aumos_agent_framework.adapters.clock import UuidV7
from aumos_agent_framework.core.domain.agents import (
    Agent,
    AgentDraft,
    AgentStatus,
    ResourceLimits,
    ToolGrant,
)
from aumos_agent_framework.core.domain.effects import ActCommand, Effect, EffectStatus
from aumos_agent_framework.core.domain.executions import (
    AgentBinding,
    Execution,
    ExecutionStatus,
    Governance,
    RunEnd,
    RunPlan,
    StepRecord,
    StepStatus,
    Usage,
)
from aumos_agent_framework.core.domain.hitl import (
    Decision,
    Gate,
    HitlKind,
    HitlRequest,
    HitlStatus,
    OpenGateCommand,
    Settlement,
    Verdict,
)
from aumos_agent_framework.core.domain.idempotency import IdempotencyKey
from aumos_agent_framework.core.domain.identity import Caller
from aumos_agent_framework.core.domain.outbox import OutboxKind, OutboxMessage
from aumos_agent_framework.core.domain.tools import (
    Tool,
    ToolDraft,
    ToolIdempotency,
    ToolSpec,
    ToolStatus,
)
from aumos_agent_framework.core.domain.workflows import RunAs, Workflow, WorkflowDraft
from aumos_agent_framework.core.types import (
    AgentId,
    EffectId,
    ExecutionId,
    HitlRequestId,
    JsonObject,
    OutboxId,
    PrivilegeLevel,
    TenantId,
    WorkflowId,
)

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
"""The time at which everything here was made."""

TENANT = TenantId(UUID("11111111-1111-7111-8111-111111111111"))
OTHER_TENANT = TenantId(UUID("22222222-2222-7222-8222-222222222222"))
SOME_HASH = "a" * 64
_IDS = UuidV7()


def new_id() -> UUID:
    """Return a new id; later ids sort after earlier ones."""
    return _IDS.new()


def new_tenant_id() -> TenantId:
    """Return a tenant that nobody else uses."""
    return TenantId(new_id())


def unique(prefix: str) -> str:
    """Return a name that nobody else uses."""
    return f"{prefix}-{new_id().hex[-12:]}"


def make_caller(**overrides: Any) -> Caller:
    """Return a developer (level 2) of ``TENANT``."""
    caller = Caller(tenant_id=TENANT, subject="dev", level=PrivilegeLevel.EXECUTE_SAFE, roles=frozenset({"developer"}))
    return replace(caller, **overrides)


def make_agent_draft(**overrides: Any) -> AgentDraft:
    """Return a draft of a level-2 agent that may call ``lookup``."""
    draft = AgentDraft(
        name=unique("agent"),
        privilege_level=PrivilegeLevel.EXECUTE_SAFE,
        model={"name": "scripted"},
        instructions="Answer briefly.",
        description="An agent.",
        capabilities=("research",),
        tool_access={"lookup": ToolGrant()},
    )
    return replace(draft, **overrides)


def make_agent(**overrides: Any) -> Agent:
    """Return an active level-2 agent of ``TENANT``, version 1."""
    agent = Agent(
        id=AgentId(new_id()),
        tenant_id=TENANT,
        name=unique("agent"),
        description="An agent.",
        capabilities=("research", "writing"),
        privilege_level=PrivilegeLevel.EXECUTE_SAFE,
        tool_access={"lookup": ToolGrant(), "publish": ToolGrant(enabled=False, rate_limit=5)},
        resource_limits=ResourceLimits(max_steps=10, max_tokens=1000),
        model={"name": "scripted", "temperature": 0.5},
        instructions="Answer briefly.",
        owner="dev",
        status=AgentStatus.ACTIVE,
        version=1,
        created_by="dev",
        created_at=NOW,
        updated_at=NOW,
    )
    return replace(agent, **overrides)


def make_tool_draft(**overrides: Any) -> ToolDraft:
    """Return a draft of a level-1 HTTP tool."""
    draft = ToolDraft(
        name=unique("tool"),
        description="Looks something up.",
        min_privilege_level=PrivilegeLevel.READ_ONLY,
        input_schema={"type": "object", "properties": {"query": {"type": "string"}}, "required": ["query"]},
        config={"type": "http", "method": "GET", "url": "http://tools.test/lookup"},
    )
    return replace(draft, **overrides)


def make_tool(**overrides: Any) -> Tool:
    """Return an active level-1 HTTP tool of ``TENANT``, version 1."""
    tool = Tool(
        tenant_id=TENANT,
        name=unique("tool"),
        description="Looks something up.",
        min_privilege_level=PrivilegeLevel.READ_ONLY,
        input_schema={"type": "object", "properties": {"query": {"type": "string"}}, "required": ["query"]},
        output_schema=None,
        config={"type": "http", "method": "GET", "url": "http://tools.test/lookup"},
        idempotency=ToolIdempotency.IDEMPOTENT,
        status=ToolStatus.ACTIVE,
        version=1,
        created_by="dev",
        created_at=NOW,
        updated_at=NOW,
    )
    return replace(tool, **overrides)


def make_tool_spec(**overrides: Any) -> ToolSpec:
    """Return the pinned spec of a short tool called ``lookup``."""
    spec = ToolSpec(
        name="lookup",
        description="Looks something up.",
        input_schema={"type": "object", "properties": {"query": {"type": "string"}}},
        short=True,
    )
    return replace(spec, **overrides)


def make_graph_definition() -> JsonObject:
    """Return the smallest graph: one transform node."""
    return {
        "state": {"type": "object", "properties": {"n": {"type": "integer"}}},
        "entry_point": "count",
        "nodes": {"count": {"type": "transform", "set": {"n": "1"}}},
        "edges": [{"from": "count", "to": "END"}],
    }


def make_workflow_draft(**overrides: Any) -> WorkflowDraft:
    """Return a draft of a workflow with one transform node."""
    return replace(WorkflowDraft(name=unique("workflow"), graph_definition=make_graph_definition()), **overrides)


def make_workflow(**overrides: Any) -> Workflow:
    """Return version 1 of a workflow of ``TENANT``."""
    workflow = Workflow(
        id=WorkflowId(new_id()),
        tenant_id=TENANT,
        name=unique("workflow"),
        description="A workflow.",
        version=1,
        definition_hash=SOME_HASH,
        graph_definition=make_graph_definition(),
        agents={"write": "writer"},
        hitl_gates={"publish": {"when": "before", "approver_level": 3}},
        circuit_breaker_config={"failure_threshold": 5},
        limits={"max_steps": 50},
        run_as=RunAs.CALLER,
        privilege_cap=None,
        created_by="dev",
        created_at=NOW,
        updated_at=NOW,
    )
    return replace(workflow, **overrides)


def make_governance(**overrides: Any) -> Governance:
    """Return the authority of a level-2 caller's run."""
    governance = Governance(
        initiated_by="dev",
        caller_level=PrivilegeLevel.EXECUTE_SAFE,
        run_as=RunAs.CALLER,
        privilege_cap=None,
        max_steps=100,
    )
    return replace(governance, **overrides)


def make_binding(**overrides: Any) -> AgentBinding:
    """Return a binding to an agent called ``writer``."""
    binding = AgentBinding(
        agent_id=AgentId(new_id()),
        name="writer",
        version=1,
        instructions="Answer briefly.",
        model={"name": "scripted"},
        tools=(make_tool_spec(),),
        limits=ResourceLimits(),
    )
    return replace(binding, **overrides)


def make_execution(**overrides: Any) -> Execution:
    """Return a pending invocation of ``TENANT`` (no workflow: set ``workflow_id`` and ``workflow_version`` for one)."""
    execution_id = ExecutionId(new_id())
    execution = Execution(
        id=execution_id,
        tenant_id=TENANT,
        workflow_id=None,
        workflow_version=None,
        definition_hash=SOME_HASH,
        agent_id=None,
        status=ExecutionStatus.PENDING,
        current_nodes=(),
        input_data={"question": "why?"},
        output_data=None,
        error=None,
        session_id=None,
        initiated_by="dev",
        temporal_workflow_id=f"agf-{execution_id}",
        usage=Usage(),
        cancel_requested=False,
        created_at=NOW,
        updated_at=NOW,
    )
    return replace(execution, **overrides)


def make_plan(execution: Execution | None = None, **overrides: Any) -> RunPlan:
    """Return the plan of an execution (a new one if none is given)."""
    of = execution or make_execution()
    plan = RunPlan(
        tenant_id=of.tenant_id,
        execution_id=of.id,
        workflow_id=of.workflow_id,
        workflow_name="one-node",
        workflow_version=of.workflow_version,
        definition_hash=of.definition_hash,
        definition=make_graph_definition(),
        bindings={"write": make_binding()},
        tools={"lookup": make_tool_spec()},
        gates={"publish": {"when": "before", "approver_level": 3}},
        governance=make_governance(initiated_by=of.initiated_by),
        input_data=of.input_data,
        session_id=of.session_id,
    )
    return replace(plan, **overrides)


def make_run_end(**overrides: Any) -> RunEnd:
    """Return a completed end."""
    end = RunEnd(
        status=ExecutionStatus.COMPLETED,
        output_data={"answer": 42},
        error=None,
        usage=Usage(prompt_tokens=10, completion_tokens=5, model_calls=1),
    )
    return replace(end, **overrides)


def make_step(**overrides: Any) -> StepRecord:
    """Return a completed transform step, number 1."""
    step = StepRecord(
        seq=1,
        node="count",
        kind="transform",
        status=StepStatus.COMPLETED,
        started_at=NOW,
        ended_at=NOW + timedelta(milliseconds=5),
        output={"n": 1},
    )
    return replace(step, **overrides)


def make_gate(**overrides: Any) -> Gate:
    """Return a gate before a node: one approver of level 3."""
    gate = Gate(
        name="publish",
        before=True,
        condition=None,
        approver_level=PrivilegeLevel.EXECUTE_RISKY,
        approver_roles=(),
        quorum=1,
        timeout=timedelta(hours=24),
    )
    return replace(gate, **overrides)


def make_open_gate_command(**overrides: Any) -> OpenGateCommand:
    """Return a run's arrival at ``make_gate()``."""
    command = OpenGateCommand(
        tenant_id=TENANT,
        execution_id=ExecutionId(new_id()),
        workflow_id=None,
        node="publish",
        call_id="publish:1:before",
        gate=make_gate(),
        initiated_by="dev",
        agent_id=None,
        context_data={"state": {"n": 1}},
        current_nodes=("publish",),
    )
    return replace(command, **overrides)


def make_request(**overrides: Any) -> HitlRequest:
    """Return a pending request about a level-3 tool call; deadline 24 hours after ``NOW``."""
    request = HitlRequest(
        id=HitlRequestId(new_id()),
        tenant_id=TENANT,
        execution_id=ExecutionId(new_id()),
        workflow_id=None,
        call_id=unique("call"),
        gate_name="publish",
        kind=HitlKind.TOOL_CALL,
        node="write",
        agent_id=None,
        agent_owner="owner",
        tool="publish",
        tool_version=1,
        arguments={"path": "report.md"},
        action_description="Call publish",
        context_data={"node": "write"},
        initiated_by="dev",
        effective_level=PrivilegeLevel.EXECUTE_RISKY,
        required_level=PrivilegeLevel.EXECUTE_RISKY,
        approver_roles=(),
        quorum=1,
        digest=SOME_HASH,
        status=HitlStatus.PENDING,
        decisions=(),
        expires_at=NOW + timedelta(hours=24),
        created_at=NOW,
    )
    return replace(request, **overrides)


def make_decision(**overrides: Any) -> Decision:
    """Return an approval by ``approver``."""
    return replace(Decision(decided_by="approver", decision=Verdict.APPROVE, notes=None, decided_at=NOW), **overrides)


def make_settlement(**overrides: Any) -> Settlement:
    """Return an approval as a run hears of it."""
    settlement = Settlement(
        request_id=HitlRequestId(new_id()), status=HitlStatus.APPROVED, decided_by="approver", notes=None
    )
    return replace(settlement, **overrides)


def make_act_command(**overrides: Any) -> ActCommand:
    """Return a call of ``lookup`` by a tool node of ``TENANT``."""
    command = ActCommand(
        tenant_id=TENANT,
        execution_id=ExecutionId(new_id()),
        workflow_id=None,
        node="fetch",
        call_id=unique("call"),
        tool="lookup",
        arguments={"query": "x"},
        agent_id=None,
        governance=make_governance(),
    )
    return replace(command, **overrides)


def make_effect(**overrides: Any) -> Effect:
    """Return a reserved effect, first attempt."""
    effect = Effect(
        id=EffectId(new_id()),
        tenant_id=TENANT,
        execution_id=ExecutionId(new_id()),
        call_id=unique("call"),
        tool="lookup",
        tool_version=1,
        agent_id=None,
        arguments={"query": "x"},
        hitl_request_id=None,
        status=EffectStatus.RESERVED,
        attempts=1,
        result=None,
        message="",
        reserved_at=NOW,
        settled_at=None,
    )
    return replace(effect, **overrides)


def make_message(**overrides: Any) -> OutboxMessage:
    """Return a cancel message that is due at ``NOW``."""
    message = OutboxMessage(
        id=OutboxId(new_id()),
        tenant_id=TENANT,
        execution_id=ExecutionId(new_id()),
        kind=OutboxKind.CANCEL,
        payload={"reason": "because"},
        available_at=NOW,
    )
    return replace(message, **overrides)


def make_key(**overrides: Any) -> IdempotencyKey:
    """Return a client's key nobody has used."""
    key = IdempotencyKey(key=unique("key"), scope="POST /workflows dev", fingerprint="f" * 64)
    return replace(key, **overrides)
