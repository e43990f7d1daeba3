"""The service's settings: read once, at the edge; everything inside receives plain values."""

from aumos_agent_framework.settings.loading import (
    SettingsError,
    UnknownVariable,
    all_variables,
    load_settings,
    require_issuer,
    require_servers,
    startup_warnings,
    to_environ,
    unknown_variables,
)
from aumos_agent_framework.settings.model import DEFAULT_ROLE_LEVELS, Settings
from aumos_agent_framework.settings.variables import Variable

__all__ = [
    "DEFAULT_ROLE_LEVELS",
    "Settings",
    "SettingsError",
    "UnknownVariable",
    "Variable",
    "all_variables",
    "load_settings",
    "require_issuer",
    "require_servers",
    "startup_warnings",
    "to_environ",
    "unknown_variables",
]
