"""An approver's changes to the arguments of a tool call. Pure."""

from dataclasses import replace

from aumos_agent_framework.core.domain.hitl import HitlKind, HitlRequest
from aumos_agent_framework.core.domain.identity import Caller
from aumos_agent_framework.core.domain.tools import Tool, ToolStatus
from aumos_agent_framework.core.errors import ConflictError, InvalidInputError, Problem
from aumos_agent_framework.core.graph.json_schema import violations
from aumos_agent_framework.core.services.approvals import approvers
from aumos_agent_framework.core.services.digest import request_digest
from aumos_agent_framework.core.services.payloads import check, document_problems
from aumos_agent_framework.core.types import JsonObject

ORIGINAL_ARGUMENTS = "original_arguments"
EDITED_BY = "edited_by"


def check_tool_unchanged(request: HitlRequest, tool: Tool | None) -> None:
    """Refuse an approval that would be worth nothing: the door will not call a tool that changed since the question.

    Raises:
        ConflictError: ``tool_changed``.
    """
    if request.kind is not HitlKind.TOOL_CALL:
        return
    if tool is None or tool.status is not ToolStatus.ACTIVE or tool.version != request.tool_version:
        message = (
            f"The tool {request.tool} was changed or disabled since this was asked. Reject it; it may be asked anew."
        )
        raise ConflictError("tool_changed", message)


def check_seen(request: HitlRequest, caller: Caller, digest: str | None) -> None:
    """Refuse an approval of something else than the approver has seen.

    Whoever names no digest approves what was asked at first; once another person has edited that, nobody can tell
    which of the two was seen.

    Raises:
        ConflictError: ``digest_mismatch`` or ``digest_required``; the message has the present digest.
    """
    if digest is None and request.context_data.get(EDITED_BY, caller.subject) != caller.subject:
        message = f"The arguments were edited. Look at them, and send the digest you saw; it is now {request.digest}."
        raise ConflictError("digest_required", message)
    if digest not in (None, request.digest):
        message = f"The request has changed since you saw it; its digest is now {request.digest}."
        raise ConflictError("digest_mismatch", message)


def edited(request: HitlRequest, tool: Tool | None, arguments: JsonObject, editor: str) -> HitlRequest:
    """Return the request with other arguments and their digest; what was asked first stays in its context.

    Raises:
        ConflictError: ``not_editable`` (not a tool call) or ``already_approved``: nobody changes what another person
            has put their name to.
        InvalidInputError: the arguments do not fit the tool, or have no exact form; pointers under ``/arguments``.
    """
    if tool is None or request.kind is not HitlKind.TOOL_CALL:
        raise ConflictError("not_editable", "Only a tool call has arguments to edit.")
    if approvers(request):
        raise ConflictError("already_approved", "Someone has approved these arguments; they cannot be edited any more.")
    check(document_problems(arguments, "/arguments"), "The arguments cannot be stored.")
    misfits = [
        Problem(f"/arguments{pointer}", message, "arguments_misfit")
        for pointer, message in violations(tool.input_schema, arguments)
    ]
    if misfits:
        raise InvalidInputError(f"The arguments do not fit the tool {tool.name}.", misfits)
    context = {**request.context_data, ORIGINAL_ARGUMENTS: request.arguments, EDITED_BY: editor}
    changed = replace(request, arguments=arguments, context_data=context)
    return replace(changed, digest=request_digest(changed))
