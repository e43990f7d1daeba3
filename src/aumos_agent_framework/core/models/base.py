"""What all tables share: the metadata, column types and constraints that every noun uses.

Row security, grants and the relay's policy are not expressible here; migrations hold them and the catalog guard
(``adapters.postgres.guard``) checks them.
"""

from collections.abc import Iterable
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, ClassVar
from uuid import UUID

from sqlalchemy import CheckConstraint, DateTime, MetaData, SmallInteger, Text, Uuid
from sqlalchemy.dialects.postgresql import ARRAY, JSON
from sqlalchemy.orm import DeclarativeBase, mapped_column

MAX_KEY_LENGTH = 512
"""Characters in a text that an index holds (names, subjects, call ids, keys of clients): far from the 2,704 bytes
that an index entry may have, and more than the services let in."""

Document = JSON(none_as_null=True)
"""JSON that must come back exactly as it went in.

``json`` and not ``jsonb``: ``jsonb`` sorts keys, turns ``1e16`` into an integer and refuses ``\\u0000``, and approvals
are bound to a digest of what comes back. Nothing queries inside a document.
"""

KeyText = Text(collation="C")
"""Text in a unique index: compared by code point, so that no upgrade of the system's locales can break the index."""

TenantKey = Annotated[UUID, mapped_column(Uuid, primary_key=True)]
"""The first column of every key; row security compares it with the transaction's tenant."""

Texts = ARRAY(Text, as_tuple=True)


class Base(DeclarativeBase):
    """Root of all tables."""

    metadata = MetaData(
        naming_convention={
            "pk": "pk_%(table_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
        }
    )
    type_annotation_map: ClassVar[dict[Any, Any]] = {datetime: DateTime(timezone=True), str: Text(), UUID: Uuid()}


def is_level(column: str) -> CheckConstraint:
    """Return the constraint that a column holds a privilege level."""
    return CheckConstraint(f"{column} BETWEEN 1 AND 5", name=column)


def is_one_of(column: str, values: type[StrEnum]) -> CheckConstraint:
    """Return the constraint that a column holds a member of an enumeration."""
    listed = ", ".join(f"'{value}'" for value in values)
    return CheckConstraint(f"{column} IN ({listed})", name=column)


def is_short(*columns: str) -> Iterable[CheckConstraint]:
    """Return the constraints that keep texts short enough for an index (and for people)."""
    return tuple(
        CheckConstraint(f"char_length({column}) <= {MAX_KEY_LENGTH}", name=f"{column}_length") for column in columns
    )


Level = Annotated[int, mapped_column(SmallInteger)]
"""A privilege level, 1 to 5; the table adds ``is_level``."""
