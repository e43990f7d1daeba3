"""The ``agf_`` tables as typed SQLAlchemy models, one file per noun. Importing this package completes the metadata."""

from aumos_agent_framework.core.models.agents import AgentRow
from aumos_agent_framework.core.models.base import Base
from aumos_agent_framework.core.models.effects import EffectRow
from aumos_agent_framework.core.models.executions import ExecutionRow, ExecutionStepRow
from aumos_agent_framework.core.models.hitl import HitlDecisionRow, HitlRequestRow
from aumos_agent_framework.core.models.idempotency import IdempotencyKeyRow
from aumos_agent_framework.core.models.outbox import OutboxRow
from aumos_agent_framework.core.models.tenants import TenantRow
from aumos_agent_framework.core.models.tools import ToolRow
from aumos_agent_framework.core.models.workflows import WorkflowRow, WorkflowVersionRow

__all__ = [
    "AgentRow",
    "Base",
    "EffectRow",
    "ExecutionRow",
    "ExecutionStepRow",
    "HitlDecisionRow",
    "HitlRequestRow",
    "IdempotencyKeyRow",
    "OutboxRow",
    "TenantRow",
    "ToolRow",
    "WorkflowRow",
    "WorkflowVersionRow",
]
