"""``agf migrate``: bring the database to this version."""

import asyncio

from aumos_agent_framework.adapters.postgres import migrate
from aumos_agent_framework.settings import SettingsError, load_settings


def migrate_database() -> None:
    """Migrate the configured database.

    Raises:
        SettingsError: an address is missing.
        AgfError: the database is away, or not fit for it.
    """
    settings = load_settings()
    migration_url = _required(settings.agf.database.migration_url, "AUMOS_AGF_DATABASE__MIGRATION_URL")
    app_url = _required(settings.database.url, "AUMOS_DATABASE__URL")
    relay_url = _required(settings.agf.database.relay_url, "AUMOS_AGF_DATABASE__RELAY_URL")
    asyncio.run(migrate(migration_url, app_url=app_url, relay_url=relay_url))


def _required(value: str | None, variable: str) -> str:
    if value is None:
        raise SettingsError(f"{variable} is not set; see `agf migrate --help`.")
    return value
