"""What orchestrators ask."""

import asyncio

import httpx2
import pytest

from aumos_agent_framework.api import health
from tests.unit.api.world import World


async def _refuses() -> None:
    raise ConnectionRefusedError("postgres://app:hunter2@db")


async def _hangs() -> None:
    await asyncio.Event().wait()


class TestLive:
    async def test_answers_whatever_else_is_down(self, world: World, nobody: httpx2.AsyncClient) -> None:
        world.services.health = {"database": _refuses}

        answer = await nobody.get("/live")

        assert (answer.status_code, answer.json()) == (200, {"status": "live"})


class TestReady:
    async def test_all_up(self, nobody: httpx2.AsyncClient) -> None:
        answer = await nobody.get("/ready")

        assert answer.status_code == 200
        assert answer.json() == {
            "status": "ready",
            "checks": {"database": {"state": "up"}, "redis": {"state": "up"}, "temporal": {"state": "up"}},
        }

    async def test_what_is_down_is_named(self, world: World, nobody: httpx2.AsyncClient) -> None:
        world.services.health = {**world.services.health, "database": _refuses, "temporal": _refuses}

        answer = await nobody.get("/ready")

        assert answer.status_code == 503
        assert answer.headers["content-type"] == "application/problem+json"
        problem = answer.json()
        assert (problem["code"], problem["detail"]) == ("not_ready", "Not answering: database, temporal.")
        assert problem["checks"] == {
            "database": {"state": "down"},
            "redis": {"state": "up"},
            "temporal": {"state": "down"},
        }
        assert "hunter2" not in answer.text

    async def test_one_that_hangs_is_down_after_a_bounded_time(
        self, world: World, nobody: httpx2.AsyncClient, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(health, "PROBE_SECONDS", 0.01)  # the bound itself is not the point
        world.services.health = {"redis": _hangs, "temporal": _hangs}

        answer = await nobody.get("/ready")

        assert answer.json()["detail"] == "Not answering: redis, temporal."
