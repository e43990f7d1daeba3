"""The shape of a graph definition, version 1 (CONTRACT.md), as Pydantic models and as JSON Schema.

Only the shape: what names refer to and whether the graph makes sense is ``validation``'s business.
"""

import re
from datetime import timedelta
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, PlainSerializer, StringConstraints, model_validator
from pydantic.functional_validators import BeforeValidator
from pydantic.json_schema import WithJsonSchema

from aumos_agent_framework.core.domain.hitl import DEFAULT_DEADLINE, LEVEL_FIVE_QUORUM, Gate
from aumos_agent_framework.core.types import JsonObject, JsonValue, PrivilegeLevel

START = "START"
END = "END"
DEFAULT_MAX_STEPS = 100
MAX_STEPS = 10_000
MAX_DURATION = timedelta(days=366)
_LONGEST_DURATION = 40
_DURATION = re.compile(
    r"P(?=.)(?:(?P<weeks>\d+)W)?(?:(?P<days>\d+)D)?"
    r"(?:T(?=.)(?:(?P<hours>\d+)H)?(?:(?P<minutes>\d+)M)?(?:(?P<seconds>\d+(?:\.\d+)?)S)?)?"
)
_NODE_NAME = re.compile(r"^[A-Za-z_][A-Za-z0-9_.-]{0,99}$")

Reducer = Literal["replace", "extend", "append", "merge", "add", "max", "min", "union"]
REDUCERS: tuple[Reducer, ...] = ("replace", "extend", "append", "merge", "add", "max", "min", "union")


def parse_duration(value: object) -> timedelta:
    """Parse an ISO 8601 duration (``PT30S``, ``PT24H``, ``P7D``), above zero and up to 366 days.

    Years and months are no durations here: their length depends on the calendar.

    Raises:
        ValueError: it is none, or out of range.
    """
    if isinstance(value, timedelta):
        return value
    found = _DURATION.fullmatch(value) if isinstance(value, str) and len(value) <= _LONGEST_DURATION else None
    if found is None:
        msg = "give an ISO 8601 duration in weeks, days, hours, minutes and seconds, such as PT30S or P7D"
        raise ValueError(msg)
    try:
        duration = timedelta(**{unit: float(amount) for unit, amount in found.groupdict(default="0").items()})
    except OverflowError:
        duration = timedelta.max
    if not timedelta(0) < duration <= MAX_DURATION:
        msg = "a duration is longer than zero and at most P366D"
        raise ValueError(msg)
    return duration


def _format_duration(value: timedelta) -> str:
    return f"PT{value.total_seconds():g}S" if value.microseconds else f"PT{int(value.total_seconds())}S"


Duration = Annotated[
    timedelta,
    BeforeValidator(parse_duration),
    PlainSerializer(_format_duration, return_type=str),
    WithJsonSchema({"type": "string", "format": "duration", "examples": ["PT30S", "PT24H"]}),
]
NodeName = Annotated[str, StringConstraints(pattern=_NODE_NAME.pattern)]
StateKey = Annotated[str, StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,99}$")]
Level = Annotated[int, Field(ge=1, le=5)]


Texts = Annotated[tuple[str, ...], Field(strict=False)]  # JSON has lists, no tuples


class _Strict(BaseModel):
    """Takes what the published JSON Schema takes, no more: ``true`` is no level 1, ``"3"`` no number."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, serialize_by_alias=True)


class Retry(_Strict):
    """How often a step is tried when its model or tool is away. ``non_retryable`` names error codes."""

    max_attempts: int = Field(default=3, ge=1, le=100)
    initial_interval: Duration = timedelta(seconds=1)
    backoff: float = Field(default=2.0, ge=1.0, le=10.0)
    max_interval: Duration = timedelta(seconds=30)
    non_retryable: Texts = ()


class _Node(_Strict):
    description: str = Field(default="", max_length=2_000)
    retry: Retry = Retry()
    timeout: Duration | None = Field(default=None, description="The node's whole time, waiting for people included.")
    on_error: NodeName | None = Field(default=None, description="The node to go to when this one fails.")


class AgentNode(_Node):
    """An agent works until it answers. Its answer is text, or JSON where ``output_schema`` asks for it."""

    type: Literal["agent"]
    prompt: str | None = Field(default=None, max_length=100_000, description="The user message, a template.")
    input: JsonValue = Field(default=None, description="The user message as JSON, a template.")
    output: StateKey | None = Field(default=None, description="The state key that takes the answer.")
    output_schema: JsonObject | None = None

    @model_validator(mode="after")
    def _one_message(self) -> "AgentNode":
        if (self.prompt is None) == (self.input is None):
            msg = "an agent node has either prompt or input"
            raise ValueError(msg)
        return self


class ToolNode(_Node):
    """One call of one tool."""

    type: Literal["tool"]
    tool: str = Field(min_length=1, max_length=64)
    arguments: JsonObject = Field(default_factory=dict, description="The call's arguments, a template.")
    output: StateKey | None = Field(default=None, description="The state key that takes the result.")


class ApprovalNode(_Node):
    """A gate as a node.

    With ``output`` the decision ``{status, decided_by, notes}`` goes into the state, and a rejection follows the
    node's conditional edges. Otherwise a rejection is the error ``hitl_rejected``.
    """

    type: Literal["approval"]
    action: str = Field(default="", max_length=2_000, description="What is asked, for the approver; a template.")
    context: JsonValue = Field(default=None, description="What the approver should see, a template. Default: state.")
    approver_level: Level = 3
    approver_roles: Texts = ()
    quorum: int = Field(default=1, ge=1, le=10)
    timeout: Duration | None = Field(default=DEFAULT_DEADLINE, description="How long the question stays open.")
    on_timeout: Literal["reject"] = "reject"
    output: StateKey | None = None


class TransformNode(_Node):
    """New state values from CEL expressions, written bare. All see the state as it was before the node."""

    type: Literal["transform"]
    set: dict[StateKey, str] = Field(min_length=1)


Node = Annotated[AgentNode | ToolNode | ApprovalNode | TransformNode, Field(discriminator="type")]


class Edge(_Strict):
    """A way from one node to another: always, when a condition holds, or when no other condition of the node did.

    ``otherwise`` is true on the edge that is taken then, or names the node to go to when this edge's own condition
    (and every other of the node) fails.
    """

    source: str = Field(alias="from")
    target: str = Field(alias="to")
    when: str | None = None
    otherwise: bool | str = False

    @model_validator(mode="after")
    def _one_kind(self) -> "Edge":
        if self.otherwise is True and self.when is not None:
            msg = "an edge has either when, or otherwise: true"
            raise ValueError(msg)
        if isinstance(self.otherwise, str) and self.when is None:
            msg = "otherwise names a node only beside when"
            raise ValueError(msg)
        return self


class GraphDefinition(_Strict):
    """A graph: the state it works on, its nodes, and the edges between them."""

    version: int = Field(default=1, ge=1, le=1, description="Of the definition language.")
    state: JsonObject = Field(
        default_factory=dict,
        description="JSON Schema of the state; a property's x-reducer says how writes join it.",
    )
    entry_point: str | Texts = ()
    nodes: dict[NodeName, Node] = Field(min_length=1, max_length=5_000)
    edges: tuple[Edge, ...] = Field(default=(), max_length=20_000, strict=False)

    @property
    def entries(self) -> tuple[str, ...]:
        """The entry points, however they are said."""
        return (self.entry_point,) if isinstance(self.entry_point, str) else self.entry_point


class GateSpec(_Strict):
    """A gate before or after a node (``hitl_gates``)."""

    when: Literal["before", "after"] = "before"
    condition: str | None = Field(default=None, description="CEL; the gate asks only where it holds.")
    approver_level: Level = 3
    approver_roles: Texts = ()
    quorum: int = Field(default=1, ge=1, le=10)
    timeout: Duration = DEFAULT_DEADLINE
    on_timeout: Literal["reject"] = "reject"
    description: str | None = Field(default=None, max_length=2_000)


class Limits(_Strict):
    """Bounds of a run."""

    max_steps: int = Field(default=DEFAULT_MAX_STEPS, ge=1, le=MAX_STEPS)


def parse_gate(node: str, spec: JsonObject) -> Gate:
    """Parse a gate of ``hitl_gates``. Level 5 always asks two people (PRODUCT, levels).

    Raises:
        pydantic.ValidationError: the gate does not follow ``GateSpec``.
    """
    parsed = GateSpec.model_validate(spec)
    return Gate(
        name=f"{node}.{parsed.when}",
        before=parsed.when == "before",
        condition=parsed.condition,
        approver_level=PrivilegeLevel(parsed.approver_level),
        approver_roles=parsed.approver_roles,
        quorum=_quorum(parsed.approver_level, parsed.quorum),
        timeout=parsed.timeout,
        description=parsed.description,
    )


def approval_gate(name: str, node: ApprovalNode) -> Gate:
    """Return the gate that an approval node is."""
    return Gate(
        name=name,
        before=True,
        condition=None,
        approver_level=PrivilegeLevel(node.approver_level),
        approver_roles=node.approver_roles,
        quorum=_quorum(node.approver_level, node.quorum),
        timeout=node.timeout or DEFAULT_DEADLINE,
        description=node.description or None,
    )


def workflow_json_schema() -> dict[str, Any]:
    """Return the JSON Schema (draft 2020-12) of a graph definition, for editors and clients."""
    schema = GraphDefinition.model_json_schema(by_alias=True)
    for named in (schema["properties"]["nodes"], schema["$defs"]["TransformNode"]["properties"]["set"]):
        named["additionalProperties"] = False  # what fits no name's pattern is no name
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema, "title": "AumOS graph definition"}


def _quorum(level: int, asked: int) -> int:
    return max(asked, LEVEL_FIVE_QUORUM) if level == PrivilegeLevel.SUPER_ADMIN else asked
