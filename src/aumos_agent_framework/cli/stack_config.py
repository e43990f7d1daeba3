"""From settings to what the embedded stack is asked to be."""

import os
from collections.abc import Mapping
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from aumos_agent_framework.adapters.auth.local_issuer import CONFIGURATION_PATH, JWKS_PATH, LocalIssuer
from aumos_agent_framework.core.types import JsonObject
from aumos_agent_framework.embedded import components
from aumos_agent_framework.embedded.config import StackConfig
from aumos_agent_framework.embedded.layout import DataDir
from aumos_agent_framework.settings import Settings, SettingsError, to_environ

_DATA_DIR = "AUMOS_AGF_DATA_DIR"


def data_dir_of(settings: Settings, chosen: Path | None) -> DataDir:
    """Return the data directory: the one chosen on the command line, or the configured one.

    Raises:
        SettingsError: its variable is set and empty, as where a script lost the name of the directory.
    """
    if chosen is None and not os.environ.get(_DATA_DIR, "unset").strip():
        raise SettingsError(f"{_DATA_DIR} is empty. Name a directory, or unset it for the default, .agf.")
    return DataDir((chosen or settings.agf.data_dir).expanduser().resolve())


def stack_config(settings: Settings, data_dir: DataDir) -> StackConfig:
    """Return the stack for ``settings``: whatever has no address configured is embedded.

    Raises:
        SettingsError: the local issuer would serve an API that other machines reach.
    """
    external = {name: _shown(url) for name, url in _configured(settings).items() if url}
    if components.ISSUER not in external and not _is_loopback(settings.agf.host):
        raise SettingsError(
            f"AUMOS_AGF_HOST is {settings.agf.host}, which other machines reach, and the local issuer is for this "
            "machine only: set AUMOS_AUTH__ISSUER (or AUMOS_KEYCLOAK__URL and AUMOS_KEYCLOAK__REALM)."
        )

    def issuer_documents(issuer: str) -> Mapping[str, JsonObject]:
        local = LocalIssuer(data_dir.issuer, issuer)
        return {CONFIGURATION_PATH: local.openid_configuration(), JWKS_PATH: local.jwks()}

    return StackConfig(
        data_dir=data_dir,
        issuer_documents=issuer_documents,
        jwks_path=JWKS_PATH,
        variables=to_environ(settings),
        inherited=dict(os.environ),
        external=external,
        ports=_ports(settings),
        namespace=settings.temporal.namespace,
        host=settings.agf.host,
    )


def _configured(settings: Settings) -> dict[str, str | None]:
    return {
        components.POSTGRES: settings.database.url,
        components.REDIS: settings.redis.url,
        components.TEMPORAL: settings.temporal.server_url,
        components.KAFKA: settings.kafka.brokers,
        components.ISSUER: settings.auth.issuer,
        components.LLM_STUB: settings.llm.url,
    }


def _ports(settings: Settings) -> dict[str, int]:
    embedded = settings.agf.embedded
    return {
        components.API: settings.agf.port,
        components.POSTGRES: embedded.postgres_port,
        components.REDIS: embedded.redis_port,
        components.TEMPORAL: embedded.temporal_port,
        components.KAFKA: embedded.kafka_port,
        components.ISSUER: embedded.issuer_port,
        components.LLM_STUB: embedded.llm_stub_port,
    }


def _shown(url: str) -> str:
    """Return an address without the login in it."""
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
