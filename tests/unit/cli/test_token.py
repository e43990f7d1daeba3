"""``agf token`` without a running stack."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from uuid import UUID, uuid4

import jwt
import pytest
import typer

from aumos_agent_framework.cli.token import TokenRequest, issue_token, parse_ttl, tenant_id_of
from aumos_agent_framework.core.errors import AgfError
from aumos_agent_framework.embedded.components import ComponentState, ComponentStatus
from aumos_agent_framework.embedded.layout import DataDir
from aumos_agent_framework.embedded.state import StackState, write_state

ISSUER = "http://127.0.0.1:23456"
REQUEST = TokenRequest(tenant="acme", subject="alice", roles=("developer",), level=None, ttl="30m")


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    """The data directory of a stack that has run once and is down now."""
    layout = DataDir(tmp_path / "data")
    layout.create()
    issuer = ComponentStatus("issuer", ComponentState.STOPPED, ISSUER, 23456)
    write_state(layout.state, StackState(components={"issuer": issuer}))
    return layout.root


def test_says_who_and_what(data_dir: Path) -> None:
    claims = _claims(issue_token(replace(REQUEST, roles=("approver", "developer"), level=2), data_dir))
    assert claims["iss"] == ISSUER
    assert claims["sub"] == "alice"
    assert claims["aud"] == "aumos-platform"
    assert claims["tenant_id"] == str(tenant_id_of("acme"))
    assert claims["roles"] == ["approver", "developer"]
    assert claims["privilege_level"] == 2
    assert claims["exp"] - claims["iat"] == 30 * 60


def test_level_is_left_to_the_roles_by_default(data_dir: Path) -> None:
    assert "privilege_level" not in _claims(issue_token(REQUEST, data_dir))


def test_unknown_role_is_refused_with_the_known_ones(data_dir: Path) -> None:
    with pytest.raises(typer.BadParameter, match=r"boss: known are viewer, .*platform_admin"):
        issue_token(replace(REQUEST, roles=("developer", "boss")), data_dir)


def test_configured_role_is_known(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AUMOS_AUTH__ROLE_LEVELS", '{"boss": 5}')
    assert _claims(issue_token(replace(REQUEST, roles=("boss",)), data_dir))["roles"] == ["boss"]


@pytest.mark.parametrize("subject", ["", " ", " alice", "al\nice", "al\x00ice", "al\u202eice", "a\u2028b", "a" * 256])
def test_subject_that_the_api_would_refuse_is_refused(data_dir: Path, subject: str) -> None:
    with pytest.raises(typer.BadParameter, match=r"subject of 1 to 255 printable characters"):
        issue_token(replace(REQUEST, subject=subject), data_dir)


def test_longest_subject_is_taken(data_dir: Path) -> None:
    assert _claims(issue_token(replace(REQUEST, subject="a" * 255), data_dir))["sub"] == "a" * 255


@pytest.mark.parametrize("tenant", ["", " ", "ac\nme", "a" * 256])
def test_tenant_that_is_no_name_is_refused(data_dir: Path, tenant: str) -> None:
    with pytest.raises(typer.BadParameter, match="a UUID, or a name"):
        issue_token(replace(REQUEST, tenant=tenant), data_dir)


@pytest.mark.parametrize("nil", [str(UUID(int=0)), UUID(int=0).hex, f"{{{UUID(int=0)}}}"])
def test_nil_uuid_is_no_tenant(data_dir: Path, nil: str) -> None:
    with pytest.raises(typer.BadParameter, match="nil UUID"):
        issue_token(replace(REQUEST, tenant=nil), data_dir)


def test_before_the_first_stack_it_says_to_start_one(tmp_path: Path) -> None:
    with pytest.raises(AgfError, match="start it with `agf up`"):
        issue_token(REQUEST, tmp_path / "nothing")


def test_configured_issuer_is_where_tokens_come_from(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AUMOS_AUTH__ISSUER", "https://issuer")
    with pytest.raises(AgfError, match="Tokens come from https://issuer"):
        issue_token(REQUEST, data_dir)


def test_issuer_that_the_stack_was_started_with_counts_too(data_dir: Path) -> None:
    issuer = ComponentStatus("issuer", ComponentState.EXTERNAL, "https://issuer")
    write_state(DataDir(data_dir).state, StackState(components={"issuer": issuer}))
    with pytest.raises(AgfError, match="Tokens come from https://issuer"):
        issue_token(REQUEST, data_dir)


class TestTenant:
    def test_uuid_stands_for_itself(self) -> None:
        tenant = uuid4()
        assert tenant_id_of(str(tenant)) == tenant

    def test_name_stands_for_the_same_id_everywhere(self) -> None:
        # Changing how names become ids would lose everybody's data: it would be another tenant's.
        assert tenant_id_of("acme") == UUID("f6febc38-7f42-56e5-911c-8facc2f81b8d")

    def test_other_names_are_other_tenants(self) -> None:
        assert tenant_id_of("acme") != tenant_id_of("Acme")


class TestTtl:
    @pytest.mark.parametrize(
        ("text", "duration"),
        [
            ("90s", timedelta(seconds=90)),
            ("30m", timedelta(minutes=30)),
            ("8h", timedelta(hours=8)),
            ("7d", timedelta(days=7)),
            ("30d", timedelta(days=30)),
            ("720h", timedelta(days=30)),
        ],
    )
    def test_units(self, text: str, duration: timedelta) -> None:
        assert parse_ttl(text) == duration

    @pytest.mark.parametrize("text", ["", "8", "h", "0h", "-1h", "1.5h", "8 h", "8w", "9999999d"])
    def test_anything_else_is_refused(self, text: str) -> None:
        with pytest.raises(typer.BadParameter):
            parse_ttl(text)

    @pytest.mark.parametrize("text", ["31d", "721h", "43201m", "999999d"])
    def test_longer_than_30_days_is_refused(self, text: str) -> None:
        with pytest.raises(typer.BadParameter, match="at most 30 days"):
            parse_ttl(text)


def _claims(token: str) -> dict[str, object]:
    claims: dict[str, object] = jwt.decode(token, options={"verify_signature": False})
    return claims
