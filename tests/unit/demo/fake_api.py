"""As much of the API as the demo uses, in memory: what was asked is recorded, runs advance with every look."""

import hashlib
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx2
import orjson

DEFAULTS = {"status": "active", "version": 1}
AGENT_DEFAULTS = {"resource_limits": {"max_steps": 25, "max_tokens": None, "max_calls_per_minute": None}}


def a_step(seq: int, node: str, kind: str, status: str = "completed", **fields: Any) -> dict[str, Any]:
    """A step that began at second ``seq`` and, unless it goes on, took half a second."""
    ended = None if status in {"running", "waiting"} else f"2026-11-22T12:00:{seq:02d}.500000Z"
    base = {
        "seq": seq,
        "parent_seq": None,
        "node": node,
        "kind": kind,
        "status": status,
        "started_at": f"2026-11-22T12:00:{seq:02d}Z",
        "ended_at": ended,
        "input": None,
        "output": None,
        "error": None,
    }
    return base | fields


class FakeApi:
    """Serves ``alice`` and ``bob``, whose tokens are their names."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.writes: list[str] = []
        self.tools: dict[str, dict[str, Any]] = {}
        self.agents: dict[str, dict[str, Any]] = {}
        self.workflows: dict[str, dict[str, Any]] = {}
        self.request: dict[str, Any] | None = None
        self.decisions: list[tuple[str, str, dict[str, Any]]] = []
        self.cancelled: list[str] = []
        self.away_for = 0
        self.fails = False
        self.alters = False
        self.removes = False
        self.looks = 0

    def transport(self) -> httpx2.MockTransport:
        return httpx2.MockTransport(self._serve)

    def _serve(self, request: httpx2.Request) -> httpx2.Response:
        if self.away_for and request.method == "GET" and "/executions/" in request.url.path:
            self.away_for -= 1
            raise httpx2.ConnectError("connection refused")
        path = request.url.path.removeprefix("/api/v1")
        subject = request.headers["Authorization"].removeprefix("Bearer ")
        body = orjson.loads(request.content) if request.content else {}
        if request.method != "GET":
            self.writes.append(f"{request.method} {path}")
        routes: list[tuple[str, str, Callable[..., Any]]] = [
            ("GET", r"/tools/(.+)", self.tools.get),
            ("POST", r"/tools", lambda: self._store(self.tools, body["name"], DEFAULTS | body)),
            ("PATCH", r"/tools/(.+)", lambda name: self._store(self.tools, name, self.tools[name] | body)),
            ("GET", r"/agents", lambda: self._page(self.agents)),
            ("POST", r"/agents", lambda: self._agent(body)),
            ("PUT", r"/agents/(.+)/tools", lambda id_: self._store(self.agents, id_, self.agents[id_] | body)),
            ("POST", r"/agents/(.+)/resume", lambda id_: self._store(self.agents, id_, self.agents[id_] | DEFAULTS)),
            ("PATCH", r"/agents/(.+)", lambda id_: self._store(self.agents, id_, self.agents[id_] | body)),
            ("GET", r"/workflows", lambda: self._page(self.workflows)),
            ("POST", r"/workflows", lambda: self._workflow(str(uuid4()), body)),
            ("PUT", r"/workflows/(.+)", lambda id_: self._workflow(id_, body)),
            ("POST", r"/workflows/(.+)/execute", lambda id_: self._execution()),
            ("GET", r"/executions/(.+)/history", lambda id_: self._page({s["seq"]: s for s in self._steps()})),
            ("POST", r"/executions/(.+)/cancel", lambda id_: self.cancelled.append(id_) or {}),  # type: ignore[func-returns-value]
            ("GET", r"/executions/(.+)", lambda id_: self._execution(look=True)),
            ("GET", r"/hitl/pending", lambda: self._page({1: self.request} if self.request else {})),
            ("POST", r"/hitl/(.+)/(approve|reject)", lambda _, what: self._decide(subject, what, body)),
        ]
        for method, pattern, answer in routes:
            match = re.fullmatch(pattern, path)
            if match and method == request.method:
                found = answer(*match.groups())
                return httpx2.Response(200, json=found) if found is not None else _problem(404, "No such thing.")
        return _problem(405, f"{request.method} {path} is not in the fake.")

    @staticmethod
    def _store(kept: dict[str, dict[str, Any]], key: str, value: dict[str, Any]) -> dict[str, Any]:
        kept[key] = value
        return value

    def _agent(self, body: dict[str, Any]) -> dict[str, Any]:
        limits = AGENT_DEFAULTS["resource_limits"] | body.get("resource_limits", {})
        access = {tool: {"rate_limit": None} | grant for tool, grant in body["tool_access"].items()}
        id_ = str(uuid4())
        agent = DEFAULTS | body | {"id": id_, "resource_limits": limits, "tool_access": access}
        return self._store(self.agents, id_, agent)

    def _workflow(self, id_: str, body: dict[str, Any]) -> dict[str, Any]:
        return self._store(self.workflows, id_, {"hitl_gates": {}} | body | {"id": id_})

    @staticmethod
    def _page(kept: dict[Any, dict[str, Any]]) -> dict[str, Any]:
        return {"items": list(kept.values()), "total": len(kept), "page": 1, "page_size": 200}

    def _decide(self, subject: str, what: str, body: dict[str, Any]) -> dict[str, Any]:
        self.decisions.append((subject, what, body))
        decided, self.request = self.request, None
        assert decided is not None
        return decided

    def _execution(self, *, look: bool = False) -> dict[str, Any]:
        self.looks += look
        base = {"id": "run-1", "error": None, "output_data": None}
        if self.fails and self.looks > 1:
            return base | {"status": "failed", "error": {"code": "x", "message": "model away", "node": "collect"}}
        if self.decisions:
            return base | {"status": "completed", "output_data": {"publication": self._publication()}}
        if self.looks > 2:
            self.request = self.request or {
                "id": "request-1",
                "tool": "audit_publish_report",
                "required_level": 3,
                "node": "publish",
                "initiated_by": "alice",
                "expires_at": "2026-11-23T12:00:00Z",
                "digest": "d" * 64,
                "action_description": "Call audit_publish_report",
                "arguments": {"path": "audit.md", "text": "# Dependency licence audit\n" * 100},
            }
            return base | {"status": "paused_hitl"}
        return base | {"status": "running"}

    def _publication(self) -> dict[str, Any]:
        if self.decisions[0][1] == "reject":
            return {"published": False, "reason": "bob rejected the call."}
        path = self.directory / "audit.md"
        content = b"# Dependency licence audit\n\nAll is well.\n"
        path.write_bytes(content + (b"almost" if self.alters else b""))
        if self.removes:
            path.unlink()
        return {"published": True, "path": path.name, "sha256": hashlib.sha256(content).hexdigest()}

    def _steps(self) -> list[dict[str, Any]]:
        steps = [a_step(1, "collect", "agent", "running"), a_step(2, "collect", "think", parent_seq=1)]
        if self.looks > 1:
            steps[0] = a_step(1, "collect", "agent")
        if self.looks > 2:
            status = "completed" if self.decisions else "waiting"
            call = {"tool": "audit_publish_report", "arguments": {}}
            steps.append(a_step(3, "publish", "act", status, input=call))
        return steps


def _problem(status: int, detail: str) -> httpx2.Response:
    return httpx2.Response(status, json={"title": "Refused", "detail": detail, "errors": []})
