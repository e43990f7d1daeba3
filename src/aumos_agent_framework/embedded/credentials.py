"""Passwords of the embedded servers: random, made once, kept next to the data they protect."""

import secrets
from dataclasses import asdict, dataclass, field
from pathlib import Path

import orjson

from aumos_agent_framework.embedded.files import write_private

_BYTES = 24


def _random() -> str:
    return secrets.token_urlsafe(_BYTES)  # needs no escaping inside an address


@dataclass(frozen=True, slots=True)
class Credentials:
    """One password per login."""

    postgres_superuser: str = field(default_factory=_random, repr=False)
    postgres_app: str = field(default_factory=_random, repr=False)
    postgres_relay: str = field(default_factory=_random, repr=False)
    redis: str = field(default_factory=_random, repr=False)


def load_or_create(path: Path) -> Credentials:
    """Return the passwords kept at ``path``, made on first use."""
    if path.exists():
        return Credentials(**orjson.loads(path.read_bytes()))
    credentials = Credentials()
    write_private(path, orjson.dumps(asdict(credentials)))
    return credentials
