"""``kill -9`` of one process at the worst moment: what was accepted is finished, and no effect is done twice."""

import pytest

from tests.chaos.world import PatientPerson, World, ended_runs
from tests.e2e import runs
from tests.e2e.authoring import approval_node, call, call_node, counted_tool, graph, say, scripted_agent, workflow
from tests.waiting import eventually

RECOVERY_SECONDS = 60
People = dict[str, PatientPerson]

pytestmark = pytest.mark.timeout(180)


class TestWorker:
    def test_killed_in_the_middle_of_tool_calls(self, world: World, people: People) -> None:
        """Each kind of tool, each kind of activity, before and after the effect, and a model call; all by one kill."""
        dev, counter = people["dev"], world.counter
        tools = {
            "key, before its effect": counted_tool(dev, counter, idempotency="key"),
            "key, after its effect": counted_tool(dev, counter, idempotency="key"),
            "key, short": counted_tool(dev, counter, idempotency="key", timeout=5.0),
            "idempotent, before its effect": counted_tool(dev, counter, idempotency="idempotent"),
            "none, before its effect": counted_tool(dev, counter, idempotency="none"),
            "none, after its effect": counted_tool(dev, counter, idempotency="none"),
            "none, short": counted_tool(dev, counter, idempotency="none", timeout=5.0),
        }
        started = {}
        for what, tool in tools.items():
            counter.hold(tool, "after" if "after" in what else "before")
            started[what] = runs.execute(dev, workflow(dev, graph({"act": call_node(tool, text=what)})))
        for tool in tools.values():
            counter.await_attempts(tool)
        thinker = scripted_agent(dev, {"delay": 3}, say("thought"))
        thinking = dev.send("POST", f"/agents/{thinker['id']}/invoke", 202, json={"wait_seconds": 0})["execution_id"]
        eventually(
            lambda: "think" in [step["kind"] for step in runs.history(dev, thinking)], RECOVERY_SECONDS, "it thinks"
        )
        pid = world.kill("worker")
        for tool in tools.values():
            counter.release(tool)
        world.await_back("worker", pid)

        ended = ended_runs(dev, [*started.values(), thinking], RECOVERY_SECONDS)
        assert ended[thinking]["output_data"] == {"output": "thought"}, ended[thinking]["error"]
        for what, tool in tools.items():
            run, attempts, effects = ended[started[what]], counter.attempts(tool), counter.effects(tool)
            if what.startswith("none"):
                assert (run["status"], run["error"]["code"]) == ("failed", "effect_unknown"), what
                assert (len(attempts), len(effects)) == (1, 1), what
            else:
                assert run["status"] == "completed", (what, run["error"])
                assert len(attempts) == 2, what
                assert {attempt.key for attempt in attempts} == {effect.key for effect in effects}, what
                assert len({effect.key for effect in effects}) == 1, what
                assert what.startswith("idempotent") or len(effects) == 1, what

    def test_killed_again_and_again_during_the_same_call(self, world: World, people: People) -> None:
        """A killed worker is not the tool's failure: it uses up none of the call's attempts."""
        dev, counter = people["dev"], world.counter
        tool = counted_tool(dev, counter)
        counter.hold(tool)
        run = runs.execute(dev, workflow(dev, graph({"act": call_node(tool) | {"retry": {"max_attempts": 1}}})))
        for number in (1, 2):
            counter.await_attempts(tool, number)
            world.kill_and_await_back("worker")
        counter.await_attempts(tool, 3)
        counter.release(tool)
        (ended,) = ended_runs(dev, [run], RECOVERY_SECONDS).values()
        assert ended["status"] == "completed", ended["error"]
        assert len(counter.effects(tool)) == 1

    def test_killed_between_settling_an_effect_and_telling_of_it(self, world: World, people: People) -> None:
        """The ledger answers the repetition: not even a tool that may be called twice is."""
        dev, counter = people["dev"], world.counter
        tools = [counted_tool(dev, counter, idempotency=how) for how in ("key", "idempotent", "none")]
        for tool in tools:
            counter.hold(tool)
        started = [runs.execute(dev, workflow(dev, graph({"act": call_node(tool)}))) for tool in tools]
        for tool in tools:
            counter.await_attempts(tool)
        with world.frozen("temporal"):
            for tool in tools:
                counter.release(tool)
            eventually(
                lambda: [world.ledger(run) for run in started] == [["done"]] * 3, RECOVERY_SECONDS, "all are settled"
            )
            worker = world.kill("worker")
            temporal = world.kill("temporal")  # with what it has received and not yet read
        world.await_back("temporal", temporal)
        world.await_back("worker", worker)
        ended = ended_runs(dev, started, RECOVERY_SECONDS)
        assert {run["status"] for run in ended.values()} == {"completed"}, [run["error"] for run in ended.values()]
        assert [len(counter.attempts(tool)) for tool in tools] == [1, 1, 1]

    def test_killed_while_the_run_waits_for_people(self, world: World, people: People) -> None:
        alice, bob, counter = people["alice"], people["bob"], world.counter
        tool = counted_tool(alice, counter, level=3)
        agent = scripted_agent(alice, call(tool, text="once"), say("done"), level=3, tools=[tool])
        definition = graph({"ask": approval_node(), "work": {"type": "agent", "prompt": "go", "output": "said"}})
        run = runs.execute(alice, workflow(alice, definition, agents={"work": agent["name"]}))
        gate = runs.question(bob, run)
        world.kill_and_await_back("worker")
        bob.decide(gate)
        risky = runs.question(bob, run)
        pid = world.kill("worker")
        bob.decide(risky)  # while nobody is there to be told
        world.await_back("worker", pid)
        (ended,) = ended_runs(alice, [run], RECOVERY_SECONDS).values()
        assert (ended["status"], ended["output_data"]["said"]) == ("completed", "done")
        assert (len(counter.attempts(tool)), len(counter.effects(tool))) == (1, 1)


class TestApi:
    def test_killed_right_after_it_accepted_a_run_that_no_worker_could_take(self, world: World, people: People) -> None:
        dev, counter = people["dev"], world.counter
        tool = counted_tool(dev, counter)
        stored = workflow(dev, graph({"act": call_node(tool)}))
        worker = world.kill("worker")
        run = runs.execute(dev, stored)
        api = world.kill("api")
        world.await_back("worker", worker)
        world.await_back("api", api)
        (ended,) = ended_runs(dev, [run], RECOVERY_SECONDS).values()
        assert ended["status"] == "completed", ended["error"]
        assert (len(counter.attempts(tool)), len(counter.effects(tool))) == (1, 1)

    def test_killed_after_it_accepted_a_run_and_a_decision_that_temporal_did_not_hear_of(
        self, world: World, people: People
    ) -> None:
        """Only the outbox knows of them."""
        dev, bob, counter = people["dev"], people["bob"], world.counter
        decided, accepted = counted_tool(dev, counter), counted_tool(dev, counter)
        waiting = runs.execute(dev, workflow(dev, graph({"ask": approval_node(), "act": call_node(decided)})))
        stored = workflow(dev, graph({"act": call_node(accepted)}))
        asked = runs.question(bob, waiting)
        with world.frozen("temporal"):
            late = runs.execute(dev, stored)
            bob.decide(asked)
            pid = world.kill("api")
        world.await_back("api", pid)
        ended = ended_runs(dev, [waiting, late], RECOVERY_SECONDS)
        assert {run["status"] for run in ended.values()} == {"completed"}, [run["error"] for run in ended.values()]
        for tool in (decided, accepted):
            assert (len(counter.attempts(tool)), len(counter.effects(tool))) == (1, 1)

    def test_killed_while_a_client_waits_for_the_answer(self, world: World, people: People) -> None:
        """The client asks again under the same key: there is one run, and it is the one."""
        dev, counter = people["dev"], world.counter
        tool = counted_tool(dev, counter)
        agent = scripted_agent(dev, call(tool), say("done"), tools=[tool])
        counter.hold(tool)
        key = {"Idempotency-Key": f"lost-answer-{tool}"}
        path = f"/agents/{agent['id']}/invoke"
        dev.ask("POST", path, json={"wait_seconds": 0}, headers=key)
        counter.await_attempts(tool)
        world.kill_and_await_back("api")
        counter.release(tool)
        answer = dev.ask("POST", path, json={"wait_seconds": 0}, headers=key)
        assert answer.headers["Idempotent-Replayed"] == "true"
        found = dev.get("/executions", agent_id=agent["id"])["items"]
        assert [run["id"] for run in found] == [answer.json()["execution_id"]]
        (ended,) = ended_runs(dev, [found[0]["id"]], RECOVERY_SECONDS).values()
        assert ended["output_data"] == {"output": "done"}
        assert (len(counter.attempts(tool)), len(counter.effects(tool))) == (1, 1)


class TestServers:
    @pytest.mark.parametrize("server", ["postgres", "temporal", "redis"])
    def test_killed_while_runs_call_tools_think_and_wait(self, world: World, people: People, server: str) -> None:
        alice, bob, counter = people["alice"], people["bob"], world.counter
        held, after, risky = (counted_tool(alice, counter, level=level) for level in (1, 1, 3))
        access = {held: {"enabled": True, "rate_limit": 1000}}  # counted in Redis
        agent = scripted_agent(alice, {"delay": 1}, call(held), say("done"), tool_access=access)
        definitions = [
            graph({"act": call_node(held)}),
            graph({"work": {"type": "agent", "prompt": "go"}}),
            graph({"ask": approval_node(), "act": call_node(after)}),
            graph({"act": call_node(risky)}),
        ]
        counter.hold(held)
        started = [
            runs.execute(
                alice,
                workflow(alice, definition, agents={"work": agent["id"]} if "work" in definition["nodes"] else {}),
            )
            for definition in definitions
        ]
        counter.await_attempts(held)
        for run in started[2:]:
            runs.question(bob, run)

        pid = world.kill(server)
        late = runs.start(alice, workflow(alice, graph({"act": call_node(after)})))["id"]
        counter.release(held)
        assert bob.decide_all() == 2
        world.await_back(server, pid)

        ended = ended_runs(alice, [*started, late], RECOVERY_SECONDS)
        assert {run["status"] for run in ended.values()} == {"completed"}, [run["error"] for run in ended.values()]
        for tool, calls in ((held, 2), (after, 2), (risky, 1)):
            assert len({attempt.key for attempt in counter.attempts(tool)}) == calls
            assert len(counter.effects(tool)) == calls

    def test_everything_killed_at_once(self, world: World, people: People) -> None:
        """As when the machine runs out of memory: the supervisor brings all of it back."""
        alice, bob, counter = people["alice"], people["bob"], world.counter
        held, risky = counted_tool(alice, counter), counted_tool(alice, counter, level=3)
        counter.hold(held, "after")
        definitions = [graph({"act": call_node(held)}), graph({"act": call_node(risky)})]
        started = [runs.execute(alice, workflow(alice, definition)) for definition in definitions]
        counter.await_attempts(held)
        asked = runs.question(bob, started[1])
        names = ("worker", "api", "temporal", "postgres", "redis", "llm-stub", "kafka")
        pids = {name: world.kill(name) for name in names}
        counter.release(held)
        for name, pid in pids.items():
            world.await_back(name, pid)
        bob.decide(asked)
        ended = ended_runs(alice, started, RECOVERY_SECONDS)
        assert {run["status"] for run in ended.values()} == {"completed"}, [run["error"] for run in ended.values()]
        assert (len(counter.attempts(held)), len(counter.effects(held)), len(counter.effects(risky))) == (2, 1, 1)
