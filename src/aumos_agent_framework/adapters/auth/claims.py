"""From the claims of a verified token to a caller."""

import re
import unicodedata
from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

from aumos_agent_framework.adapters.auth.jws import refused
from aumos_agent_framework.core.domain.identity import Caller
from aumos_agent_framework.core.errors import ForbiddenError
from aumos_agent_framework.core.types import JsonObject, JsonValue, PrivilegeLevel, TenantId

LEEWAY_SECONDS = 30  # how far the issuer's clock may differ from ours
MAX_SUBJECT_LENGTH = 255
MAX_ROLES = 256
MAX_NAME_LENGTH = 256
_LEVELS = range(PrivilegeLevel.READ_ONLY, PrivilegeLevel.SUPER_ADMIN + 1)
_LAST_SECOND = 253_402_300_799  # 9999-12-31T23:59:59Z
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII | re.IGNORECASE)
# Control, format (bidirectional overrides, zero width), surrogate, private use and line separators: in a name that
# people compare by eye, each of them hides something.
_HIDDEN = frozenset({"Cc", "Cf", "Cs", "Co", "Zl", "Zp"})
# Keycloak signs tokens of every purpose with the same keys and tells them apart by this claim.
_OTHER_PURPOSES = frozenset({"id", "refresh", "offline", "logout"})


class ClaimsReader:
    """Checks issuer, audience, times, subject and tenant, and maps roles to a level.

    Args:
        issuer: the exact ``iss``.
        audience: must be the ``aud`` or among them, exactly.
        role_levels: the level that each known role gives; other roles give none.
    """

    def __init__(self, *, issuer: str, audience: str, role_levels: Mapping[str, int]) -> None:
        if not issuer or not audience:
            raise ValueError("Tokens cannot be verified without an issuer and an audience.")
        self._issuer = issuer
        self._audience = audience
        self._role_levels = {role: PrivilegeLevel(level) for role, level in role_levels.items()}

    def caller(self, claims: JsonObject, now: datetime) -> Caller:
        """Return who the token speaks for.

        The level is the smaller of ``privilege_level`` and what the best known role gives; where only one of the two
        is there, it counts alone.

        Raises:
            UnauthenticatedError: a claim is missing, malformed or not meant for this service and moment.
            ForbiddenError: code ``no_role``: the token is good and gives no level.
        """
        self._check_purpose(claims)
        self._check_times(claims, now.timestamp())
        roles = _roles(claims)
        return Caller(
            tenant_id=_tenant(claims),
            subject=_subject(claims),
            level=self._level(claims, roles),
            roles=roles,
            scopes=_scopes(claims),
        )

    def _check_purpose(self, claims: JsonObject) -> None:
        if claims.get("iss") != self._issuer:
            raise refused("it is from another issuer")
        audience = claims.get("aud")
        if self._audience not in _texts([audience] if isinstance(audience, str) else audience, "aud"):
            raise refused("it is for another audience")
        purpose = claims.get("typ")
        if isinstance(purpose, str) and purpose.lower() in _OTHER_PURPOSES:
            raise refused("it is not an access token")

    def _check_times(self, claims: JsonObject, now: float) -> None:
        expires = _seconds(claims, "exp")
        if expires is None:
            raise refused("it has no exp")
        if expires + LEEWAY_SECONDS <= now:
            raise refused("it has expired", code="token_expired")
        for name in ("nbf", "iat"):
            begins = _seconds(claims, name)
            if begins is not None and begins - LEEWAY_SECONDS > now:
                raise refused(f"its {name} is in the future")

    def _level(self, claims: JsonObject, roles: frozenset[str]) -> PrivilegeLevel:
        known = [self._role_levels[role] for role in roles & self._role_levels.keys()]
        levels = [max(known)] if known else []
        if "privilege_level" in claims:
            levels.append(_claimed_level(claims["privilege_level"]))
        if not levels:
            known_roles = ", ".join(sorted(self._role_levels))
            raise ForbiddenError("no_role", f"Your token names none of the roles that give a level: {known_roles}.")
        return min(levels)


def _claimed_level(value: JsonValue) -> PrivilegeLevel:
    if isinstance(value, bool) or not isinstance(value, int) or value not in _LEVELS:
        raise refused("its privilege_level is not a whole number from 1 to 5")
    return PrivilegeLevel(value)


def _seconds(claims: JsonObject, name: str) -> int | None:
    """Return a NumericDate. Fractions are allowed by RFC 7519 and used by no issuer; whole seconds compare exactly."""
    if name not in claims:
        return None
    value = claims[name]
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= _LAST_SECOND:
        raise refused(f"its {name} is not a time in whole seconds")
    return value


def _tenant(claims: JsonObject) -> TenantId:
    value = claims.get("tenant_id")
    # UUID() alone also takes braces, "urn:uuid:" and hyphens anywhere.
    if not isinstance(value, str) or _UUID.fullmatch(value) is None or not UUID(value).int:
        raise refused("its tenant_id is not a UUID")
    return TenantId(UUID(value))


def _subject(claims: JsonObject) -> str:
    value = claims.get("sub")
    if not isinstance(value, str) or not is_subject(value):
        raise refused(f"its sub is not a name of 1 to {MAX_SUBJECT_LENGTH} printable characters")
    return value


def is_subject(text: str) -> bool:
    """Tell whether a token may name ``text`` as its subject: short, nothing hidden in it, no space around it."""
    return _is_plain(text, MAX_SUBJECT_LENGTH) and text == text.strip()


def _roles(claims: JsonObject) -> frozenset[str]:
    """Unite ``roles`` with Keycloak's ``realm_access.roles``."""
    roles = _texts(claims.get("roles", []), "roles")
    access = claims.get("realm_access", {})
    if not isinstance(access, dict):
        raise refused("its realm_access is not an object")
    return frozenset(roles) | frozenset(_texts(access.get("roles", []), "realm_access.roles"))


def _scopes(claims: JsonObject) -> frozenset[str]:
    scope = claims.get("scope", "")
    if not isinstance(scope, str):
        raise refused("its scope is not a string")
    return frozenset(_texts(scope.split(), "scope"))


def _texts(value: JsonValue, name: str) -> list[str]:
    if not isinstance(value, list) or len(value) > MAX_ROLES:
        raise refused(f"its {name} is not a list of at most {MAX_ROLES} strings")
    if not all(isinstance(item, str) and _is_plain(item, MAX_NAME_LENGTH) for item in value):
        raise refused(f"its {name} holds something else than printable strings")
    return value


def _is_plain(text: str, longest: int) -> bool:
    return 0 < len(text) <= longest and not any(unicodedata.category(char) in _HIDDEN for char in text)
