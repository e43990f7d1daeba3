"""What the API needs of the composition root."""

from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from typing import Protocol

from aumos_agent_framework.core.interfaces.token_verifier import TokenVerifier
from aumos_agent_framework.core.services.agents import AgentService
from aumos_agent_framework.core.services.executions import ExecutionService
from aumos_agent_framework.core.services.hitl import HitlService
from aumos_agent_framework.core.services.tools import ToolService
from aumos_agent_framework.core.services.workflows import WorkflowService

Probe = Callable[[], Awaitable[None]]
"""Asks one dependency whether it answers; raises anything if it does not."""


class ApiServices(Protocol):
    """The services behind the routes; ``health`` holds one probe per dependency, by its name."""

    @property
    def workflows(self) -> WorkflowService: ...

    @property
    def agents(self) -> AgentService: ...

    @property
    def tools(self) -> ToolService: ...

    @property
    def executions(self) -> ExecutionService: ...

    @property
    def hitl(self) -> HitlService: ...

    @property
    def verifier(self) -> TokenVerifier: ...

    @property
    def health(self) -> Mapping[str, Probe]: ...


ServicesOpener = Callable[[], AbstractAsyncContextManager[ApiServices]]
"""Opens the services for the life of the process and closes them after it."""
