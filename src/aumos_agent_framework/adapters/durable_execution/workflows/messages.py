"""What workflow and activities say to each other beyond the domain's own values."""

from dataclasses import dataclass

from aumos_agent_framework.core.domain.executions import RunEnd, StepRecord
from aumos_agent_framework.core.types import ExecutionId, HitlRequestId, TenantId


@dataclass(frozen=True, slots=True)
class RunRef:
    """Which run."""

    tenant_id: TenantId
    execution_id: ExecutionId


@dataclass(frozen=True, slots=True)
class RequestRef:
    """Which HITL request."""

    tenant_id: TenantId
    request_id: HitlRequestId


@dataclass(frozen=True, slots=True)
class RequestRefs:
    """Some HITL requests."""

    tenant_id: TenantId
    request_ids: tuple[HitlRequestId, ...]


@dataclass(frozen=True, slots=True)
class SaveSteps:
    """Steps to store."""

    run: RunRef
    steps: tuple[StepRecord, ...]


@dataclass(frozen=True, slots=True)
class FinishRun:
    """How a run ended, with the steps that are not stored yet."""

    run: RunRef
    end: RunEnd
    steps: tuple[StepRecord, ...]
