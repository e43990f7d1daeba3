"""The record of a run's steps, kept while it runs."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime

import orjson

from aumos_agent_framework.core.domain.executions import ExecutionError, StepRecord, StepStatus, Usage
from aumos_agent_framework.core.types import HitlRequestId, JsonValue

MAX_RECORDED_BYTES = 16_384
_HEAD_CHARS = 500
_MEMBERS_KEPT = 8
_AGENT = "agent"


class Step:
    """One open step."""

    __slots__ = ("_journal", "seq")

    def __init__(self, journal: "Journal", seq: int) -> None:
        self._journal = journal
        self.seq = seq

    def waiting(self, request_id: HitlRequestId) -> None:
        """The step waits for a person."""
        record = self._journal.record(self.seq)
        known = record.hitl_request_ids
        ids = known if request_id in known else (*known, request_id)
        self._journal.change(self.seq, status=StepStatus.WAITING, hitl_request_ids=ids)

    def going_on(self) -> None:
        """The step waits no longer."""
        self._journal.change(self.seq, status=StepStatus.RUNNING)

    def done(self, output: JsonValue = None, *, usage: Usage | None = None, attempts: int = 1) -> None:
        """The step ended well."""
        self._journal.close(
            self.seq, StepStatus.COMPLETED, output=bounded(output), usage=usage or Usage(), attempts=attempts
        )

    def failed(self, error: ExecutionError, *, attempts: int = 1) -> None:
        """The step ended badly."""
        self._journal.close(self.seq, StepStatus.FAILED, error=error, attempts=attempts)


class Journal:
    """All steps of one run, in order of start. ``now`` gives the run's time."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now
        self._steps: list[StepRecord] = []
        self._unsaved: set[int] = set()

    def open(self, node: str, kind: str, input_: JsonValue = None, parent: Step | None = None) -> Step:
        """Begin a step."""
        seq = len(self._steps) + 1
        self._steps.append(
            StepRecord(
                seq=seq,
                node=node,
                kind=kind,
                status=StepStatus.RUNNING,
                started_at=self._now(),
                input=bounded(input_),
                parent_seq=parent.seq if parent else None,
            )
        )
        self._unsaved.add(seq)
        return Step(self, seq)

    def record(self, seq: int) -> StepRecord:
        """Return one step as it stands."""
        return self._steps[seq - 1]

    def change(self, seq: int, **changes: JsonValue) -> None:
        """Replace fields of a step that has not ended."""
        self._steps[seq - 1] = replace(self._steps[seq - 1], **changes)
        self._unsaved.add(seq)

    def close(self, seq: int, status: StepStatus, **changes: JsonValue) -> None:
        """End a step; an agent node's usage is the sum of its steps, however it ended."""
        if self.record(seq).kind == _AGENT:
            inner = (step.usage for step in self._steps[seq:] if step.parent_seq == seq)
            changes["usage"] = sum(inner, Usage())
        self.change(seq, status=status, ended_at=self._now(), **changes)

    def cancel_open(self) -> None:
        """End whatever has not ended, because the run stops."""
        for step in self._steps:
            if step.ended_at is None:
                self.close(step.seq, StepStatus.CANCELLED)

    def take_unsaved(self) -> tuple[StepRecord, ...]:
        """Return the steps that changed since the last call; the caller stores them."""
        taken = tuple(self._steps[seq - 1] for seq in sorted(self._unsaved))
        self._unsaved.clear()
        return taken

    @property
    def steps(self) -> tuple[StepRecord, ...]:
        """Every step so far."""
        return tuple(self._steps)

    @property
    def current_nodes(self) -> tuple[str, ...]:
        """The nodes at work or waiting."""
        return tuple(dict.fromkeys(step.node for step in self._steps if step.ended_at is None))

    @property
    def usage(self) -> Usage:
        """What the run has consumed."""
        return sum((step.usage for step in self._leaves()), Usage())

    def _leaves(self) -> Iterator[StepRecord]:
        """Steps that count: turns and calls, and tool nodes; an agent node's own usage is the sum of its steps."""
        return (step for step in self._steps if step.kind != _AGENT)


def bounded(value: JsonValue, limit: int = MAX_RECORDED_BYTES) -> JsonValue:
    """Keep history small: what is large in a value is recorded by its size and its beginning."""
    if value is None:
        return None
    try:
        text = orjson.dumps(value)
    except orjson.JSONEncodeError as fault:  # nested too deep, or a number beyond 64 bits: for the reader to refuse
        return {"truncated": True, "reason": str(fault)}
    if len(text) <= limit:
        return value
    if isinstance(value, dict) and len(value) <= _MEMBERS_KEPT:  # small members stay readable beside a large one
        parts = {key: bounded(member, limit // (len(value) + 1)) for key, member in value.items()}
        if len(orjson.dumps(parts)) <= limit:
            return parts
    return {"truncated": True, "bytes": len(text), "head": text[:_HEAD_CHARS].decode(errors="ignore")}
