"""PostgreSQL: the system of record. Row security beneath everything; nothing else in the service knows SQL."""

from aumos_agent_framework.adapters.postgres.engine import Engine, create_engine, ping
from aumos_agent_framework.adapters.postgres.migration import downgrade, migrate
from aumos_agent_framework.adapters.postgres.outbox_queue import PostgresOutboxQueue
from aumos_agent_framework.adapters.postgres.roles import MigrationError
from aumos_agent_framework.adapters.postgres.unit_of_work import PostgresUnitOfWorkFactory

__all__ = [
    "Engine",
    "MigrationError",
    "PostgresOutboxQueue",
    "PostgresUnitOfWorkFactory",
    "create_engine",
    "downgrade",
    "migrate",
    "ping",
]
