"""Requests that may arrive twice."""

from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class IdempotencyKey:
    """A client's ``Idempotency-Key`` with the fingerprint of the request it came with.

    ``scope`` is the operation and the caller (``POST /workflows alice``), so that a key is never shared between
    two operations or two people. ``fingerprint`` is SHA-256 over the canonical request body and path.
    """

    key: str
    scope: str
    fingerprint: str


@dataclass(frozen=True, slots=True)
class Outcome(Generic[T]):
    """What a creating operation made, and whether this is the stored answer of an earlier request."""

    value: T
    replayed: bool = False
