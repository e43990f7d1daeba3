"""What exactly an approval is bound to: SHA-256 over RFC 8785 canonical JSON."""

import hashlib
from datetime import UTC

import rfc8785

from aumos_agent_framework.core.domain.hitl import HitlKind, HitlRequest
from aumos_agent_framework.core.errors import InvalidInputError, Problem
from aumos_agent_framework.core.types import JsonValue

POLICY_VERSION = 1
"""Raised whenever the rules of approval change their meaning: approvals given under the old ones end."""

MAX_EXACT_INTEGER = 2**53 - 1


def request_digest(request: HitlRequest) -> str:
    """Return the digest of what the request asks, as 64 lowercase hex digits.

    Bound are tenant, execution, call id, tool and its version, arguments, who started the run, the effective level,
    the policy version and the expiry; for a gate the context takes the place of tool and arguments. Equal JSON has an
    equal digest however it is spelled (key order, ``1`` and ``1.0``, time zone of the expiry).

    Raises:
        InvalidInputError: ``not_canonical``: a number that JSON does not carry exactly, or no JSON at all.
    """
    is_gate = request.kind is HitlKind.GATE
    content = {
        "tenant": str(request.tenant_id),
        "execution": str(request.execution_id),
        "call_id": request.call_id,
        "tool": request.tool,
        "tool_version": request.tool_version,
        "arguments": request.arguments,
        "context": request.context_data if is_gate else None,
        "initiated_by": request.initiated_by,
        "effective_level": int(request.effective_level),
        "policy_version": POLICY_VERSION,
        "expires_at": request.expires_at.astimezone(UTC).isoformat(timespec="microseconds"),
    }
    return hashlib.sha256(canonical(content, "/context_data" if is_gate else "/arguments")).hexdigest()


def canonical(value: JsonValue, pointer: str) -> bytes:
    """Return RFC 8785 canonical JSON.

    Whole numbers beyond ±(2^53-1) are refused in either spelling: PostgreSQL gives ``1e22`` back as an integer, which
    RFC 8785 does not allow, and an approval must survive its storage.

    Raises:
        InvalidInputError: ``not_canonical``, with ``pointer``.
    """
    try:
        _check_numbers(value)
        return rfc8785.dumps(value)
    except (ValueError, RecursionError) as error:  # rfc8785's own errors are ValueErrors
        reason = "it is nested too deeply" if isinstance(error, RecursionError) else str(error)
        problem = Problem(pointer, f"No canonical JSON: {reason}.", "not_canonical", "Pass large numbers as text.")
        raise InvalidInputError("What is to be approved has no exact form.", [problem], code="not_canonical") from error


def _check_numbers(value: JsonValue) -> None:
    if isinstance(value, float) and value.is_integer() and abs(value) > MAX_EXACT_INTEGER:
        raise ValueError(f"{value!r} is beyond the whole numbers that JSON carries exactly")
    if isinstance(value, dict):
        for inner in value.values():
            _check_numbers(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            _check_numbers(inner)
