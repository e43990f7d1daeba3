"""The worker that runs executions. Apart from the client: only a worker needs LangGraph."""

from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

from temporalio.client import Client
from temporalio.worker import Worker
from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner, SandboxRestrictions

from aumos_agent_framework.adapters.durable_execution.workflows.agent_workflow import AgentWorkflow

_PASSED_THROUGH = (
    "aumos_agent_framework.adapters.durable_execution.names",
    "aumos_agent_framework.adapters.workflow_engine",
    "aumos_agent_framework.core",
    "cel",
    "jsonschema_rs",
    "langchain_core",
    "langgraph",
    "langsmith",
    "orjson",
    "ormsgpack",
    "pydantic",
    "pydantic_core",
    "xxhash",
)
"""Modules that need no fresh import for every run: they keep no state that one run could leave to another."""
_CACHED_WORKFLOWS = 1_000
_GRACE = timedelta(seconds=3)


def create_worker(client: Client, task_queue: str, activities: Sequence[Callable[..., Any]]) -> Worker:
    """Create a worker for runs."""
    return Worker(
        client,
        task_queue=task_queue,
        workflows=[AgentWorkflow],
        activities=activities,
        workflow_runner=workflow_runner(),
        max_cached_workflows=_CACHED_WORKFLOWS,
        graceful_shutdown_timeout=_GRACE,
    )


def workflow_runner() -> SandboxedWorkflowRunner:
    """Return the sandbox that runs workflow code; a replay of a stored history needs the same one."""
    return SandboxedWorkflowRunner(restrictions=SandboxRestrictions.default.with_passthrough_modules(*_PASSED_THROUGH))
