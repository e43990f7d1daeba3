"""One service for all of these tests, two tenants that use it, and a counter of effects beside it."""

from collections.abc import Iterator

import pytest

from tests.e2e.client import Service, Tenant, service_on
from tests.effect_counter.process import EffectCounter, effect_counter
from tests.running_stack import RunningStack

LAST = "test_every_operation.py"
"""Looks at what all the others have called."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run the completeness test after all the others."""
    items.sort(key=lambda item: item.path.name == LAST)


@pytest.fixture(scope="session")
def service(stack: RunningStack) -> Iterator[Service]:
    """The service, over HTTP."""
    with service_on(stack) as service:
        yield service


@pytest.fixture(scope="session")
def acme(service: Service) -> Tenant:
    """A tenant."""
    return service.tenant("acme-e2e")


@pytest.fixture(scope="session")
def globex(service: Service) -> Tenant:
    """Another tenant, with people of the same names and roles."""
    return service.tenant("globex-e2e")


@pytest.fixture(scope="session")
def counter(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EffectCounter]:
    """A counter of what tools do."""
    with effect_counter(tmp_path_factory.mktemp("counter")) as running:
        yield running
