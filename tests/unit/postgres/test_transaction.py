"""A transaction on a connection that no longer answers."""

from typing import Any, cast

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from aumos_agent_framework.adapters.postgres.transaction import TenantTransaction
from aumos_agent_framework.core.errors import UnavailableError
from tests.factories import TENANT


class SilentConnection:
    """Takes statements and never answers, as the driver reports it after its own deadline."""

    def __init__(self) -> None:
        self.calls: list[str] = []

    async def execute(self, *_: Any) -> None:
        self.calls.append("execute")
        raise TimeoutError

    async def invalidate(self) -> None:
        self.calls.append("invalidate")


async def test_a_connection_that_does_not_answer_is_given_up_and_not_rolled_back() -> None:
    connection = SilentConnection()
    transaction = TenantTransaction(cast("AsyncConnection", connection), TENANT)
    with pytest.raises(UnavailableError) as caught:
        await transaction.execute(text("SELECT 1"))
    assert caught.value.code == "database_unavailable"
    assert connection.calls == ["execute", "invalidate"]
