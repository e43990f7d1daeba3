"""The system's clock and the generator of ids."""

import secrets
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from uuid import RFC_4122, UUID

import pytest

from aumos_agent_framework.adapters.clock import SystemClock, UuidV7


class TestSystemClock:
    def test_now_is_the_present_in_utc(self) -> None:
        now = SystemClock().now()
        assert now.utcoffset() == timedelta(0)
        assert abs(datetime.now(UTC) - now) < timedelta(seconds=5)


class TestUuidV7:
    def test_ids_are_version_7_of_the_present_millisecond(self) -> None:
        one = UuidV7().new()
        assert (one.version, one.variant) == (7, RFC_4122)
        assert abs(_milliseconds(one) - datetime.now(UTC).timestamp() * 1000) < 5_000

    def test_later_ids_sort_after_earlier_ones(self) -> None:
        ids = UuidV7()
        made = [ids.new() for _ in range(20_000)]
        assert made == sorted(set(made))

    def test_threads_never_get_the_same_id(self) -> None:
        ids = UuidV7()
        with ThreadPoolExecutor(4) as pool:
            made = list(pool.map(lambda _: ids.new(), range(8_000)))
        assert len(set(made)) == len(made)

    def test_a_clock_that_steps_back_does_not_step_the_ids_back(self, monkeypatch: pytest.MonkeyPatch) -> None:
        # The time source is the machine's; there is no port beneath this adapter to give a fake to.
        times = iter([2_000_000_000, 1_000_000_000, 1_500_000_000, 3_000_000_000])
        monkeypatch.setattr(time, "time_ns", lambda: next(times))
        ids = UuidV7()
        made = [ids.new() for _ in range(4)]
        assert made == sorted(made)
        assert [_milliseconds(one) for one in made] == [2000, 2000, 2000, 3000]

    def test_a_full_counter_borrows_from_the_next_millisecond(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(time, "time_ns", lambda: 1_000_000_000)
        monkeypatch.setattr(secrets, "randbits", lambda bits: (1 << bits) - 1)
        ids = UuidV7()
        ids.new()
        ids._counter = (1 << 42) - 2  # noqa: SLF001 - two billion calls would lead there
        made = [ids.new() for _ in range(3)]
        assert [_milliseconds(one) for one in made] == [1000, 1001, 1001]
        assert made == sorted(made)


def _milliseconds(one: UUID) -> int:
    return one.int >> 80
