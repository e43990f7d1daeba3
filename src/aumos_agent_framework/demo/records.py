"""What the audit's tools hand to each other. Empty fields are left out: everything passes through a model's context."""

from enum import StrEnum
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field


def _is_empty(value: object) -> bool:
    return not value


_LEFT_OUT_IF_EMPTY = Field(exclude_if=_is_empty)
Flag = Annotated[bool, _LEFT_OUT_IF_EMPTY]
Text = Annotated[str | None, _LEFT_OUT_IF_EMPTY]
Texts = Annotated[tuple[str, ...], _LEFT_OUT_IF_EMPTY]


class Record(BaseModel):
    """Base of the records: closed and immutable."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Environment(Record):
    """The Python environment that was read."""

    python: str
    implementation: str
    system: str
    root: Annotated[str, Field(description="The distribution whose requirements count as direct.")]


class Package(Record):
    """One installed distribution, as its metadata describes it."""

    name: str
    version: str
    direct: Annotated[Flag, Field(description="The root requires it itself.")] = False
    licence_expression: Annotated[Text, Field(description="License-Expression, as written.")] = None
    licence_text: Annotated[Text, Field(description="The first line of the older License field.")] = None
    licence_classifiers: Texts = ()
    licence_files: Texts = ()
    requires_python: Text = None
    requires: Annotated[Texts, Field(description="Requirements that apply to this environment.")] = ()
    summary: Text = None
    home_page: Text = None


class Inventory(Record):
    """Everything installed."""

    environment: Environment
    packages: tuple[Package, ...]


class LicenceCategory(StrEnum):
    """What a licence asks of whoever passes the software on, from least to most; ``unknown`` may ask anything."""

    PERMISSIVE = "permissive"
    WEAK_COPYLEFT = "weak copyleft"
    STRONG_COPYLEFT = "strong copyleft"
    PROPRIETARY = "proprietary"
    UNKNOWN = "unknown"


class LicenceVerdict(Record):
    """What one package is licensed under, and how that is known."""

    name: str
    version: str
    direct: Flag = False
    licence: str
    category: LicenceCategory
    reason: str


class LicenceReview(Record):
    """The licences of all packages."""

    counts: dict[LicenceCategory, int]
    verdicts: tuple[LicenceVerdict, ...]


class Severity(StrEnum):
    """How much a finding matters."""

    PROBLEM = "problem"
    WARNING = "warning"
    NOTE = "note"


class Finding(Record):
    """One thing about one package that somebody should look at."""

    package: str
    severity: Severity
    check: str
    detail: str


class MetadataReview(Record):
    """What the metadata of all packages shows."""

    counts: dict[Severity, int]
    findings: tuple[Finding, ...]


class Report(Record):
    """The finished text and its one-line result."""

    headline: str
    text: str


class Publication(Record):
    """Where the report is, relative to the data directory, and how to check that it is the one that was approved."""

    path: str
    bytes: int
    sha256: str
