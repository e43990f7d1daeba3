"""People of one tenant, one of another, and what the service writes to its log."""

import logging
from collections.abc import AsyncIterator, Iterator

import httpx2
import pytest
import structlog

from tests.unit.api.world import World

Logs = list[structlog.typing.EventDict]


@pytest.fixture(autouse=True)
def logs() -> Iterator[Logs]:
    with structlog.testing.capture_logs([structlog.contextvars.merge_contextvars]) as entries:
        yield entries


@pytest.fixture
async def world() -> AsyncIterator[World]:
    async with World() as world:
        yield world


@pytest.fixture
async def nobody(world: World) -> httpx2.AsyncClient:
    return await world.client()


@pytest.fixture
async def vera(world: World) -> httpx2.AsyncClient:
    """Level 1: may read and run."""
    return await world.client("vera")


@pytest.fixture
async def dana(world: World) -> httpx2.AsyncClient:
    """Level 2: may write workflows."""
    return await world.client("dana")


@pytest.fixture
async def ari(world: World) -> httpx2.AsyncClient:
    """Level 3: may approve risky calls."""
    return await world.client("ari")


@pytest.fixture
async def adam(world: World) -> httpx2.AsyncClient:
    """Level 4: may suspend agents of others."""
    return await world.client("adam")


@pytest.fixture
async def pat(world: World) -> httpx2.AsyncClient:
    """Level 5."""
    return await world.client("pat")


@pytest.fixture
async def olga(world: World) -> httpx2.AsyncClient:
    """Level 5 of another tenant."""
    return await world.client("olga")


@pytest.fixture
def restored_logging(logs: Logs) -> Iterator[None]:
    """Let a test set up logging for the process, and undo it."""
    configuration = structlog.get_config()
    names = (None, "uvicorn", "uvicorn.error", "uvicorn.access", "httpx2", "httpcore2")
    loggers = [logging.getLogger(name) for name in names]
    before = [(logger, list(logger.handlers), logger.level, logger.propagate) for logger in loggers]
    yield
    structlog.configure(**configuration)
    for logger, handlers, level, propagate in before:
        logger.handlers = handlers
        logger.setLevel(level)
        logger.propagate = propagate
