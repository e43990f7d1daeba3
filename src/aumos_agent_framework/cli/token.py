"""``agf token``: a token from the local issuer."""

import asyncio
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from uuid import UUID, uuid5

import typer

from aumos_agent_framework.adapters.auth.claims import MAX_SUBJECT_LENGTH, is_subject
from aumos_agent_framework.adapters.auth.local_issuer import LocalIssuer
from aumos_agent_framework.adapters.postgres import PostgresUnitOfWorkFactory, create_engine
from aumos_agent_framework.cli.stack_config import data_dir_of, stack_config
from aumos_agent_framework.core.errors import AgfError
from aumos_agent_framework.core.types import TenantId
from aumos_agent_framework.embedded.attached import environment_of
from aumos_agent_framework.embedded.components import ISSUER, ComponentState
from aumos_agent_framework.embedded.state import StackState, read_state
from aumos_agent_framework.settings import Settings, load_settings

# Any fixed UUID would do; a name gives the same tenant on every machine.
_TENANT_NAMES = UUID("6f0e6f5c-3c0c-5d0a-9d3b-7d1e4b8a2c11")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
_LONGEST = timedelta(days=30)  # nothing takes a token back before its end


@dataclass(frozen=True, slots=True)
class TokenRequest:
    """What the token should say. ``tenant`` is a UUID or a name, ``ttl`` as on the command line."""

    tenant: str
    subject: str
    roles: tuple[str, ...]
    level: int | None
    ttl: str


def issue_token(request: TokenRequest, data_dir: Path | None) -> str:
    """Return a token from the local issuer; a tenant named for the first time is created if the stack is up.

    Raises:
        AgfError: tokens come from an external issuer, or there is no stack yet.
        typer.BadParameter: the API would refuse such a token, or it is valid for too long.
    """
    settings = load_settings()
    directory = data_dir_of(settings, data_dir)
    state = read_state(directory.state).as_seen_now()
    issuer = LocalIssuer(directory.issuer, _issuer_url(settings, state))
    token = issuer.mint(
        tenant_id=tenant_id_of(_tenant(request.tenant)),
        subject=_subject(request.subject),
        roles=_known_roles(request.roles, settings),
        level=request.level,
        audience=settings.auth.audience,
        ttl=parse_ttl(request.ttl),
    )
    if not _is_uuid(request.tenant) and state.ready:
        asyncio.run(_ensure_tenant(environment_of(stack_config(settings, directory), state), request.tenant))
    return token


def tenant_id_of(tenant: str) -> TenantId:
    """Return the id of a tenant that is given by its id or by a name, which stands for the same id everywhere."""
    return TenantId(UUID(tenant) if _is_uuid(tenant) else uuid5(_TENANT_NAMES, tenant))


def parse_ttl(text: str) -> timedelta:
    """Parse ``90s``, ``30m``, ``8h`` or ``7d``.

    Raises:
        typer.BadParameter: it is none of these, zero, or longer than a token of this machine may be valid.
    """
    match = re.fullmatch(r"([1-9]\d{0,5})([smhd])", text)
    if match is None:
        raise typer.BadParameter("a number and s, m, h or d, such as 8h", param_hint="--ttl")
    ttl = timedelta(**{_UNITS[match[2]]: int(match[1])})
    if ttl > _LONGEST:
        raise typer.BadParameter(f"a token is valid for at most {_LONGEST.days} days", param_hint="--ttl")
    return ttl


def _is_uuid(text: str) -> bool:
    try:
        UUID(text)
    except ValueError:
        return False
    return True


def _subject(text: str) -> str:
    if not is_subject(text):
        told = f"a token needs a subject of 1 to {MAX_SUBJECT_LENGTH} printable characters, without space around it"
        raise typer.BadParameter(told, param_hint="--subject")
    return text


def _tenant(text: str) -> str:
    # A tenant's name is held to the rule of subjects: people read both in the same places.
    if not is_subject(text):
        told = f"a UUID, or a name of 1 to {MAX_SUBJECT_LENGTH} printable characters without space around it"
        raise typer.BadParameter(told, param_hint="--tenant")
    if not tenant_id_of(text).int:
        raise typer.BadParameter("the nil UUID is no tenant", param_hint="--tenant")
    return text


def _known_roles(roles: Sequence[str], settings: Settings) -> Sequence[str]:
    known = settings.auth.role_levels
    unknown = [role for role in roles if role not in known]
    if unknown:
        raise typer.BadParameter(f"{', '.join(unknown)}: known are {', '.join(known)}", param_hint="--role")
    return roles


def _issuer_url(settings: Settings, state: StackState) -> str:
    issuer = state.components.get(ISSUER)
    if settings.auth.issuer is not None or (issuer and issuer.state is ComponentState.EXTERNAL):
        named = settings.auth.issuer or (issuer.url if issuer else "")
        raise AgfError("external_issuer", f"Tokens come from {named} here: get one there.")
    if issuer is None or issuer.url is None:
        raise AgfError("no_stack", "There is no stack in this data directory yet: start it with `agf up`.")
    return issuer.url


async def _ensure_tenant(environment: Mapping[str, str], name: str) -> None:
    engine = create_engine(environment["AUMOS_DATABASE__URL"], 1)
    try:
        async with PostgresUnitOfWorkFactory(engine)(tenant_id_of(name)) as work:
            await work.tenants.ensure(name)
            await work.commit()
    finally:
        await engine.dispose()
