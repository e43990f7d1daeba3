"""One world for all of these tests: they kill its parts, and the next test finds it running again."""

from collections.abc import Iterator

import pytest

from tests.chaos.world import PatientPerson, World, world_in
from tests.effect_counter.process import effect_counter


@pytest.fixture(scope="session")
def lasting_world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A world whose data stays while its processes come and go."""
    with (
        effect_counter(tmp_path_factory.mktemp("effects")) as counter,
        world_in(tmp_path_factory.mktemp("chaos"), counter) as world,
    ):
        yield world


@pytest.fixture
def world(lasting_world: World) -> World:
    """The world, running."""
    lasting_world.start()
    return lasting_world


@pytest.fixture
def people(world: World) -> dict[str, PatientPerson]:
    """Those who work there."""
    return world.people()
