"""``agf api``."""

import uvicorn

from aumos_agent_framework.settings import load_settings, require_issuer, require_servers

_GRACEFUL_SECONDS = 5


def serve_api() -> None:
    """Serve the API until a signal comes; requests in progress get 5 s to finish.

    Raises:
        SettingsError: a setting is wrong or missing, or there is no issuer.
    """
    settings = load_settings()
    require_issuer(settings)
    require_servers(settings)  # here, because what fails once uvicorn runs is a traceback in its log
    uvicorn.run(
        "aumos_agent_framework.main:create_app",
        factory=True,
        host=settings.agf.host,
        port=settings.agf.port,
        loop="uvloop",
        timeout_graceful_shutdown=_GRACEFUL_SECONDS,
        log_config=None,
        access_log=False,
    )
