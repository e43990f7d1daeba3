import io
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx2
import pytest
from rich.console import Console

from aumos_agent_framework.core.types import JsonObject
from aumos_agent_framework.demo.client import ApiClient, ApiError
from aumos_agent_framework.demo.run import Demo, DemoError
from aumos_agent_framework.demo.scenario import Scenario, load_scenario
from aumos_agent_framework.demo.terminal import Terminal
from tests.unit.demo.fake_api import FakeApi

URL = "http://localhost:8007"


@pytest.fixture
def api(tmp_path: Path) -> FakeApi:
    return FakeApi(tmp_path)


@pytest.fixture
def screen() -> io.StringIO:
    return io.StringIO()


@pytest.fixture
def scenario() -> Scenario:
    return load_scenario()


MakeDemo = Callable[..., Demo]


@pytest.fixture
def make_demo(api: FakeApi, screen: io.StringIO, tmp_path: Path) -> Iterator[MakeDemo]:
    with ExitStack() as stack:
        alice = stack.enter_context(ApiClient(URL, "alice", api.transport()))
        bob = stack.enter_context(ApiClient(URL, "bob", api.transport()))

        def make(*, approves: bool) -> Demo:
            def decide(_: JsonObject) -> bool:
                return approves

            terminal = Terminal(Console(file=screen, width=100))
            people = {"alice": alice, "bob": bob}
            return Demo(**people, data_dir=tmp_path, terminal=terminal, decide=decide, wait=lambda _: None)

        yield make


class TestRun:
    def test_registers_runs_asks_and_checks(
        self, api: FakeApi, make_demo: MakeDemo, scenario: Scenario, screen: io.StringIO, tmp_path: Path
    ) -> None:
        demo = make_demo(approves=True)
        published = demo.run(scenario)
        demo.show(published, URL)
        assert (published.execution_id, published.path) == ("run-1", tmp_path / "audit.md")
        shown = screen.getvalue()
        for part in ("collect", "Approval needed", "bob approves", "All is well.", f"{URL}/api/v1/executions/run-1"):
            assert part in shown

    def test_bob_decides_by_the_digest_that_was_shown(
        self, api: FakeApi, make_demo: MakeDemo, scenario: Scenario
    ) -> None:
        make_demo(approves=True).run(scenario)
        ((subject, decision, body),) = api.decisions
        assert (subject, decision, body["digest"]) == ("bob", "approve", "d" * 64)

    def test_a_rejection_ends_without_success(self, api: FakeApi, make_demo: MakeDemo, scenario: Scenario) -> None:
        with pytest.raises(DemoError, match="bob rejected the call"):
            make_demo(approves=False).run(scenario)
        assert [(subject, what) for subject, what, _ in api.decisions] == [("bob", "reject")]

    def test_a_failed_run_ends_without_success(self, api: FakeApi, make_demo: MakeDemo, scenario: Scenario) -> None:
        api.fails = True
        with pytest.raises(DemoError, match="failed at collect: model away"):
            make_demo(approves=True).run(scenario)

    @pytest.mark.parametrize(("trouble", "message"), [("alters", "not the one"), ("removes", "no report")])
    def test_a_report_that_is_not_what_was_approved_is_no_success(
        self, api: FakeApi, make_demo: MakeDemo, scenario: Scenario, trouble: str, message: str
    ) -> None:
        setattr(api, trouble, True)
        with pytest.raises(DemoError, match=message):
            make_demo(approves=True).run(scenario)

    def test_goes_on_when_the_api_is_away_for_a_while(
        self, api: FakeApi, make_demo: MakeDemo, scenario: Scenario
    ) -> None:
        api.away_for = 5
        assert make_demo(approves=True).run(scenario).execution_id == "run-1"

    def test_cancels_what_it_started(self, api: FakeApi, make_demo: MakeDemo, scenario: Scenario) -> None:
        demo = make_demo(approves=True)
        demo.cancel()
        assert api.cancelled == []
        demo.run(scenario)
        demo.cancel()
        assert api.cancelled == ["run-1"]


class TestRegistration:
    def test_a_second_run_changes_nothing(self, api: FakeApi, make_demo: MakeDemo, scenario: Scenario) -> None:
        make_demo(approves=True).run(scenario)
        first = len(api.writes)
        api.decisions.clear()
        api.looks = 0
        make_demo(approves=True).run(scenario)
        assert [write.rpartition("/")[2] for write in api.writes[first:]] == ["execute", "approve"]

    @pytest.mark.parametrize(
        ("change", "write"),
        [
            (lambda api: _first(api.tools).update(min_privilege_level=2), "PATCH /tools/"),
            (lambda api: _first(api.agents).update(instructions="Do nothing."), "PATCH /agents/"),
            (lambda api: _first(api.agents).update(tool_access={}), "PUT /agents/"),
            (lambda api: _first(api.agents)["tool_access"].update(other={"enabled": True}), "PUT /agents/"),
            (lambda api: _first(api.agents)["resource_limits"].update(max_tokens=5), "PATCH /agents/"),
            (lambda api: _first(api.agents).update(status="suspended"), "POST /agents/"),
            (lambda api: _first(api.workflows).update(limits={"max_steps": 1}), "PUT /workflows/"),
        ],
        ids=["tool level", "instructions", "no tools", "another tool", "limits", "suspended", "workflow"],
    )
    def test_what_somebody_changed_is_put_back(
        self,
        api: FakeApi,
        make_demo: MakeDemo,
        scenario: Scenario,
        change: Callable[[FakeApi], None],
        write: str,
    ) -> None:
        make_demo(approves=True).run(scenario)
        api.writes.clear()
        api.decisions.clear()
        api.looks = 0
        change(api)
        make_demo(approves=True).run(scenario)
        (repair,) = (done for done in api.writes if "execute" not in done and "hitl" not in done)
        assert repair.startswith(write)


def _first(kept: dict[str, dict[str, Any]]) -> dict[str, Any]:
    return next(iter(kept.values()))


class TestApiClient:
    @staticmethod
    def client(response: httpx2.Response) -> ApiClient:
        return ApiClient(URL, "alice", httpx2.MockTransport(lambda _: response))

    def test_a_refusal_says_what_the_problem_says(self) -> None:
        problem = {"detail": "The body is not valid.", "errors": [{"pointer": "/name", "message": "missing"}]}
        with self.client(httpx2.Response(422, json=problem)) as client, pytest.raises(ApiError) as caught:
            client.execute("1", {})
        assert caught.value.message == "POST /api/v1/workflows/1/execute: The body is not valid. /name: missing"
        assert not caught.value.retryable

    @pytest.mark.parametrize("body", [b"<html>", b"[]", b""])
    def test_a_refusal_without_a_problem_document_says_its_status(self, body: bytes) -> None:
        with self.client(httpx2.Response(502, content=body)) as client, pytest.raises(ApiError, match="502") as caught:
            client.execution("1")
        assert caught.value.retryable

    def test_reads_all_pages(self) -> None:
        def serve(request: httpx2.Request) -> httpx2.Response:
            page = int(request.url.params["page"])
            return httpx2.Response(200, json={"items": [{"seq": page}], "total": 401})

        with ApiClient(URL, "alice", httpx2.MockTransport(serve)) as client:
            assert [step["seq"] for step in client.history("1")] == [1, 2, 3]
