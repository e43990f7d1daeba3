"""What each type of node does: from the state to its update of the state."""

from dataclasses import replace
from typing import cast

import orjson

from aumos_agent_framework.core.domain.effects import ActStatus
from aumos_agent_framework.core.domain.hitl import HitlStatus
from aumos_agent_framework.core.graph.runtime.agent_loop import Conversation, converse, opening_messages, parse_answer
from aumos_agent_framework.core.graph.runtime.context import NodeFailedError, RunContext, retry_policy
from aumos_agent_framework.core.graph.runtime.gates import REJECTED, RejectedError, ask
from aumos_agent_framework.core.graph.runtime.journal import Step
from aumos_agent_framework.core.graph.runtime.tool_calls import Call, call_tool
from aumos_agent_framework.core.graph.schema import (
    AgentNode,
    ApprovalNode,
    Node,
    ToolNode,
    TransformNode,
    approval_gate,
)
from aumos_agent_framework.core.types import JsonObject, JsonValue

_MAX_ACTION = 2_000


async def run_body(context: RunContext, name: str, visit: int, node: Node, state: JsonObject) -> JsonObject:
    """Do a node's work and return its writes.

    Raises:
        AgfError: the node failed; the step is recorded as failed by the caller.
    """
    match node:
        case AgentNode():
            return await _agent(context, name, visit, node, state)
        case ToolNode():
            return await _tool(context, name, visit, node, state)
        case ApprovalNode():
            return await _approval(context, name, visit, node, state)
        case TransformNode():
            return _transform(context, name, node, state)


async def _agent(context: RunContext, name: str, visit: int, node: AgentNode, state: JsonObject) -> JsonObject:
    part, value = ("input", node.input) if node.prompt is None else ("prompt", node.prompt)
    message = context.render(name, part, value, context.scope(state))
    binding = context.plan.bindings[name]
    step = context.journal.open(name, "agent", message)
    conversation = Conversation(name, visit, binding, retry_policy(node.retry), opening_messages(binding, message))
    text = await converse(context, conversation, step)
    answer: JsonValue = text if node.output_schema is None else parse_answer(text, node.output_schema)
    step.done(answer)
    return _write(node.output, answer)


async def _tool(context: RunContext, name: str, visit: int, node: ToolNode, state: JsonObject) -> JsonObject:
    arguments = cast("JsonObject", context.render(name, "arguments", node.arguments, context.scope(state)))
    call = Call(
        node=name,
        call_id=f"{name}:{visit}",
        tool=node.tool,
        arguments=arguments,
        agent_id=None,
        retry=retry_policy(node.retry),
        short=context.plan.tools[node.tool].short,
    )
    step = context.journal.open(name, "tool", {"tool": node.tool, "arguments": arguments})
    result = await call_tool(context, call, step)
    if result.status is ActStatus.REJECTED:
        raise NodeFailedError(REJECTED, result.message)
    if result.status is not ActStatus.DONE:
        raise NodeFailedError(result.code, result.message)
    return _write(node.output, result.result)


async def _approval(context: RunContext, name: str, visit: int, node: ApprovalNode, state: JsonObject) -> JsonObject:
    scope = context.scope(state)
    action = context.render(name, "action", node.action, scope)
    shown = context.render(name, "context", node.context, scope) if node.context is not None else {"state": state}
    shown = shown if isinstance(shown, dict) else {"value": shown}
    step = context.journal.open(name, "approval", shown)
    gate = replace(approval_gate(name, node), description=_text(action) or node.description or None)
    settlement = await ask(context, gate, name, f"{name}:{visit}", shown, step)
    decision: JsonObject = {
        "status": str(settlement.status),
        "decided_by": settlement.decided_by,
        "notes": settlement.notes,
    }
    if settlement.status is HitlStatus.APPROVED or _edges_decide(context, name, node):
        step.done(decision)
        return _write(node.output, decision)
    raise RejectedError(name, settlement)


def _edges_decide(context: RunContext, name: str, node: ApprovalNode) -> bool:
    """A rejection may follow the edges only where the author looks at it: an output, and nothing but conditions."""
    exits = context.topology.out(name)
    return node.output is not None and bool(exits.conditional) and not exits.always


def _transform(context: RunContext, name: str, node: TransformNode, state: JsonObject) -> JsonObject:
    step: Step = context.journal.open(name, "transform")
    scope = context.scope(state)
    update = {key: context.expression(source).evaluate(scope) for key, source in node.set.items()}
    step.done(update)
    return update


def _write(key: str | None, value: JsonValue) -> JsonObject:
    return {} if key is None else {key: value}


def _text(value: JsonValue) -> str:
    """Return what a template gave as a text that people can take in."""
    text = value if isinstance(value, str) else orjson.dumps(value).decode()
    return text if len(text) <= _MAX_ACTION else f"{text[: _MAX_ACTION - 1]}…"
