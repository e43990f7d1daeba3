"""Reading the settings, writing them for a child process, and telling people what is wrong with theirs."""

import difflib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, ValidationError
from pydantic_settings import DotEnvSettingsSource

from aumos_agent_framework.core.errors import AgfError
from aumos_agent_framework.settings.model import NOT_USED_YET, Settings
from aumos_agent_framework.settings.variables import FAMILY_PREFIX, Variable, nested_values, variables_of

ENV_FILE = Path(".env")


class SettingsError(AgfError):
    """A setting is missing or wrong; the message names the variable and what to put there."""

    def __init__(self, message: str) -> None:
        super().__init__("invalid_settings", message)


@dataclass(frozen=True, slots=True)
class UnknownVariable:
    """A variable that looks like a setting and is none; ``closest`` is what may have been meant."""

    name: str
    closest: str | None


def load_settings(overrides: Mapping[str, str] | None = None, *, env_file: Path | None = ENV_FILE) -> Settings:
    """Read the settings.

    Args:
        overrides: variables that win over the environment, as the embedded stack gives them.
        env_file: a file of variables that the environment wins over; may be absent.

    Raises:
        SettingsError: a value does not fit; the message names its variable.
    """
    try:
        settings = Settings(_env_file=env_file, **nested_values(Settings, overrides or {}))
    except ValidationError as error:
        raise SettingsError("; ".join(_explain(error))) from error
    return _follow_keycloak(settings)


def _explain(error: ValidationError) -> list[str]:
    names = {variable.path: variable.name for variable in all_variables()}
    lines = []
    for fault in error.errors(include_url=False, include_context=False, include_input=False):
        path = tuple(str(part) for part in fault["loc"])
        name = next((names[path[:end]] for end in range(len(path), 0, -1) if path[:end] in names), ".".join(path))
        lines.append(f"{name}: {fault['msg']}")
    return lines


def _follow_keycloak(settings: Settings) -> Settings:
    """Fill in issuer and keys where only Keycloak is named, and keys where the issuer is a Keycloak realm."""
    auth, keycloak = settings.auth, settings.keycloak
    issuer = auth.issuer
    if issuer is None and keycloak.url and keycloak.realm:
        issuer = f"{keycloak.url.rstrip('/')}/realms/{keycloak.realm}"
    jwks_url = auth.jwks_url
    if jwks_url is None and issuer is not None and "/realms/" in issuer:
        jwks_url = f"{issuer.rstrip('/')}/protocol/openid-connect/certs"
    return settings.model_copy(update={"auth": auth.model_copy(update={"issuer": issuer, "jwks_url": jwks_url})})


def require_issuer(settings: Settings) -> None:
    """Refuse to go on without an issuer: a service that cannot verify tokens must not start.

    Raises:
        SettingsError: no issuer is named, or the place of its keys is not known; the message says what to set.
    """
    if settings.auth.issuer is None:
        if settings.keycloak.url and not settings.keycloak.realm:
            raise SettingsError("No issuer of tokens: AUMOS_KEYCLOAK__URL is set, set AUMOS_KEYCLOAK__REALM too.")
        raise SettingsError(
            "No issuer of tokens is configured. Set AUMOS_AUTH__ISSUER and AUMOS_AUTH__JWKS_URL, or "
            "AUMOS_KEYCLOAK__URL and AUMOS_KEYCLOAK__REALM; `agf up` starts a local issuer for trying out."
        )
    if settings.auth.jwks_url is None:
        raise SettingsError(
            f"The keys of the issuer {settings.auth.issuer} are not known: set AUMOS_AUTH__JWKS_URL to its JWKS."
        )


def require_servers(settings: Settings) -> None:
    """Refuse to go on without the servers that every process of the service needs.

    Raises:
        SettingsError: names all that are not set.
    """
    addresses = {
        "AUMOS_DATABASE__URL": settings.database.url,
        "AUMOS_REDIS__URL": settings.redis.url,
        "TEMPORAL_SERVER_URL": settings.temporal.server_url,
    }
    missing = [variable for variable, address in addresses.items() if address is None]
    if missing:
        raise SettingsError(f"Not set: {', '.join(missing)}; `agf up` starts local servers.")


def all_variables() -> tuple[Variable, ...]:
    """Return the variable of every setting, in the order of ``.env.example``."""
    return variables_of(Settings)


def unknown_variables(environ: Mapping[str, str]) -> tuple[UnknownVariable, ...]:
    """Return the ``AUMOS_*`` variables that no setting has, each with the closest name that one has."""
    canonical = {name: variable.name for variable in all_variables() for name in variable.names}
    suspects = sorted(name for name in environ if name.startswith(FAMILY_PREFIX) and name not in canonical)
    closest = {name: difflib.get_close_matches(name, canonical, n=1) for name in suspects}
    return tuple(UnknownVariable(name, canonical[found[0]] if found else None) for name, found in closest.items())


def startup_warnings(environ: Mapping[str, str] | None = None, *, env_file: Path | None = ENV_FILE) -> tuple[str, ...]:
    """Return what a person should be told of their variables: unknown, without effect yet, or doubly set.

    Args:
        environ: the environment; default: this process's.
        env_file: the file whose variables count too.
    """
    file = DotEnvSettingsSource(Settings, env_file=env_file).env_vars
    every = {**file, **(os.environ if environ is None else environ)}
    variables = {name: value for name, value in every.items() if value}
    warnings = []
    for unknown in unknown_variables(variables):
        hint = f"; did you mean {unknown.closest}?" if unknown.closest else ""
        warnings.append(f"{unknown.name} is no setting of this service and has no effect{hint}")
    for variable in all_variables():
        present = [name for name in variable.names if name in variables]
        if present and NOT_USED_YET in variable.field.metadata:
            warnings.append(f"{present[0]} is {NOT_USED_YET} in this version")
        if len({variables[name] for name in present}) > 1:
            warnings.append(f"{', '.join(present[1:])} has no effect: {present[0]} is set and wins")
    return tuple(warnings)


def to_environ(settings: Settings) -> dict[str, str]:
    """Write ``settings`` as variables that ``load_settings`` reads back to the same; unset ones are left out."""
    environ = {}
    for variable in all_variables():
        value = _value_at(settings, variable.path)
        if value is not None:
            environ[variable.name] = _written(value)
    return environ


def _value_at(settings: BaseModel, path: tuple[str, ...]) -> object:
    value: object = settings
    for name in path:
        value = getattr(value, name)
    return value


def _written(value: object) -> str:
    if isinstance(value, tuple):
        return ",".join(value)
    return json.dumps(value, separators=(",", ":")) if isinstance(value, dict) else str(value)
