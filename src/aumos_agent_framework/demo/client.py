"""The service's API as the demo uses it: plain HTTP, one caller per client."""

from collections.abc import Iterator, Mapping
from http import HTTPStatus
from types import TracebackType
from typing import Self

import httpx2
import orjson

from aumos_agent_framework.core.errors import AgfError
from aumos_agent_framework.core.types import JsonObject, JsonValue

API = "/api/v1"
CALL_SECONDS = 10.0
PAGE_SIZE = 200
MAX_PAGES = 50


class ApiError(AgfError):
    """The API refused a call, or did not answer (``retryable``)."""


class ApiClient:
    """Calls the API as the subject of one token. Every call raises ``ApiError``."""

    def __init__(self, base_url: str, token: str, transport: httpx2.BaseTransport | None = None) -> None:
        self._http = httpx2.Client(
            base_url=base_url,
            headers={"Authorization": f"Bearer {token}"},
            timeout=CALL_SECONDS,
            transport=transport,
            trust_env=False,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None
    ) -> None:
        self._http.close()

    def ensure_tool(self, body: JsonObject) -> None:
        """Register a tool, or bring the registered one of this name to the same state."""
        present = self._find(f"/tools/{body['name']}")
        if present is None:
            self._call("POST", "/tools", body)
        elif changes := _differences(body, present):
            self._call("PATCH", f"/tools/{body['name']}", changes)

    def ensure_agent(self, body: JsonObject) -> None:
        """Register an agent, or bring the registered one of this name to the same state."""
        present = next((agent for agent in self._all("/agents") if agent["name"] == body["name"]), None)
        if present is None:
            self._call("POST", "/agents", body)
            return
        changes = dict(_differences(body, present))
        if "tool_access" in changes:
            self._call("PUT", f"/agents/{present['id']}/tools", {"tool_access": changes.pop("tool_access")})
        if changes:
            self._call("PATCH", f"/agents/{present['id']}", changes)
        if present["status"] == "suspended":
            self._call("POST", f"/agents/{present['id']}/resume")

    def ensure_workflow(self, body: JsonObject) -> str:
        """Store a workflow, or a new version of the one of this name if it differs, and return its id."""
        present = next((flow for flow in self._all("/workflows") if flow["name"] == body["name"]), None)
        if present is None:
            return str(self._call("POST", "/workflows", body)["id"])
        if _differences(body, present):
            self._call("PUT", f"/workflows/{present['id']}", body)
        return str(present["id"])

    def execute(self, workflow_id: str, input_data: JsonObject) -> JsonObject:
        """Start a run."""
        return self._call("POST", f"/workflows/{workflow_id}/execute", {"input_data": input_data})

    def execution(self, execution_id: str) -> JsonObject:
        """Return a run as it stands."""
        return self._call("GET", f"/executions/{execution_id}")

    def history(self, execution_id: str) -> list[JsonObject]:
        """Return a run's steps so far, in order of start."""
        return list(self._all(f"/executions/{execution_id}/history"))

    def pending(self, execution_id: str) -> list[JsonObject]:
        """Return a run's open requests."""
        return list(self._all("/hitl/pending", execution_id=execution_id))

    def approve(self, request: JsonObject, notes: str) -> None:
        """Approve what the request showed: its digest goes along, so that nothing else can be meant."""
        self._call("POST", f"/hitl/{request['id']}/approve", {"digest": request["digest"], "notes": notes})

    def reject(self, request: JsonObject, notes: str) -> None:
        """Reject."""
        self._call("POST", f"/hitl/{request['id']}/reject", {"notes": notes})

    def cancel(self, execution_id: str, reason: str) -> None:
        """Ask a run to stop."""
        self._call("POST", f"/executions/{execution_id}/cancel", {"reason": reason})

    def _find(self, path: str) -> JsonObject | None:
        response = self._send("GET", path)
        return None if response.status_code == HTTPStatus.NOT_FOUND else _answer(response)

    def _all(self, path: str, **query: str) -> Iterator[JsonObject]:
        for page in range(1, MAX_PAGES + 1):
            answer = self._call("GET", path, query={"page": page, "page_size": PAGE_SIZE, **query})
            yield from answer["items"]
            if page * PAGE_SIZE >= answer["total"]:
                return

    def _call(
        self, method: str, path: str, body: JsonObject | None = None, query: Mapping[str, str | int] | None = None
    ) -> JsonObject:
        return _answer(self._send(method, path, body, query))

    def _send(
        self, method: str, path: str, body: JsonObject | None = None, query: Mapping[str, str | int] | None = None
    ) -> httpx2.Response:
        try:
            return self._http.request(method, f"{API}{path}", json=body, params=query)
        except httpx2.TransportError as error:
            raise ApiError("api_away", f"The API at {self._http.base_url} does not answer.", retryable=True) from error


def _answer(response: httpx2.Response) -> JsonObject:
    if response.is_success:
        answer: JsonObject = orjson.loads(response.content)
        return answer
    raise ApiError(
        "api_refused",
        f"{response.request.method} {response.request.url.path}: {_problem(response)}",
        retryable=response.status_code >= HTTPStatus.INTERNAL_SERVER_ERROR,
    )


def _problem(response: httpx2.Response) -> str:
    """Return what a problem document says, with the places it points at."""
    try:
        document = orjson.loads(response.content)
    except orjson.JSONDecodeError:
        document = None
    if not isinstance(document, dict):
        return f"status {response.status_code}"
    places = [f"{fault.get('pointer')}: {fault.get('message')}" for fault in document.get("errors") or ()]
    said = document.get("detail") or document.get("title") or f"status {response.status_code}"
    return " ".join([str(said), *places])


def _differences(wanted: Mapping[str, JsonValue], present: Mapping[str, JsonValue]) -> JsonObject:
    """Return the wanted fields that are not so yet."""
    return {key: value for key, value in wanted.items() if not _same(present.get(key), value)}


def _same(present: JsonValue, wanted: JsonValue) -> bool:
    """Compare; the service writes ``null`` where nothing was said."""
    if isinstance(wanted, dict) and isinstance(present, dict):
        return all(_same(present.get(key), wanted.get(key)) for key in wanted.keys() | present.keys())
    return bool(present == wanted)
