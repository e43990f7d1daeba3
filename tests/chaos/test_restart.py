"""Stopping and starting the whole stack on the same data: everything is where it was, and goes on."""

import time
from typing import Any

import pytest

from tests.chaos.world import PatientPerson, World, ended_runs
from tests.e2e import runs
from tests.e2e.authoring import approval_node, call_node, counted_tool, graph, set_node, workflow

RECOVERY_SECONDS = 60
STOP_SECONDS = 10  # CONTRACT: Ctrl-C or SIGTERM stops all of it within 10 s

pytestmark = pytest.mark.timeout(180)


def shown(person: PatientPerson, execution_id: str) -> list[Any]:
    """Read what there is to see of a run."""
    return [
        runs.execution(person, execution_id),
        runs.history(person, execution_id),
        runs.questions(person, execution_id),
    ]


def test_runs_go_on_after_stop_and_start(world: World, people: dict[str, PatientPerson]) -> None:
    alice, bob, counter = people["alice"], people["bob"], world.counter
    after_approval, repeatable, once = (
        counted_tool(alice, counter, level=3),
        counted_tool(alice, counter, idempotency="key"),
        counted_tool(alice, counter, idempotency="none"),
    )
    counter.hold(repeatable)
    counter.hold(once)
    finished = runs.execute(alice, workflow(alice, graph({"only": set_node(answer="42")})))
    ended_runs(alice, [finished], RECOVERY_SECONDS)
    waiting = runs.execute(
        alice, workflow(alice, graph({"ask": approval_node(output="said"), "act": call_node(after_approval)}))
    )
    calling = runs.execute(alice, workflow(alice, graph({"act": call_node(repeatable)})))
    calling_once = runs.execute(alice, workflow(alice, graph({"act": call_node(once)})))
    gate = runs.question(bob, waiting)
    counter.await_attempts(repeatable)
    counter.await_attempts(once)
    key = {"Idempotency-Key": f"restart-{once}"}
    order = {"json": {"input_data": {"a": 1}}, "headers": key}
    path = f"/workflows/{runs.execution(alice, finished)['workflow_id']}/execute"
    accepted = alice.send("POST", path, 202, **order)
    ended_runs(alice, [accepted["id"]], RECOVERY_SECONDS)
    before = [shown(alice, run) for run in (finished, waiting)]

    began = time.monotonic()
    world.stop()
    assert time.monotonic() - began < STOP_SECONDS
    counter.release(repeatable)
    counter.release(once)
    world.start()

    assert [shown(alice, run) for run in (finished, waiting)] == before
    assert alice.send("POST", path, 202, **order) == accepted
    bob.decide(gate)
    bob.decide(runs.question(bob, waiting))
    ended = ended_runs(alice, [waiting, calling, calling_once], RECOVERY_SECONDS)
    assert [ended[run]["status"] for run in (waiting, calling)] == ["completed", "completed"], ended
    assert ended[calling_once]["error"]["code"] == "effect_unknown"
    assert [len(counter.effects(tool)) for tool in (after_approval, repeatable, once)] == [1, 1, 1]
    assert [len(counter.attempts(tool)) for tool in (after_approval, repeatable, once)] == [1, 2, 1]


def test_question_whose_deadline_passed_while_everything_was_down_is_expired(
    world: World, people: dict[str, PatientPerson]
) -> None:
    alice = people["alice"]
    run = runs.execute(alice, workflow(alice, graph({"ask": approval_node(timeout="PT2S")})))
    asked = runs.question(alice, run)
    world.stop()
    world.start()
    (ended,) = ended_runs(alice, [run], RECOVERY_SECONDS).values()
    assert (ended["status"], ended["error"]["code"]) == ("failed", "hitl_rejected")
    assert alice.get(f"/hitl/{asked['id']}")["status"] == "expired"


def test_runs_go_on_after_the_supervisor_itself_was_killed(world: World, people: dict[str, PatientPerson]) -> None:
    """Nothing that it left behind needs a person."""
    alice, bob, counter = people["alice"], people["bob"], world.counter
    held, risky = counted_tool(alice, counter), counted_tool(alice, counter, level=3)
    counter.hold(held)
    calling, waiting = (runs.execute(alice, workflow(alice, graph({"act": call_node(tool)}))) for tool in (held, risky))
    counter.await_attempts(held)
    runs.question(bob, waiting)
    world.crash()
    counter.release(held)
    world.start()
    assert bob.decide_all() == 1
    ended = ended_runs(alice, [calling, waiting], RECOVERY_SECONDS)
    assert {run["status"] for run in ended.values()} == {"completed"}, [run["error"] for run in ended.values()]
    assert [len(counter.effects(tool)) for tool in (held, risky)] == [1, 1]
