"""Time and ids, so that services stay repeatable in tests."""

from datetime import datetime
from typing import Protocol
from uuid import UUID


class Clock(Protocol):
    """The present."""

    def now(self) -> datetime:
        """Return the present time, timezone-aware, in UTC."""
        ...


class IdGenerator(Protocol):
    """New ids."""

    def new(self) -> UUID:
        """Return a UUID never returned before; later ids sort after earlier ones (version 7)."""
        ...
