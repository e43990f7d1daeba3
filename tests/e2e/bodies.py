"""Bodies for every operation that takes one."""

from typing import Any
from uuid import uuid4

from tests.e2e import authoring
from tests.e2e.contract import Operation

BODIES: dict[str, Any] = {
    "workflows_create": authoring.workflow_draft(authoring.trivial_graph()),
    "workflows_update": authoring.workflow_draft(authoring.trivial_graph()),
    "workflows_validate": authoring.workflow_draft(authoring.trivial_graph()),
    "workflows_cancel": {"execution_id": str(uuid4())},
    "agents_register": authoring.agent_draft(),
    "agents_update": {"description": "changed"},
    "agents_set_tools": {"tool_access": {}},
    "tools_register": authoring.tool_draft("http://127.0.0.1:9/nothing"),
    "tools_update": {"description": "changed"},
}
"""A body that is well-formed, for operations that do not take an empty one."""


def body_of(operation: Operation) -> dict[str, Any]:
    """Return options of a request that is well-formed."""
    return {"json": BODIES.get(operation.id, {})} if operation.takes_body else {}
