"""The environment of API, worker, model stub and migration: made here and nowhere else."""

from collections.abc import Mapping

from aumos_agent_framework.embedded import components
from aumos_agent_framework.embedded.config import StackConfig
from aumos_agent_framework.embedded.credentials import Credentials
from aumos_agent_framework.embedded.ports import LOOPBACK
from aumos_agent_framework.embedded.postgres import DATABASE, SUPERUSER

APP_ROLE = "agf_app"
RELAY_ROLE = "agf_relay"
MIGRATION_URL = "AUMOS_AGF_DATABASE__MIGRATION_URL"
_DEMO_TOOLS = "AUMOS_AGF_DEMO_TOOLS"
_HTTP_TOOLS_ALLOW = "AUMOS_AGF_HTTP_TOOLS__ALLOW"
_HTTP_TOOLS_REFUSE = "AUMOS_AGF_HTTP_TOOLS__REFUSE"
_OPEN_TO_TOOLS = frozenset({components.API, components.LLM_STUB})
"""Check their callers as they would anybody else, or have nothing to protect."""


def environment(config: StackConfig, ports: Mapping[str, int], credentials: Credentials) -> dict[str, str]:
    """Return the variables that lead to the whole stack.

    Args:
        config: what is wanted; its variables stay where they name an external server.
        ports: where the embedded components listen.
        credentials: the embedded servers' passwords.
    """
    variables = {**config.variables, "AUMOS_AGF_DATA_DIR": str(config.data_dir.root)}
    for component, port in ports.items():
        variables |= _addresses(component, port, credentials, config.jwks_path)
    if ports.keys() - {components.API}:
        # Trying out means the demo, and tools on this machine; elsewhere loopback is closed to them.
        variables[_DEMO_TOOLS] = "True"
        variables[_HTTP_TOOLS_ALLOW] = variables.get(_HTTP_TOOLS_ALLOW) or "127.0.0.0/8,::1"
    closed = [str(port) for name, port in ports.items() if name not in _OPEN_TO_TOOLS]
    if closed:
        # The servers trust whoever reaches them, and keep the data of every tenant.
        variables[_HTTP_TOOLS_REFUSE] = ",".join(filter(None, [variables.get(_HTTP_TOOLS_REFUSE), *closed]))
    return variables


def _addresses(component: str, port: int, credentials: Credentials, jwks_path: str) -> dict[str, str]:
    address = f"{LOOPBACK}:{port}"
    variables = {
        components.REDIS: {"AUMOS_REDIS__URL": f"redis://:{credentials.redis}@{address}/0"},
        components.TEMPORAL: {"TEMPORAL_SERVER_URL": address},
        components.KAFKA: {"AUMOS_KAFKA__BROKERS": address},
        components.ISSUER: {
            "AUMOS_AUTH__ISSUER": f"http://{address}",
            "AUMOS_AUTH__JWKS_URL": f"http://{address}{jwks_path}",
        },
        components.LLM_STUB: {"LLM_SERVING_URL": f"http://{address}/v1"},
        components.API: {"AUMOS_AGF_PORT": str(port)},
    }
    return _databases(address, credentials) if component == components.POSTGRES else variables.get(component, {})


def _databases(address: str, credentials: Credentials) -> dict[str, str]:
    def url(role: str, password: str) -> str:
        return f"postgresql+asyncpg://{role}:{password}@{address}/{DATABASE}"

    return {
        "AUMOS_DATABASE__URL": url(APP_ROLE, credentials.postgres_app),
        "AUMOS_AGF_DATABASE__RELAY_URL": url(RELAY_ROLE, credentials.postgres_relay),
        MIGRATION_URL: url(SUPERUSER, credentials.postgres_superuser),
    }
