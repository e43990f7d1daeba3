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
"""

from aumos_agent_framework.core.domain.tools import ToolCallContext

__all__ = ["ToolCallContext", "ToolError"]


class ToolError(Exception):
    """The tool says no: its final answer, which the agent sees. Nothing happened, or what happened is undone."""
