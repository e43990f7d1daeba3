"""The system's clock and a generator of ordered ids: the only place that reads time and randomness for them."""

import secrets
import threading
import time
from datetime import UTC, datetime
from uuid import UUID

_COUNTER_BITS = 42
_TAIL_BITS = 32


class SystemClock:
    """The machine's wall clock."""

    def now(self) -> datetime:
        """Return the present time in UTC."""
        return datetime.now(UTC)


class UuidV7:
    """UUIDs of version 7 (RFC 9562, 5.7), strictly increasing within one generator.

    Layout: 48 bits of Unix milliseconds, 42 bits of counter (RFC 9562, 6.2, method 1), 32 random bits. The counter
    starts at a random value with its top bit clear each millisecond, so that two processes do not meet and one
    process does not overflow it. A clock that steps back does not step the ids back. Safe to share between threads.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._milliseconds = 0
        self._counter = 0

    def new(self) -> UUID:
        """Return an id that sorts after every id this generator returned before."""
        milliseconds, counter = self._advance()
        low_counter_bits = _COUNTER_BITS - 12
        rand_a = counter >> low_counter_bits
        rand_b = ((counter & ((1 << low_counter_bits) - 1)) << _TAIL_BITS) | secrets.randbits(_TAIL_BITS)
        return UUID(int=milliseconds << 80 | 0x7 << 76 | rand_a << 64 | 0b10 << 62 | rand_b)

    def _advance(self) -> tuple[int, int]:
        now = time.time_ns() // 1_000_000
        with self._lock:
            if now > self._milliseconds:
                self._milliseconds, self._counter = now, secrets.randbits(_COUNTER_BITS - 1)
            else:
                self._counter += 1
                if self._counter >> _COUNTER_BITS:
                    self._milliseconds, self._counter = self._milliseconds + 1, 0
            return self._milliseconds, self._counter
