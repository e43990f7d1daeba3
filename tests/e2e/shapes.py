"""The shapes of the contract, written down by hand: what a client may rely on, field by field, and nothing else."""

import re
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

Check = Callable[[Any], bool]

_PLACE = re.compile(r"(/.*)?|\?\w+|\{\w+\}|[\w-]+:")
"""A JSON pointer into the body, or ``?parameter``, ``{place of the path}``, ``Header:``."""
_UTC_TIME = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d{1,6})?Z")


def is_text(value: object) -> bool:
    return isinstance(value, str)


def is_name(value: object) -> bool:
    return isinstance(value, str) and value != ""


def is_sentence(value: object) -> bool:
    """For people: no words of the library that found the fault."""
    return is_name(value) and "Value error" not in str(value)


def is_flag(value: object) -> bool:
    return isinstance(value, bool)


def is_object(value: object) -> bool:
    return isinstance(value, dict)


def is_anything(_: object) -> bool:
    return True


def is_uuid(value: object) -> bool:
    return isinstance(value, str) and str(UUID(value)) == value


def is_time(value: object) -> bool:
    """RFC 3339 in UTC."""
    return (
        isinstance(value, str)
        and _UTC_TIME.fullmatch(value) is not None
        and datetime.fromisoformat(value).utcoffset() == timedelta(0)
    )


def is_sha256(value: object) -> bool:
    return isinstance(value, str) and re.fullmatch(r"[0-9a-f]{64}", value) is not None


def is_int(low: int, high: int | None = None) -> Check:
    def check(value: object) -> bool:
        return (
            isinstance(value, int) and not isinstance(value, bool) and low <= value and (high is None or value <= high)
        )

    return check


def one_of(*values: str) -> Check:
    return lambda value: value in values


def is_optional(check: Check) -> Check:
    return lambda value: value is None or check(value)


def is_list(check: Check) -> Check:
    return lambda value: isinstance(value, list) and all(check(item) for item in value)


def is_map(check: Check) -> Check:
    return lambda value: isinstance(value, dict) and all(check(item) for item in value.values())


def is_shape(fields: Mapping[str, Check]) -> Check:
    def check(value: object) -> bool:
        require(value, fields, "part")
        return True

    return check


def require(value: Any, fields: Mapping[str, Check], what: str) -> None:
    """Fail unless ``value`` is an object of exactly these fields, each as its check wants it."""
    assert isinstance(value, dict), f"{what} is no object: {value!r}"
    assert value.keys() == fields.keys(), (
        f"{what} lacks {sorted(fields.keys() - value.keys())} and has too much {sorted(value.keys() - fields.keys())}"
    )
    wrong = {name: value[name] for name, check in fields.items() if not check(value[name])}
    assert not wrong, f"{what} has odd values: {wrong}"


is_level = is_int(1, 5)
is_gate = is_object  # as its author wrote it
DECISION: dict[str, Check] = {
    "decided_by": is_name,
    "decision": one_of("approve", "reject"),
    "notes": is_optional(is_text),
    "decided_at": is_time,
}
ERROR: dict[str, Check] = {"code": is_name, "message": is_name, "node": is_optional(is_name)}
USAGE: dict[str, Check] = dict.fromkeys(("prompt_tokens", "completion_tokens", "model_calls", "tool_calls"), is_int(0))
STATUSES = ("pending", "running", "paused_hitl", "waiting", "completed", "failed", "cancelled")
WORKFLOW: dict[str, Check] = {
    "id": is_uuid,
    "tenant_id": is_uuid,
    "name": is_name,
    "description": is_text,
    "version": is_int(1),
    "definition_hash": is_sha256,
    "graph_definition": is_object,
    "agents": is_map(is_name),
    "hitl_gates": is_map(is_gate),
    "circuit_breaker_config": is_object,
    "limits": is_object,
    "run_as": one_of("caller", "workflow"),
    "privilege_cap": is_optional(is_level),
    "created_by": is_name,
    "created_at": is_time,
    "updated_at": is_time,
}
AGENT: dict[str, Check] = {
    "id": is_uuid,
    "tenant_id": is_uuid,
    "name": is_name,
    "description": is_text,
    "capabilities": is_list(is_name),
    "privilege_level": is_level,
    "tool_access": is_map(is_shape({"enabled": is_flag, "rate_limit": is_optional(is_int(1))})),
    "resource_limits": is_shape(
        {
            "max_steps": is_int(1),
            "max_tokens": is_optional(is_int(1)),
            "max_calls_per_minute": is_optional(is_int(1)),
        }
    ),
    "model": is_object,
    "instructions": is_text,
    "owner": is_name,
    "status": one_of("active", "suspended"),
    "version": is_int(1),
    "created_by": is_name,
    "created_at": is_time,
    "updated_at": is_time,
}
TOOL: dict[str, Check] = {
    "tenant_id": is_uuid,
    "name": is_name,
    "description": is_text,
    "min_privilege_level": is_level,
    "input_schema": is_object,
    "output_schema": is_optional(is_object),
    "config": is_object,
    "idempotency": one_of("idempotent", "key", "none"),
    "status": one_of("active", "disabled"),
    "version": is_int(1),
    "created_by": is_name,
    "created_at": is_time,
    "updated_at": is_time,
}
EXECUTION: dict[str, Check] = {
    "id": is_uuid,
    "tenant_id": is_uuid,
    "workflow_id": is_optional(is_uuid),
    "workflow_version": is_optional(is_int(1)),
    "definition_hash": is_sha256,
    "agent_id": is_optional(is_uuid),
    "status": one_of(*STATUSES),
    "current_nodes": is_list(is_name),
    "input_data": is_object,
    "output_data": is_optional(is_object),
    "error": is_optional(is_shape(ERROR)),
    "session_id": is_optional(is_name),
    "initiated_by": is_name,
    "temporal_workflow_id": is_name,
    "cancel_requested": is_flag,
    "usage": is_shape(USAGE),
    "started_at": is_optional(is_time),
    "completed_at": is_optional(is_time),
    "created_at": is_time,
    "updated_at": is_time,
}
STEP: dict[str, Check] = {
    "seq": is_int(1),
    "parent_seq": is_optional(is_int(1)),
    "node": is_name,
    "kind": one_of("agent", "tool", "approval", "transform", "gate", "think", "act"),
    "status": one_of("running", "waiting", "completed", "failed", "cancelled"),
    "started_at": is_time,
    "ended_at": is_optional(is_time),
    "attempts": is_int(1),
    "input": is_anything,
    "output": is_anything,
    "error": is_optional(is_shape(ERROR)),
    "hitl_request_ids": is_list(is_uuid),
    "decisions": is_list(is_shape(DECISION)),
    "usage": is_shape(USAGE),
}
REQUEST: dict[str, Check] = {
    "id": is_uuid,
    "tenant_id": is_uuid,
    "execution_id": is_uuid,
    "workflow_id": is_optional(is_uuid),
    "gate_name": is_name,
    "kind": one_of("gate", "tool_call", "unknown_effect"),
    "node": is_name,
    "agent_id": is_optional(is_uuid),
    "tool": is_optional(is_name),
    "arguments": is_optional(is_object),
    "action_description": is_name,
    "context_data": is_object,
    "initiated_by": is_name,
    "effective_level": is_level,
    "required_level": is_level,
    "approver_roles": is_list(is_name),
    "quorum": is_int(1),
    "digest": is_sha256,
    "status": one_of("pending", "approved", "rejected", "expired", "cancelled"),
    "decisions": is_list(is_shape(DECISION)),
    "decided_by": is_optional(is_name),
    "decided_at": is_optional(is_time),
    "decision_notes": is_optional(is_text),
    "expires_at": is_time,
    "created_at": is_time,
}
INVOCATION: dict[str, Check] = {
    "execution_id": is_uuid,
    "status": one_of(*STATUSES),
    "output_data": is_optional(is_object),
    "error": is_optional(is_shape(ERROR)),
    "hitl_request_ids": is_list(is_uuid),
    "usage": is_shape(USAGE),
}


def require_workflow(value: Any) -> None:
    require(value, WORKFLOW, "workflow")


def require_agent(value: Any) -> None:
    require(value, AGENT, "agent")


def require_tool(value: Any) -> None:
    require(value, TOOL, "tool")


def require_execution(value: Any) -> None:
    """Also: what has ended says when, what has failed says why, and nothing else does."""
    require(value, EXECUTION, "execution")
    ended = value["status"] in {"completed", "failed", "cancelled"}
    assert (value["completed_at"] is not None) is ended, value
    assert (value["error"] is not None) is (value["status"] == "failed"), value
    assert (value["output_data"] is not None) is (value["status"] == "completed"), value
    assert (value["workflow_id"] is None) is (value["agent_id"] is not None), value


def require_step(value: Any) -> None:
    require(value, STEP, "step")
    assert (value["ended_at"] is None) is (value["status"] in {"running", "waiting"}), value


def require_hitl_request(value: Any) -> None:
    """Also: a tool call shows its tool and arguments, a gate has none; what is settled by people names them."""
    require(value, REQUEST, "HITL request")
    assert ((value["tool"] is None), (value["arguments"] is None)) == ((value["kind"] == "gate"),) * 2, value
    assert (value["decided_by"] is not None) is (value["status"] in {"approved", "rejected"}), value


def require_invocation(value: Any) -> None:
    require(value, INVOCATION, "invocation")


def require_page(value: Any, require_item: Callable[[Any], None]) -> None:
    require(
        value,
        {"items": is_list(is_anything), "total": is_int(0), "page": is_int(1), "page_size": is_int(1, 200)},
        "page",
    )
    assert len(value["items"]) <= min(value["page_size"], value["total"])
    for item in value["items"]:
        require_item(item)


def require_problem(value: Any, *, status: int, path: str, request_id: str) -> None:
    """A problem document (RFC 9457) about this request."""
    optional = {"errors", "checks"} & value.keys()
    fields = {
        "type": lambda uri: is_name(uri) and ":" in uri,
        "title": is_name,
        "status": lambda number: number == status,
        "detail": is_name,
        "instance": lambda place: place == path,
        "code": is_name,
        "request_id": lambda identity: identity == request_id,
        **dict.fromkeys(optional, is_anything),
    }
    require(value, fields, "problem")
    for place in value.get("errors", ()):
        needed: dict[str, Check] = {"pointer": is_text, "message": is_sentence, "code": is_name}
        require(place, needed | ({"hint": is_name} if "hint" in place else {}), "place of a problem")
        assert _PLACE.fullmatch(place["pointer"]), place
