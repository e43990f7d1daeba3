"""From a definition to a LangGraph ``StateGraph``, and one run of it.

Every node of the definition is a node of the graph; its body visits the node and answers with LangGraph's ``Command``:
the update of the state and where to go next. That one form serves plain edges, conditions, error routes and joins.
The engine knows neither Temporal nor a database: a ``StepRunner`` does what touches the world.

Supersteps are LangGraph's: branches run beside each other step by step, and the next step begins when all of this one
have ended.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Protocol, TypedDict, cast

from langchain_core.runnables import RunnableConfig
from langgraph.errors import InvalidUpdateError
from langgraph.graph import END as LANGGRAPH_END, START as LANGGRAPH_START, StateGraph
from langgraph.graph.state import CompiledStateGraph
from langgraph.types import Command, Overwrite

from aumos_agent_framework.core.domain.executions import ExecutionError
from aumos_agent_framework.core.graph.runtime.context import RunContext
from aumos_agent_framework.core.graph.runtime.joins import Counts, add_counts, arrivals, release
from aumos_agent_framework.core.graph.runtime.visit import RunFailedError, visit_node
from aumos_agent_framework.core.graph.schema import END
from aumos_agent_framework.core.graph.state import Channel, initial_state, reducer_function
from aumos_agent_framework.core.types import JsonObject, JsonValue

_FRONT = "front"
"""The channel of the joins' counts (``runtime.joins``)."""
_STATE = "state."
"""Begins the channel of every state key: keys come from tenants, and LangGraph has channels of its own."""
_JOIN = "join."
_SUPERSTEPS_PER_STEP = 3  # a node, the join's look at the front, and one to spare
Graph = CompiledStateGraph[Any, Any, Any, Any]


class _Body(Protocol):
    """A node's function, as LangGraph calls it."""

    async def __call__(self, state: JsonValue) -> Command[str]: ...


@dataclass(frozen=True, slots=True)
class _Write:
    """A value on its way to a reducer. LangGraph takes some objects for orders of its own (``__overwrite__``)."""

    value: JsonValue


def compile_graph(context: RunContext) -> Graph:
    """Compile the run's definition; about 2 ms for ten nodes."""
    builder: StateGraph[Any, Any, Any, Any] = StateGraph(_channels(context.channels))
    for name in context.graph.nodes:
        builder.add_node(_inner(name), _body(context, name), destinations=_destinations(context, name))
    joins = context.topology.joins
    if joins:
        builder.add_node(_JOIN, _join_body(context))
    for first in dict.fromkeys(_JOIN if entry in joins else _inner(entry) for entry in context.topology.entries):
        builder.add_edge(LANGGRAPH_START, first)
    return builder.compile()


async def run_graph(context: RunContext) -> JsonObject:
    """Run the graph to its end and return the final state.

    Raises:
        RunFailedError: a node failed and nothing took over.
    """
    graph = compile_graph(context)
    limit = context.plan.governance.max_steps * _SUPERSTEPS_PER_STEP + 10
    config: RunnableConfig = {"recursion_limit": limit, "callbacks": []}
    try:
        final = await graph.ainvoke(_input(context), config)
    except InvalidUpdateError as fault:
        message = f"Parallel branches wrote the same state key; give it a reducer. {str(fault).splitlines()[0]}"
        raise RunFailedError(ExecutionError("state_conflict", message)) from fault
    if final[_FRONT]:
        raise RuntimeError(f"The graph stopped before its end: {final[_FRONT]}")
    return _state(final)


def _body(context: RunContext, name: str) -> _Body:
    async def visit(state: JsonValue) -> Command[str]:
        result = await visit_node(context, name, _state(state))
        update = {_channel(key): _write(context.channels[key], value) for key, value in result.update.items()}
        return _command(context, name, update, result.targets, state[_FRONT])

    return visit


def _command(
    context: RunContext, name: str, update: JsonObject, targets: tuple[str, ...], front: Counts
) -> Command[str]:
    joins = context.topology.joins
    direct = [target for target in targets if target not in joins and target != END]
    goto = [_inner(target) for target in direct]
    if joins:
        # One visit serves all that arrived together: branches of equal length meet in a node that is no join.
        ended = {name: -front.get(name, 0)}
        following = arrivals(context.topology, (target for target in targets if target != END))
        update[_FRONT] = add_counts(following, ended)
        goto.append(_JOIN)
    return Command(update=update, goto=goto)


def _join_body(context: RunContext) -> _Body:
    async def look(state: JsonValue) -> Command[str]:
        ready, change = release(context.topology, state[_FRONT])
        return Command(update={_FRONT: change} if change else {}, goto=[_inner(name) for name in ready])

    return look


def _destinations(context: RunContext, name: str) -> tuple[str, ...]:
    """Only for pictures of the graph: where a ``Command`` may lead is not visible otherwise."""
    return tuple(LANGGRAPH_END if target == END else _inner(target) for target in context.topology.out(name).targets)


def _input(context: RunContext) -> JsonObject:
    """Return the first values, written as they are: an input's list is not appended to the reducer's empty one."""
    state = initial_state(context.channels, context.plan.input_data)
    first: JsonObject = {
        _channel(key): value if context.channels[key].empty is None else Overwrite(value)
        for key, value in state.items()
    }
    return {**first, _FRONT: arrivals(context.topology, context.topology.entries) if context.topology.joins else {}}


def _channels(channels: Mapping[str, Channel]) -> type[Any]:
    """Return a ``TypedDict`` whose annotations say how writes join."""
    fields: dict[str, Any] = {_channel(key): _annotation(channel) for key, channel in channels.items()}
    fields[_FRONT] = Annotated[dict[str, int], add_counts]
    make = cast("Callable[..., type[Any]]", TypedDict)
    return make("Channels", fields, total=False)


def _annotation(channel: Channel) -> object:
    if channel.reducer == "replace":
        return Any
    reduce = reducer_function(channel.reducer)
    if channel.empty is None:
        return Annotated[Any, reduce]
    return Annotated[type(channel.empty), lambda old, write: reduce(old, write.value)]


def _write(channel: Channel, value: JsonValue) -> object:
    return value if channel.empty is None else _Write(value)


def _channel(key: str) -> str:
    return _STATE + key


def _state(channels: Mapping[str, Any]) -> JsonObject:
    return {key.removeprefix(_STATE): value for key, value in channels.items() if key != _FRONT}


def _inner(name: str) -> str:
    """LangGraph refuses a node with the name of a channel; a node may be called ``front``."""
    return f"node.{name}"
