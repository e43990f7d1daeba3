"""Ten kills at seeded random moments while runs work: every accepted run ends, every effect is done once.

``AGF_CHAOS_SEED`` repeats a run of this test; the seed is printed.
"""

import os
import random
from dataclasses import dataclass, field
from typing import Any

import pytest

from tests.chaos.world import PatientPerson, World, ended_runs
from tests.e2e import runs
from tests.e2e.authoring import approval_node, call, call_node, counted_tool, graph, say, scripted_agent, workflow
from tests.waiting import eventually

TARGETS = (*("worker",) * 2, *("api",) * 2, *("postgres",) * 2, *("temporal",) * 2, "redis")
SURE_HIT = ("worker", "tool")
"""A call that is sure to be repeated: proof that the kills land."""
KINDS = ("tool", "short tool", "once", "agent", "gate", "risky")
UNDISTURBED = 5
"""Runs that nobody aims at; they are hit all the same."""
ARRIVAL_SECONDS = 60
RECOVERY_SECONDS = 60
People = dict[str, PatientPerson]


@dataclass
class Work:
    """One run and the tool whose calls tell what it did. ``calls`` is how often it should."""

    kind: str
    tool: str
    calls: int
    definition: dict[str, Any]
    agents: dict[str, str] = field(default_factory=dict)
    execution_id: str = ""


def work_of(kind: str, person: PatientPerson, world: World) -> Work:
    """Author a workflow of a kind, with a tool of its own."""
    counter = world.counter
    if kind == "agent":
        tool = counted_tool(person, counter)
        turns = ({"delay": 0.2}, call(tool, number=1), call(tool, number=2), say("done"))
        agent = scripted_agent(person, *turns, tools=[tool])
        return Work(kind, tool, 2, graph({"work": {"type": "agent", "prompt": "go"}}), {"work": agent["id"]})
    level = 3 if kind == "risky" else 1
    idempotency = "none" if kind == "once" else "key"
    timeout = 5.0 if kind == "short tool" else None
    tool = counted_tool(person, counter, level=level, idempotency=idempotency, timeout=timeout)
    first = {"ask": approval_node()} if kind == "gate" else {}
    return Work(kind, tool, 1, graph({**first, "act": call_node(tool)}))


def start(work: Work, person: PatientPerson) -> None:
    """Start the run, however often that takes."""
    work.execution_id = runs.execute(person, workflow(person, work.definition, agents=work.agents))


def attack(target: str, work: Work, world: World, people: People, chance: random.Random) -> None:
    """Kill the target while the work's tool call is under way, before or after its effect."""
    counter, bob = world.counter, people["bob"]
    counter.hold(work.tool, chance.choice(("before", "after")))
    start(work, people["alice"])

    def under_way() -> bool:
        bob.decide_all()
        return bool(counter.attempts(work.tool))

    eventually(under_way, ARRIVAL_SECONDS, f"the {work.kind} run's call is under way")
    pid = world.kill(target)
    if work.kind == "short tool" or chance.random() < 0.5:
        counter.release(work.tool)
        world.await_back(target, pid)
    else:
        world.await_back(target, pid)
        counter.release(work.tool)


@pytest.mark.timeout(300)
def test_ten_kills_lose_nothing_and_repeat_nothing(world: World, people: People) -> None:
    seed = int(os.environ.get("AGF_CHAOS_SEED") or random.SystemRandom().randrange(10**6))
    print(f"AGF_CHAOS_SEED={seed}")  # noqa: T201 - so that a failure can be repeated
    chance = random.Random(seed)  # noqa: S311 - to choose moments, not secrets
    alice, bob, counter = people["alice"], people["bob"], world.counter
    kinds = chance.sample(KINDS * 3, len(TARGETS) + UNDISTURBED)
    attacks = [SURE_HIT, *zip(chance.sample(TARGETS, len(TARGETS)), kinds[UNDISTURBED:], strict=True)]
    chance.shuffle(attacks)
    others = [work_of(kind, alice, world) for kind in kinds[:UNDISTURBED]]
    aimed_at = [work_of(kind, alice, world) for _, kind in attacks]
    works = [*others, *aimed_at]

    for number, ((target, _), work) in enumerate(zip(attacks, aimed_at, strict=True)):
        if number < UNDISTURBED:
            start(others[number], alice)
        attack(target, work, world, people, chance)

    ids = [work.execution_id for work in works]

    def decided_and_ended() -> bool:
        bob.decide_all()
        return all(runs.execution(alice, run)["status"] in runs.FINAL for run in ids)

    eventually(decided_and_ended, RECOVERY_SECONDS, f"all runs end (seed {seed})")
    ended = ended_runs(alice, ids, RECOVERY_SECONDS)
    for work in works:
        check(work, ended[work.execution_id], world, f"{work.kind} {work.tool}, seed {seed}")
    listed = {run["id"] for run in alice.get("/executions", page_size=200)["items"]}
    assert len(set(ids)) == len(ids)
    assert set(ids) <= listed
    attempts = sum(len(counter.attempts(work.tool)) for work in works)
    effects = sum(len(counter.effects(work.tool)) for work in works)
    assert attempts > effects, f"No kill hit a call: {attempts} attempts, {effects} effects (seed {seed})"


def check(work: Work, run: dict[str, Any], world: World, what: str) -> None:
    """A run did what it should, exactly once; or it was not to be repeated, and nobody can know."""
    attempts, effects = world.counter.attempts(work.tool), world.counter.effects(work.tool)
    if work.kind == "once":
        assert run["status"] == "completed" or run["error"]["code"] == "effect_unknown", (what, run["error"])
        assert len(effects) <= len(attempts) <= 1, what
    else:
        assert run["status"] == "completed", (what, run["error"])
        assert len({attempt.key for attempt in attempts}) == work.calls, what
        assert len(effects) == work.calls, what
