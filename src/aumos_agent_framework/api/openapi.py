"""The API's description: every answer that is documented, with an example that fits its schema."""

from collections.abc import Iterator
from http import HTTPStatus
from typing import Any, cast, get_args

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi.routing import RouteContext, iter_route_contexts
from pydantic import BaseModel, ConfigDict, Field

from aumos_agent_framework import __version__
from aumos_agent_framework.api.middleware import MAX_BODY_BYTES, REQUEST_ID_HEADER
from aumos_agent_framework.api.pointers import NOTATION
from aumos_agent_framework.api.problems import MEDIA_TYPE, PROBLEM_SCHEMA, problem_type
from aumos_agent_framework.core.types import JsonObject

JSON = "application/json"
DESCRIPTION = f"""
Multi-agent workflows that run durably, under human control, for many tenants.

- **Authentication**: a bearer JWT on every call below `/api`. The tenant comes from the token.
- **Errors**: `{MEDIA_TYPE}` (RFC 9457); `code` is stable and made for programs. {NOTATION}
- **Repeating safely**: creating calls accept `Idempotency-Key`.
- **Tracing**: `{REQUEST_ID_HEADER}` is accepted and always answered.
- **Times** are RFC 3339 in UTC, durations ISO 8601, ids UUIDs. Bodies have at most {MAX_BODY_BYTES:,} bytes.
"""
TAGS = [
    {"name": "workflows", "description": "Stored, versioned definitions, and running them."},
    {"name": "executions", "description": "Runs, and what happened in them."},
    {"name": "agents", "description": "Registered identities with a level, tools, a model and limits."},
    {"name": "tools", "description": "Effects and lookups, with the level each needs."},
    {"name": "hitl", "description": "What waits for people, and their decisions."},
    {"name": "schemas", "description": "JSON Schemas of what clients write."},
    {"name": "health", "description": "For orchestrators; public."},
]

_PROBLEMS: dict[int, tuple[str, str, str]] = {
    400: ("The body is no JSON.", "malformed_json", "The body cannot be read as JSON: NaN is not JSON."),
    401: ("There is no valid bearer token.", "invalid_token", "The token has expired."),
    403: ("The caller lacks the right.", "level_too_low", "This needs level 3; yours is 2."),
    404: (
        "No such thing in the caller's tenant.",
        "not_found",
        "No agent 0199a1b0-5b6c-7d7e-8f90-a1b2c3d4e5f6 exists.",
    ),
    409: ("The request contradicts the present state.", "stale", "Somebody else changed it meanwhile; read it again."),
    413: ("The body is too large.", "input_too_large", f"A body has at most {MAX_BODY_BYTES:,} bytes."),
    415: ("The body is not declared as JSON.", "unsupported_media_type", "Send the body as application/json."),
    422: ("The input is wrong; `errors` names every place.", "invalid_input", "The request is not valid in 1 place."),
    500: ("A fault of this service.", "internal_error", "Something went wrong here."),
    503: ("Something this service depends on is away.", "database_unavailable", "The database does not answer."),
}
_PROBLEM_HEADERS = {
    401: {"WWW-Authenticate": "`Bearer`, with what was wrong with the token."},
    503: {"Retry-After": "Seconds after which asking again makes sense."},
}
_WITH_BODY = (400, 413, 415, 422)
_ALWAYS = (401, 403, 500, 503)


class Place(BaseModel):
    """One place of the input that is wrong."""

    pointer: str = Field(description=NOTATION)
    message: str
    code: str = Field(description="Machine-readable and stable.")
    hint: str | None = Field(default=None, description="What may have been meant.")


class ProblemBody(BaseModel):
    """The body of every error answer (RFC 9457)."""

    model_config = ConfigDict(title="Problem", extra="allow")

    type: str = Field(description="`urn:aumos:agf:problem:` and the code.")
    title: str
    status: int
    detail: str = Field(description="For people.")
    instance: str = Field(description="The path that was asked.")
    code: str = Field(description="Machine-readable and stable.")
    request_id: str = Field(description="Finds this request in the logs.")
    errors: list[Place] | None = Field(default=None, description="For wrong input: every place, at most 100.")


def refusals(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Declare which refusals an operation has besides those that every operation has."""
    return {status: {"description": _PROBLEMS[status][0]} for status in statuses}


def replayable(status: int) -> dict[int | str, dict[str, Any]]:
    """Declare the header that tells a first answer from its repetition."""
    header = {"description": "`true` when an earlier request with this key made it.", "schema": {"type": "string"}}
    return {status: {"headers": {"Idempotent-Replayed": header}}}


def describe(app: FastAPI) -> dict[str, Any]:
    """Build the OpenAPI document."""
    document = get_openapi(
        title="AumOS Agent Framework",
        version=__version__,
        summary="Multi-agent workflows under human control.",
        description=DESCRIPTION,
        license_info={"name": "Apache-2.0", "identifier": "Apache-2.0"},
        tags=TAGS,
        routes=app.routes,
    )
    components = document["components"]
    schemas = components["schemas"]
    for replaced in ("HTTPValidationError", "ValidationError"):
        schemas.pop(replaced, None)
    schemas |= _problem_schemas()
    components["headers"] = {
        "RequestId": {"description": "Finds this request in the logs.", "schema": {"type": "string"}}
    }
    for route, operation in _operations(app, document):
        _add_refusals(operation, route.path_format or "")
        _add_examples(operation, route, schemas)
        for answer in operation["responses"].values():
            answer.setdefault("headers", {})[REQUEST_ID_HEADER] = {"$ref": "#/components/headers/RequestId"}
    return document


def _problem_schemas() -> dict[str, Any]:
    schema = ProblemBody.model_json_schema(ref_template="#/components/schemas/{model}")
    return {**schema.pop("$defs"), "Problem": schema}


def _operations(app: FastAPI, document: dict[str, Any]) -> Iterator[tuple[RouteContext, dict[str, Any]]]:
    for route in iter_route_contexts(app.routes):
        item = document["paths"].get(route.path_format, {})
        for method in route.methods or ():
            if method.lower() in item:
                yield route, item[method.lower()]


def _add_refusals(operation: dict[str, Any], path: str) -> None:
    answers = operation["responses"]
    if "security" in operation:
        statuses = (*_ALWAYS, *(_WITH_BODY if "requestBody" in operation else ()))
        statuses += (422,) if "parameters" in operation else ()
        for status in statuses:
            answers[str(status)] = {"description": _PROBLEMS[status][0]}
    for status, answer in answers.items():
        if int(status) >= HTTPStatus.BAD_REQUEST and "content" not in answer:
            example = _problem_example(path, int(status))
            answer["content"] = {MEDIA_TYPE: {"schema": {"$ref": PROBLEM_SCHEMA}, "example": example}}
        for name, description in _PROBLEM_HEADERS.get(int(status), {}).items():
            answer.setdefault("headers", {})[name] = {"description": description, "schema": {"type": "string"}}
    operation["responses"] = dict(sorted(answers.items()))


def _problem_example(path: str, status: int) -> dict[str, Any]:
    _, code, detail = _PROBLEMS[status]
    example = {
        "type": problem_type(code),
        "title": code.replace("_", " ").capitalize(),
        "status": status,
        "detail": detail,
        "instance": path.split("{", maxsplit=1)[0].rstrip("/"),
        "code": code,
        "request_id": "3f2a9c0d6b7e4f1a8c5d2e9b0a7f6c4d",
    }
    if code == "invalid_input":
        example["errors"] = [{"pointer": "/name", "message": "Field required", "code": "missing"}]
    return example


def _add_examples(operation: dict[str, Any], route: RouteContext, schemas: dict[str, Any]) -> None:
    """Put the models' examples beside their schemas. The framework's own copies have lost every ``null``."""
    if route.body_field is not None:
        model = route.body_field.field_info.annotation
        operation["requestBody"]["content"][JSON]["example"] = _examples(model, schemas)[0]
    examples = _examples(route.response_model, schemas)
    contents = [answer["content"][JSON] for answer in operation["responses"].values() if JSON in answer["content"]]
    for number, content in enumerate(contents if examples else ()):
        content["example"] = examples[min(number, len(examples) - 1)]


def _examples(model: Any, schemas: dict[str, Any]) -> list[JsonObject]:  # noqa: ANN401 — a type expression
    """Return a model's examples, one per documented answer; of a page, a page of them; of no model, none."""
    if not (isinstance(model, type) and issubclass(model, BaseModel)):
        return []
    extra = model.model_config.get("json_schema_extra")
    if isinstance(extra, dict):
        examples = cast("list[JsonObject]", extra["examples"])
        schemas[model.__name__]["examples"] = examples
        return examples
    (item,) = get_args(model.model_fields["items"].annotation)
    return [{"items": _examples(item, schemas), "total": 1, "page": 1, "page_size": 50}]
