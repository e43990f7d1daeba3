"""``agf worker``."""

import asyncio
import sys
import warnings

import structlog

from aumos_agent_framework.adapters.logs import configure_logs
from aumos_agent_framework.settings import load_settings, startup_warnings
from aumos_agent_framework.worker import run


def run_worker() -> None:
    """Work until a signal comes.

    Raises:
        SettingsError: a setting is missing or wrong.
        UnavailableError: Temporal does not answer.
    """
    settings = load_settings()
    configure_logs(level=settings.log_level, log_format=settings.log_format, service=settings.service_name)
    for warning in startup_warnings():
        structlog.get_logger(__name__).warning("setting_without_effect", detail=warning)
    asyncio.run(run(settings))
    _leave_parked_runs()


def _leave_parked_runs() -> None:
    """Say nothing of runs that wait: they go on in another process, and what they are here ends with this one.

    LangGraph complains when the interpreter takes its suspended generators apart.
    """
    warnings.simplefilter("ignore")
    sys.unraisablehook = lambda _: None
