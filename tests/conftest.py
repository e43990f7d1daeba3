"""Real servers for every test that asks for one: started once per session, on free ports, in a temporary folder."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.running_stack import RunningStack, running_stack
from tests.servers import servers

_SETTINGS_PREFIXES = ("AUMOS_", "TEMPORAL_", "LLM_SERVING_")


def pytest_configure() -> None:
    """Keep the developer's own settings out of the tests."""
    for name in [name for name in os.environ if name.startswith(_SETTINGS_PREFIXES)]:
        del os.environ[name]


@pytest.fixture(scope="session")
def postgres_admin_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A PostgreSQL's superuser login, as ``postgresql+asyncpg://``; the database ``agf`` is empty."""
    with servers(_folder(tmp_path_factory, "postgres"), "postgres") as environment:
        yield environment["AUMOS_AGF_DATABASE__MIGRATION_URL"]


@pytest.fixture(scope="session")
def redis_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A Valkey's address, with its password."""
    with servers(_folder(tmp_path_factory, "redis"), "redis") as environment:
        yield environment["AUMOS_REDIS__URL"]


@pytest.fixture(scope="session")
def temporal_address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A Temporal server's host:port; the namespace is ``default``."""
    with servers(_folder(tmp_path_factory, "temporal"), "temporal") as environment:
        yield environment["TEMPORAL_SERVER_URL"]


@pytest.fixture(scope="session")
def kafka_brokers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A Kafka-protocol broker's host:port."""
    with servers(_folder(tmp_path_factory, "kafka"), "kafka") as environment:
        yield environment["AUMOS_KAFKA__BROKERS"]


def _folder(factory: pytest.TempPathFactory, name: str) -> Path:
    return factory.mktemp(name, numbered=True)


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningStack]:
    """The whole stack, with API and worker as processes of their own."""
    with running_stack(_folder(tmp_path_factory, "stack")) as running:
        yield running
