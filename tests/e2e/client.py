"""HTTP as a client speaks it: one ``Person`` per identity, every answer held against the contract."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx2

from tests.e2e.contract import Contract
from tests.e2e.shapes import require_problem
from tests.running_stack import RunningStack

TIMEOUT_SECONDS = 60
PEOPLE: dict[str, str] = {
    "vera": "viewer",
    "dev": "developer",
    "alice": "approver",
    "bob": "approver",
    "ada": "admin",
    "abe": "admin",
    "pia": "platform_admin",
    "pam": "platform_admin",
    "pete": "platform_admin",
}
"""Who works at each tenant, with their only role."""


@dataclass(frozen=True)
class Person:
    """Somebody of a tenant, who talks to the service with a token of their own."""

    name: str
    token: str | None = field(repr=False)
    contract: Contract = field(repr=False)
    http: httpx2.Client = field(repr=False)

    def ask(self, method: str, path: str, **options: Any) -> httpx2.Response:
        """Send a request and return whatever comes; ``path`` may leave out /api/v1."""
        return self.judged(self.exchange(method, path, **options))

    def exchange(self, method: str, path: str, **options: Any) -> httpx2.Response:
        """Send a request once, and say nothing about what comes."""
        headers = {**({"Authorization": f"Bearer {self.token}"} if self.token else {}), **options.pop("headers", {})}
        return self.http.request(method, full_path(path), headers=headers, **options)

    def judged(self, answer: httpx2.Response) -> httpx2.Response:
        """Hold an answer against the contract; the service may refuse, it may not fail."""
        assert answer.status_code < 500, f"{answer.request.method} {answer.request.url}: {answer.text}"
        self.contract.check(answer)
        if answer.status_code >= 400:
            _check_problem(answer)
        return answer

    def send(self, method: str, path: str, expected: int, **options: Any) -> Any:
        """Send a request that must succeed with this status, and return the answer's body."""
        answer = self.ask(method, path, **options)
        assert answer.status_code == expected, f"{self.name}: {method} {path}: {answer.status_code} {answer.text}"
        return answer.json()

    def get(self, path: str, **params: Any) -> Any:
        """Read something that must be there."""
        return self.send("GET", path, 200, params=params)

    def refused(self, method: str, path: str, status: int, code: str, **options: Any) -> dict[str, Any]:
        """Send a request that must be refused with this status and code, and return the problem."""
        answer = self.ask(method, path, **options)
        assert answer.status_code == status, f"{self.name}: {method} {path}: {answer.status_code} {answer.text}"
        problem: dict[str, Any] = answer.json()
        assert problem["code"] == code, problem
        return problem


@dataclass(frozen=True)
class Tenant:
    """A tenant's people."""

    name: str
    people: dict[str, Person] = field(repr=False)

    def __getattr__(self, name: str) -> Person:
        """Return somebody by name."""
        try:
            return self.people[name]
        except KeyError:
            raise AttributeError(name) from None


@dataclass(frozen=True)
class Service:
    """The service under test, and ways to get at people who may talk to it."""

    stack: RunningStack
    http: httpx2.Client
    contract: Contract

    def person(self, tenant: str, name: str, roles: Sequence[str], level: int | None = None) -> Person:
        """Return somebody with a token."""
        return Person(name, self.stack.token(tenant, name, roles, level), self.contract, self.http)

    def with_token(self, token: str | None) -> Person:
        """Return somebody whose token is whatever it is."""
        return Person("somebody", token, self.contract, self.http)

    def tenant(self, name: str) -> Tenant:
        """Return a tenant with all of ``PEOPLE``."""
        return Tenant(name, {person: self.person(name, person, [role]) for person, role in PEOPLE.items()})


@contextmanager
def service_on(stack: RunningStack) -> Iterator[Service]:
    """Talk to a stack."""
    with httpx2.Client(base_url=stack.base_url, timeout=TIMEOUT_SECONDS) as http:
        yield Service(stack, http, Contract(http.get("/openapi.json").raise_for_status().json()))


def full_path(path: str) -> str:
    """Return the path with its prefix."""
    complete = ("http://", "/api/", "/live", "/ready", "/openapi", "/docs")
    return path if path.startswith(complete) else f"/api/v1{path}"


def _check_problem(answer: httpx2.Response) -> None:
    assert answer.headers["content-type"].partition(";")[0] == "application/problem+json", answer.headers
    require_problem(
        answer.json(),
        status=answer.status_code,
        path=answer.request.url.raw_path.decode().partition("?")[0],
        request_id=answer.headers["X-Request-ID"],
    )
    if answer.status_code == 401:
        assert answer.headers["WWW-Authenticate"].startswith("Bearer")
