"""Every setting, its type, default and meaning. The meanings are the text of ``.env.example``."""

import json
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, field_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from aumos_agent_framework.core.types import PrivilegeLevel
from aumos_agent_framework.settings.variables import NamedVariables

DEFAULT_ROLE_LEVELS = {
    "viewer": PrivilegeLevel.READ_ONLY,
    "auditor": PrivilegeLevel.READ_ONLY,
    "developer": PrivilegeLevel.EXECUTE_SAFE,
    "approver": PrivilegeLevel.EXECUTE_RISKY,
    "admin": PrivilegeLevel.ADMIN,
    "platform_admin": PrivilegeLevel.SUPER_ADMIN,
}

NOT_USED_YET = "not used yet"
"""Annotates a setting of the AumOS family that is accepted and has no effect in this version."""

Port = Annotated[int, Field(ge=0, le=65535)]


def _split(value: object) -> object:
    """Let a list be written with commas."""
    return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value


CommaList = Annotated[tuple[str, ...], BeforeValidator(_split)]


class _Group(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class DatabaseSettings(_Group):
    """PostgreSQL, as the service uses it."""

    # Addresses may carry passwords: keep them out of every repr.
    url: str | None = Field(
        None,
        repr=False,
        description="postgresql://agf_app:password@host:5432/agf: the service's login. Empty: `agf up` starts one.",
    )
    pool_size: int = Field(10, ge=1, description="Database connections that one process may hold.")


class RedisSettings(_Group):
    """Redis or Valkey."""

    url: str | None = Field(
        None, repr=False, description="redis://:password@host:6379/0, Redis or Valkey. Empty: `agf up` starts one."
    )


class KafkaSettings(_Group):
    """Kafka."""

    brokers: str | None = Field(None, description="host:port of Kafka, with commas. Empty: `agf up` starts a broker.")
    schema_registry_url: Annotated[str | None, NOT_USED_YET] = Field(
        None, description="Address of the schema registry; not used yet."
    )


class KeycloakSettings(_Group):
    """The AumOS gateway's Keycloak; gives issuer and keys where ``auth`` does not name them."""

    url: str | None = Field(None, description="Keycloak's base address; with the realm it gives issuer and keys.")
    realm: str | None = Field(None, description="Keycloak's realm.")


class AuthSettings(_Group):
    """Whose tokens are accepted."""

    issuer: str | None = Field(None, description="`iss` of accepted tokens. Empty: Keycloak's, or `agf up` makes one.")
    audience: str = Field("aumos-platform", description="`aud` of accepted tokens.")
    jwks_url: str | None = Field(None, description="Where the issuer's keys are. Empty: follows Keycloak.")
    role_levels: dict[str, PrivilegeLevel] = Field(
        default_factory=lambda: dict(DEFAULT_ROLE_LEVELS),
        description='More roles, or other levels for known ones, as JSON: {"operator": 4}.',
    )

    @field_validator("role_levels", mode="before")
    @classmethod
    def _add_to_defaults(cls, value: object) -> object:
        mapping = json.loads(value) if isinstance(value, str) else value
        return {**DEFAULT_ROLE_LEVELS, **mapping} if isinstance(mapping, dict) else mapping


class TemporalSettings(_Group):
    """Temporal."""

    server_url: str | None = Field(None, description="host:port of Temporal. Empty: `agf up` starts one.")
    namespace: str = Field("default", description="Temporal namespace.")
    task_queue: str = Field("aumos-agent-framework", description="Temporal task queue of API and worker.")


class LlmSettings(_Group):
    """The model server, in OpenAI's wire format."""

    url: str | None = Field(
        None, description="Model server in OpenAI's format, such as https://host/v1. Empty: `agf up` starts the stub."
    )
    token: str | None = Field(None, repr=False, description="Service token for the model server.")


class MigrationSettings(_Group):
    """Database logins other than the app's."""

    migration_url: str | None = Field(
        None, repr=False, description="The database, with a login that may create roles (`agf migrate`)."
    )
    relay_url: str | None = Field(None, repr=False, description="The database, as agf_relay (worker).")


class HttpToolSettings(_Group):
    """Which private addresses HTTP tools may call."""

    allow: CommaList = Field(
        (), description="Private hosts, host:port or CIDR that HTTP tools may call, with commas. `agf up`: loopback."
    )
    refuse: CommaList = Field(
        (),
        description="Never called: host:port, CIDR, ports of this machine, with commas. `agf up` adds its servers'.",
    )


class EmbeddedSettings(_Group):
    """Ports of the servers that ``agf up`` starts; 0 is a free one, kept over restarts."""

    postgres_port: Port = Field(0, description="Port of the embedded PostgreSQL; 0: a free one.")
    redis_port: Port = Field(0, description="Port of the embedded Valkey; 0: a free one.")
    temporal_port: Port = Field(0, description="Port of the embedded Temporal; 0: a free one.")
    kafka_port: Port = Field(0, description="Port of the embedded Kafka broker; 0: a free one.")
    llm_stub_port: Port = Field(0, description="Port of the model stub; 0: a free one.")
    issuer_port: Port = Field(0, description="Port of the local token issuer; 0: a free one.")


class AgfSettings(_Group):
    """What is this service's own."""

    host: str = Field("127.0.0.1", description="Address that the API listens on.")
    port: Port = Field(8007, description="Port that the API listens on; 0: a free one (`agf up`).")
    data_dir: Path = Field(Path(".agf"), description="Where the embedded stack keeps its data; not an empty value.")
    database: MigrationSettings = MigrationSettings()
    http_tools: HttpToolSettings = HttpToolSettings()
    demo_tools: bool = Field(
        default=False, description="Offer the demo's functions to every tenant's tools. `agf up`: True."
    )
    embedded: EmbeddedSettings = EmbeddedSettings()


class Settings(BaseSettings):
    """All settings. What is passed wins over the environment, which wins over the ``.env`` file."""

    model_config = SettingsConfigDict(
        frozen=True, extra="forbid", case_sensitive=True, env_ignore_empty=True, env_file=".env"
    )

    service_name: str = Field("aumos-agent-framework", description="Name of the service in logs and events.")
    environment: str = Field("development", description="Name of the environment in logs.")
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"] = Field(
        "INFO", description="DEBUG, INFO, WARNING, ERROR or CRITICAL."
    )
    log_format: Literal["json", "console"] = Field("json", description="json for machines, console for people.")
    database: DatabaseSettings = DatabaseSettings()
    redis: RedisSettings = RedisSettings()
    kafka: KafkaSettings = KafkaSettings()
    keycloak: KeycloakSettings = KeycloakSettings()
    auth: AuthSettings = AuthSettings()
    otel_endpoint: Annotated[str | None, NOT_USED_YET] = Field(
        None, description="Address of the OpenTelemetry collector; not used yet."
    )
    temporal: TemporalSettings = TemporalSettings()
    llm: LlmSettings = LlmSettings()
    agf: AgfSettings = AgfSettings()

    @field_validator("log_level", mode="before")
    @classmethod
    def _any_case(cls, value: object) -> object:
        return value.upper() if isinstance(value, str) else value

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - the library passes it by name
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Read variables by this service's own table of names: they follow no single prefix."""
        return (init_settings, NamedVariables(settings_cls, env_settings, dotenv_settings))
