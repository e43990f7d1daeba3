"""For authors of Python tools.

A tool is a function, sync or async, that a distribution lists under the entry-point group ``aumos.tools``. Its
annotations are its schema; a parameter annotated ``ToolCallContext`` receives the context of the call and is not part
of the schema::

    def refund(order: str, cents: Annotated[int, Field(gt=0)], call: ToolCallContext) -> Receipt:
        '''Pay back a part of an order.'''
        ...

Raise ``ToolError`` to say no. ``TimeoutError`` and ``ConnectionError``, and a call that does not return in time, leave
open whether the effect happened: such a call is repeated if the tool is registered as idempotent, else a person is
asked. Any other exception is a defect: the agent sees it, nothing is repeated.

Who registers a function says which level its calls need. A function that may never be called below some level says so
itself::

    @needs_level(3)
    def refund(...): ...
"""

from collections.abc import Callable
from typing import Any, TypeVar

from aumos_agent_framework.core.domain.tools import ToolCallContext
from aumos_agent_framework.core.types import PrivilegeLevel

__all__ = ["ToolCallContext", "ToolError", "level_needed", "needs_level"]

Function = TypeVar("Function", bound=Callable[..., Any])
_LEVEL = "__aumos_needs_level__"  # in the function's __dict__, so that functools.wraps carries it over


class ToolError(Exception):
    """The tool says no: its final answer, which the agent sees. Nothing happened, or what happened is undone."""


def needs_level(level: int) -> Callable[[Function], Function]:
    """Declare the lowest level (1 to 5) that a function may be registered with, under whatever name.

    A tool below it is refused at registration, and not called if it was registered before the function said so.

    Raises:
        ValueError: there is no such level.
    """
    needed = PrivilegeLevel(level)

    def declare(function: Function) -> Function:
        setattr(function, _LEVEL, needed)
        return function

    return declare


def level_needed(function: object) -> PrivilegeLevel:
    """Return the lowest level that a function may be registered with; 1 if it does not say."""
    return PrivilegeLevel(getattr(function, _LEVEL, PrivilegeLevel.READ_ONLY))
