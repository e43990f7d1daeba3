"""What the service says of itself in /openapi.json: every answer is held against it, and calls are written down."""

import re
from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

import httpx2
from jsonschema_rs import Draft202012Validator

_PLACE = re.compile(r"\{[^}]+\}")


@dataclass(frozen=True)
class Operation:
    """One operation: ``pattern`` fits its paths, ``document`` is what OpenAPI says of it."""

    id: str
    method: str
    path: str
    pattern: re.Pattern[str]
    document: dict[str, Any]

    @property
    def statuses(self) -> frozenset[int]:
        """The statuses that it may answer."""
        return frozenset(int(status) for status in self.document["responses"])

    @property
    def takes_body(self) -> bool:
        """Whether it reads a body."""
        return "requestBody" in self.document

    @property
    def is_public(self) -> bool:
        """Whether it answers without a token."""
        return not self.document.get("security")

    @property
    def path_names(self) -> tuple[str, ...]:
        """The names of the places in its path."""
        return tuple(place[1:-1] for place in _PLACE.findall(self.path))

    @property
    def query_names(self) -> tuple[str, ...]:
        """The names of its query parameters."""
        return tuple(
            parameter["name"] for parameter in self.document.get("parameters", []) if parameter["in"] == "query"
        )

    def at(self, **places: object) -> str:
        """Return its path with the places filled in."""
        return self.path.format(**places)


@dataclass
class Contract:
    """The published operations and the statuses that were seen of each."""

    document: dict[str, Any]
    seen: defaultdict[str, set[int]] = field(default_factory=lambda: defaultdict(set))
    _validators: dict[tuple[str, int], Draft202012Validator] = field(default_factory=dict)

    @property
    def operations(self) -> list[Operation]:
        """All operations; those with fewer places in their path come first, because they are meant first."""
        found = [
            Operation(document["operationId"], method.upper(), path, _pattern(path), document)
            for path, item in self.document["paths"].items()
            for method, document in item.items()
        ]
        return sorted(found, key=lambda operation: len(operation.path_names))

    def operation(self, operation_id: str) -> Operation:
        """Return an operation by its id."""
        return next(operation for operation in self.operations if operation.id == operation_id)

    def check(self, answer: httpx2.Response) -> None:
        """Write an answer down, and fail where the document does not have it."""
        path, method = answer.request.url.path, answer.request.method
        operation = next((op for op in self.operations if op.method == method and op.pattern.fullmatch(path)), None)
        if operation is None:
            return  # nothing is there; what such calls answer is for their test to say
        status = answer.status_code
        assert status in operation.statuses, f"{operation.id} does not document {status}: {answer.text}"
        self.seen[operation.id].add(status)
        faults = [
            f"{'/'.join(str(part) for part in fault.instance_path)}: {fault.message}"
            for fault in self._validator(operation, answer).iter_errors(answer.json())
        ]
        assert not faults, f"{operation.id}'s answer {status} is not as documented: {faults}"

    def _validator(self, operation: Operation, answer: httpx2.Response) -> Draft202012Validator:
        key = (operation.id, answer.status_code)
        if key not in self._validators:
            content = operation.document["responses"][str(answer.status_code)]["content"]
            media_type = answer.headers["content-type"].partition(";")[0]
            schema = {**content[media_type]["schema"], "components": self.document["components"]}
            self._validators[key] = Draft202012Validator(schema, validate_formats=True)
        return self._validators[key]


def _pattern(path: str) -> re.Pattern[str]:
    return re.compile("[^/]+".join(re.escape(part) for part in _PLACE.split(path)))
