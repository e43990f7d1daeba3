"""What callers may do. Every authenticated caller may read and run; these rules bound the rest."""

from aumos_agent_framework.core.domain.agents import Agent
from aumos_agent_framework.core.domain.executions import Execution
from aumos_agent_framework.core.domain.identity import Caller
from aumos_agent_framework.core.domain.tools import Tool
from aumos_agent_framework.core.errors import ForbiddenError
from aumos_agent_framework.core.types import PrivilegeLevel

AUTHOR_FROM = PrivilegeLevel.EXECUTE_SAFE
MANAGE_FROM = PrivilegeLevel.ADMIN


def check_level(caller: Caller, needed: PrivilegeLevel, action: str) -> None:
    """Refuse a caller below a level; ``action`` completes "Level 4 is needed to ...".

    Raises:
        ForbiddenError: ``level_too_low``.
    """
    if caller.level < needed:
        message = f"Level {needed} is needed to {action}; {caller.subject} has level {caller.level}."
        raise ForbiddenError("level_too_low", message)


def check_may_author(caller: Caller, noun: str) -> None:
    """Creating and changing workflows, agents and tools needs level 2."""
    check_level(caller, AUTHOR_FROM, f"create or change {noun}")


def check_may_undercut(caller: Caller, level: PrivilegeLevel, fence: Tool) -> None:
    """Opening at a lower level what another tool guards needs, like lowering that tool, the other tool's level."""
    if level < fence.min_privilege_level:
        what = f"{fence.name} guards at level {fence.min_privilege_level}"
        check_level(caller, fence.min_privilege_level, f"have a tool of level {level} do what {what}")


def check_may_assign_owner(caller: Caller, owner: str) -> None:
    """Owners do not approve their agents' calls, so only administrators may name someone else."""
    if owner != caller.subject:
        check_level(caller, MANAGE_FROM, f"make {owner} the owner of an agent")


def check_may_suspend(caller: Caller, agent: Agent) -> None:
    """Stopping an agent needs level 4 or being its owner."""
    if caller.subject != agent.owner:
        check_level(caller, MANAGE_FROM, f"suspend or resume an agent of {agent.owner}")


def check_may_resume(caller: Caller, agent: Agent) -> None:
    """Letting an agent act again needs, beyond the right to stop it, the agent's own level."""
    check_may_suspend(caller, agent)
    check_level(caller, agent.privilege_level, f"resume an agent of level {agent.privilege_level}")


def check_may_cancel(caller: Caller, execution: Execution) -> None:
    """Stopping a run needs level 2 or having started it."""
    if caller.subject != execution.initiated_by:
        check_level(caller, AUTHOR_FROM, f"cancel a run of {execution.initiated_by}")
