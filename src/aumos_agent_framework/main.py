"""Entry point of the API: ``uvicorn --factory aumos_agent_framework.main:create_app``."""

from functools import partial

import structlog
from fastapi import FastAPI

from aumos_agent_framework.adapters.logs import configure_logs
from aumos_agent_framework.api.app import create_app as create_api
from aumos_agent_framework.bootstrap import open_api
from aumos_agent_framework.settings import load_settings, startup_warnings

_log = structlog.stdlib.get_logger(__name__)


def create_app() -> FastAPI:
    """Read the settings, set up logging and build the application; connections open when the server starts.

    Raises:
        SettingsError: a setting is missing or wrong.
    """
    settings = load_settings()
    configure_logs(level=settings.log_level, log_format=settings.log_format, service=settings.service_name)
    for warning in startup_warnings():
        _log.warning("setting_without_effect", detail=warning)
    return create_api(partial(open_api, settings))
