"""What bodies have in common."""

from collections.abc import Mapping
from typing import Annotated, Any, Generic, Self, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    GetJsonSchemaHandler,
    StringConstraints,
    model_validator,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from aumos_agent_framework.core.domain.paging import DEFAULT_PAGE_SIZE, MAX_PAGE_SIZE, Page, PageRequest
from aumos_agent_framework.core.types import PrivilegeLevel

MAX_PAGE = 1_000_000_000
"""Keeps the offset of the last page within a 64-bit integer."""

Name = Annotated[
    str,
    StringConstraints(
        min_length=1,
        max_length=100,
        pattern=r"^[^\s\x00-\x1f\x7f]([^\x00-\x1f\x7f]*[^\s\x00-\x1f\x7f])?$",
    ),
]
"""A name for people: no control characters, no space around it."""

ToolName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,64}$")]
"""What models accept as a function's name."""

SessionId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._:@-]{0,199}$")]
Description = Annotated[str, StringConstraints(max_length=2_000)]
Reason = Annotated[str, StringConstraints(max_length=500)]
Notes = Annotated[str, StringConstraints(max_length=10_000)]

Level = Annotated[int, Field(strict=True, ge=1, le=5), AfterValidator(PrivilegeLevel)]
"""A privilege level, as a JSON integer; a ``PrivilegeLevel`` once validated."""

AnswerT = TypeVar("AnswerT", bound=BaseModel)


class Body(BaseModel):
    """A request's body: unknown fields are errors, so that a misspelt one is not silently ignored."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class Changes(Body):
    """A PATCH: absent fields stay as they are, present ones are replaced as a whole. At least one is present."""

    @model_validator(mode="after")
    def _something(self) -> Self:
        if not self.model_fields_set:
            message = "Name at least one field to change"
            raise ValueError(message)
        return self

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """Leave out the defaults: they stand for absence and are never read."""
        document = handler.resolve_ref_schema(handler(schema))
        for field in document["properties"].values():
            field.pop("default", None)
        return document | {"minProperties": 1}

    def to_changes(self) -> Mapping[str, object]:
        """Return the fields that were sent, as the services understand them."""
        sent = {name: getattr(self, name) for name in self.model_fields_set}
        return {name: value.to_domain() if isinstance(value, Part) else value for name, value in sent.items()}


class Part(Body):
    """A part of a body that is a value of the domain by itself."""

    def to_domain(self) -> object:
        """Return the domain's value."""
        raise NotImplementedError


ABSENT: Any = None
"""Default of the fields of ``Changes``: no client can send it, because none of them takes it."""


class Answer(BaseModel):
    """An answer's body, read from the fields of a domain value."""

    model_config = ConfigDict(from_attributes=True, hide_input_in_errors=True)


class Query(BaseModel):
    """Query parameters: unknown ones are errors."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class PageQuery(Query):
    """Which page of a list."""

    page: int = Field(default=1, ge=1, le=MAX_PAGE, description="Counts from 1.")
    page_size: int = Field(default=DEFAULT_PAGE_SIZE, ge=1, le=MAX_PAGE_SIZE)

    @property
    def request(self) -> PageRequest:
        """The page as the services understand it."""
        return PageRequest(number=self.page, size=self.page_size)


class PageAnswer(Answer, Generic[AnswerT]):
    """One page of a list."""

    items: list[AnswerT]
    total: int = Field(description="Items on all pages together.")
    page: int
    page_size: int

    @classmethod
    def of(cls, page: Page[Any]) -> "PageAnswer[AnswerT]":
        """Build the answer from a page of domain values."""
        return cls.model_validate(
            {
                "items": page.items,
                "total": page.total,
                "page": page.request.number,
                "page_size": page.request.size,
            }
        )
