"""Running things and watching them, over HTTP."""

from typing import Any

from tests.e2e.client import Person
from tests.waiting import eventually

END_SECONDS = 40
FINAL = frozenset({"completed", "failed", "cancelled"})


def execute(person: Person, workflow: dict[str, Any], **input_data: Any) -> str:
    """Start a run and return its id."""
    return str(start(person, workflow, input_data=input_data)["id"])


def start(person: Person, workflow: dict[str, Any], **body: Any) -> dict[str, Any]:
    """Start a run and return it as it was accepted."""
    run: dict[str, Any] = person.send("POST", f"/workflows/{workflow['id']}/execute", 202, json=body)
    return run


def execution(person: Person, execution_id: str) -> dict[str, Any]:
    """Read a run."""
    run: dict[str, Any] = person.get(f"/executions/{execution_id}")
    return run


def ended(person: Person, execution_id: str, *statuses: str) -> dict[str, Any]:
    """Wait until a run has ended as it should: completed, or with one of ``statuses``."""
    run: dict[str, Any] = {}

    def over() -> bool:
        run.update(execution(person, execution_id))
        return run["status"] in FINAL

    eventually(over, END_SECONDS, f"the run {execution_id} ends")
    assert run["status"] in (statuses or ("completed",)), f"The run is {run['status']}: {run['error']}"
    return run


def failed(person: Person, execution_id: str, code: str) -> dict[str, Any]:
    """Wait until a run has failed with this code, and return its error."""
    error: dict[str, Any] = ended(person, execution_id, "failed")["error"]
    assert error["code"] == code, error
    return error


def questions(person: Person, execution_id: str) -> list[dict[str, Any]]:
    """Read a run's open requests."""
    items: list[dict[str, Any]] = person.get("/hitl/pending", execution_id=execution_id)["items"]
    return items


def question(person: Person, execution_id: str, count: int = 1) -> dict[str, Any]:
    """Wait until a run has so many open requests, and return the first."""
    found: list[dict[str, Any]] = []

    def asked() -> bool:
        found[:] = questions(person, execution_id)
        return len(found) >= count

    eventually(asked, END_SECONDS, f"the run {execution_id} asks {count}")
    assert len(found) == count, found
    return found[0]


def approve(person: Person, request: dict[str, Any], **body: Any) -> dict[str, Any]:
    """Approve a request."""
    decided: dict[str, Any] = person.send("POST", f"/hitl/{request['id']}/approve", 200, json=body)
    return decided


def reject(person: Person, request: dict[str, Any], **body: Any) -> dict[str, Any]:
    """Reject a request."""
    decided: dict[str, Any] = person.send("POST", f"/hitl/{request['id']}/reject", 200, json=body)
    return decided


def history(person: Person, execution_id: str) -> list[dict[str, Any]]:
    """Read a run's steps."""
    page = person.get(f"/executions/{execution_id}/history", page_size=200)
    items: list[dict[str, Any]] = page["items"]
    assert page["total"] == len(items)
    return items
