import pytest

from tests.unit.services.door import SAFE, Door


@pytest.fixture
async def door() -> Door:
    """A door before a tool of level 3 whose calls cannot be repeated."""
    return await Door().set_up()


@pytest.fixture
async def safe_door() -> Door:
    """A door before a tool of level 2, which needs no approval."""
    return await Door().set_up(min_privilege_level=SAFE)
