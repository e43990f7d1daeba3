"""From a definition to a LangGraph ``StateGraph``, and one run of it.

Every node of the definition is a node of the graph; its body visits the node and answers with LangGraph's ``Command``:
the update of the state and where to go next. That one form serves plain edges, conditions, error routes and joins.
The engine knows neither Temporal nor a database: a ``StepRunner`` does what touches the world.

Supersteps are LangGraph's: branches run beside each other step by step, and the next step begins when all of this one
have ended.
"""

from collections.abc import Callable, Mapping
from typing import Annotated, Any, Protocol, TypedDict, cast

from langchain_core.runnables import RunnableConfig
from langgraph.errors import InvalidUpdateError
from langgraph.graph import END as LANGGRAPH_END, START as LANGGRAPH_START, StateGraph
from langgraph.graph.state import CompiledStateGraph
from langgraph.types import Command, Overwrite

from aumos_agent_framework.core.domain.executions import ExecutionError
from aumos_agent_framework.core.graph.runtime.context import RunContext
from aumos_agent_framework.core.graph.runtime.joins import FRONT, add_counts, arrivals, release
from aumos_agent_framework.core.graph.runtime.visit import RunFailedError, visit_node
from aumos_agent_framework.core.graph.schema import END
from aumos_agent_framework.core.graph.state import Channel, initial_state, reducer_function
from aumos_agent_framework.core.types import JsonObject, JsonValue

_JOIN = "join."
_SUPERSTEPS_PER_STEP = 3  # a node, the join's look at the front, and one to spare
Graph = CompiledStateGraph[Any, Any, Any, Any]


class _Body(Protocol):
    """A node's function, as LangGraph calls it."""

    async def __call__(self, state: JsonValue) -> Command[str]: ...


def compile_graph(context: RunContext) -> Graph:
    """Compile the run's definition; about 2 ms for ten nodes."""
    builder: StateGraph[Any, Any, Any, Any] = StateGraph(_state_type(context.channels))
    for name in context.graph.nodes:
        builder.add_node(_inner(name), _body(context, name), destinations=_destinations(context, name))
    if context.topology.joins:
        builder.add_node(_JOIN, _join_body(context))
    for entry in context.topology.entries:
        builder.add_edge(LANGGRAPH_START, _inner(entry))
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
    return {key: value for key, value in final.items() if key != FRONT}


def _body(context: RunContext, name: str) -> _Body:
    async def visit(state: JsonValue) -> Command[str]:
        seen = {key: value for key, value in state.items() if key != FRONT}
        result = await visit_node(context, name, seen)
        return _command(context, name, dict(result.update), result.targets)

    return visit


def _command(context: RunContext, name: str, update: JsonObject, targets: tuple[str, ...]) -> Command[str]:
    joins = context.topology.joins
    direct = [target for target in targets if target not in joins and target != END]
    goto = [_inner(target) for target in direct]
    if joins:
        following = arrivals(context.topology, (target for target in targets if target != END))
        update[FRONT] = add_counts(following, {name: -1})
        goto.append(_JOIN)
    return Command(update=update, goto=goto)


def _join_body(context: RunContext) -> _Body:
    async def look(state: JsonValue) -> Command[str]:
        ready, change = release(context.topology, state.get(FRONT, {}))
        return Command(update={FRONT: change} if change else {}, goto=[_inner(name) for name in ready])

    return look


def _destinations(context: RunContext, name: str) -> tuple[str, ...]:
    """Only for pictures of the graph: where a ``Command`` may lead is not visible otherwise."""
    return tuple(LANGGRAPH_END if target == END else _inner(target) for target in context.topology.out(name).targets)


def _input(context: RunContext) -> JsonObject:
    """Return the first state, written as it is: an input's list is not appended to the reducer's empty one."""
    state = initial_state(context.channels, context.plan.input_data)
    first: JsonObject = {
        key: Overwrite(value) if context.channels[key].empty is not None else value for key, value in state.items()
    }
    front = arrivals(context.topology, ()) if not context.topology.joins else dict.fromkeys(context.topology.entries, 1)
    return {**first, FRONT: front}


def _state_type(channels: Mapping[str, Channel]) -> type[Any]:
    """Return a ``TypedDict`` whose annotations say how writes join."""
    fields: dict[str, Any] = {key: _annotation(channel) for key, channel in channels.items()}
    fields[FRONT] = Annotated[dict[str, int], add_counts]
    make = cast("Callable[..., type[Any]]", TypedDict)
    return make("State", fields, total=False)


def _annotation(channel: Channel) -> object:
    if channel.reducer == "replace":
        return Any
    kind = Any if channel.empty is None else type(channel.empty)
    return Annotated[kind, reducer_function(channel.reducer)]


def _inner(name: str) -> str:
    """LangGraph refuses a node with the name of a state key; no state key holds a dot."""
    return f"node.{name}"
