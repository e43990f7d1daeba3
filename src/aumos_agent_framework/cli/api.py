"""``agf api``."""

import uvicorn

from aumos_agent_framework.settings import load_settings, require_issuer

_GRACEFUL_SECONDS = 5


def serve_api() -> None:
    """Serve the API until a signal comes; requests in progress get 5 s to finish.

    Raises:
        SettingsError: a setting is wrong, or there is no issuer.
    """
    settings = load_settings()
    require_issuer(settings)
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
