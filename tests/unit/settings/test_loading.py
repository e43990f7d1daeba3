"""Reading settings: names, precedence, faults."""

from pathlib import Path

import pytest

from aumos_agent_framework.core.types import PrivilegeLevel
from aumos_agent_framework.settings import Settings, SettingsError, load_settings, require_issuer, to_environ


class TestNames:
    def test_nested_family_name(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("AUMOS_DATABASE__POOL_SIZE", "7")
        assert load_settings().database.pool_size == 7

    @pytest.mark.parametrize("name", ["TEMPORAL_SERVER_URL", "AUMOS_TEMPORAL__SERVER_URL", "AUMOS_TEMPORAL_SERVER_URL"])
    def test_every_spelling_of_temporal_is_read(self, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv(name, "temporal:7233")
        assert load_settings().temporal.server_url == "temporal:7233"

    @pytest.mark.parametrize("name", ["LLM_SERVING_URL", "AUMOS_LLM__URL", "AUMOS_LLM_SERVING_URL"])
    def test_every_spelling_of_the_model_server_is_read(self, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv(name, "http://models/v1")
        assert load_settings().llm.url == "http://models/v1"

    def test_own_names(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("AUMOS_AGF_PORT", "9000")
        monkeypatch.setenv("AUMOS_AGF_DATABASE__RELAY_URL", "postgresql://relay@db/agf")
        monkeypatch.setenv("AUMOS_AGF_EMBEDDED__LLM_STUB_PORT", "9001")
        agf = load_settings().agf
        assert (agf.port, agf.database.relay_url, agf.embedded.llm_stub_port) == (
            9000,
            "postgresql://relay@db/agf",
            9001,
        )

    def test_canonical_name_wins(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("AUMOS_TEMPORAL__SERVER_URL", "other:1")
        monkeypatch.setenv("TEMPORAL_SERVER_URL", "canonical:1")
        assert load_settings().temporal.server_url == "canonical:1"


class TestPrecedence:
    def test_file_is_read(self) -> None:
        Path(".env").write_text("AUMOS_AGF_PORT=9000\nAUMOS_LOG_FORMAT=console\n")
        settings = load_settings()
        assert (settings.agf.port, settings.log_format) == (9000, "console")

    def test_environment_wins_over_file(self, monkeypatch: pytest.MonkeyPatch) -> None:
        Path(".env").write_text("AUMOS_AGF_PORT=9000\n")
        monkeypatch.setenv("AUMOS_AGF_PORT", "9001")
        assert load_settings().agf.port == 9001

    def test_overrides_win_over_environment(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("AUMOS_AGF_PORT", "9001")
        assert load_settings({"AUMOS_AGF_PORT": "9002"}).agf.port == 9002

    def test_empty_is_unset(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("AUMOS_AGF_PORT", "")
        monkeypatch.setenv("AUMOS_DATABASE__URL", "")
        settings = load_settings()
        assert (settings.agf.port, settings.database.url) == (8007, None)

    def test_defaults_without_anything(self) -> None:
        assert load_settings() == Settings(_env_file=None)


class TestValues:
    def test_list_is_written_with_commas(self) -> None:
        allow = load_settings({"AUMOS_AGF_HTTP_TOOLS__ALLOW": "10.0.0.0/8, intranet:8080,"}).agf.http_tools.allow
        assert allow == ("10.0.0.0/8", "intranet:8080")

    def test_roles_are_added_to_the_known_ones(self) -> None:
        levels = load_settings({"AUMOS_AUTH__ROLE_LEVELS": '{"operator": 4, "viewer": 2}'}).auth.role_levels
        assert levels["operator"] is PrivilegeLevel.ADMIN
        assert levels["viewer"] is PrivilegeLevel.EXECUTE_SAFE
        assert levels["platform_admin"] is PrivilegeLevel.SUPER_ADMIN

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("AUMOS_AGF_PORT", "http"),
            ("AUMOS_AGF_PORT", "65536"),
            ("AUMOS_AGF_PORT", "-1"),
            ("AUMOS_LOG_LEVEL", "LOUD"),
            ("AUMOS_LOG_FORMAT", "xml"),
            ("AUMOS_DATABASE__POOL_SIZE", "0"),
            ("AUMOS_AUTH__ROLE_LEVELS", "{operator"),
            ("AUMOS_AUTH__ROLE_LEVELS", "[4]"),
            ("AUMOS_AUTH__ROLE_LEVELS", '{"operator": 6}'),
        ],
    )
    def test_bad_value_names_its_variable(self, name: str, value: str) -> None:
        with pytest.raises(SettingsError, match=f"^{name}: "):
            load_settings({name: value})

    def test_all_faults_are_named_at_once(self) -> None:
        with pytest.raises(SettingsError, match=r"AUMOS_LOG_LEVEL.*AUMOS_AGF_PORT"):
            load_settings({"AUMOS_AGF_PORT": "x", "AUMOS_LOG_LEVEL": "x"})

    def test_log_level_in_any_case(self) -> None:
        assert load_settings({"AUMOS_LOG_LEVEL": "debug"}).log_level == "DEBUG"

    def test_passwords_stay_out_of_the_repr(self) -> None:
        secrets = {
            "AUMOS_DATABASE__URL": "postgresql://u:hidden@h/d",
            "AUMOS_REDIS__URL": "redis://:hidden@h",
            "AUMOS_AGF_DATABASE__MIGRATION_URL": "postgresql://u:hidden@h/d",
            "AUMOS_AGF_DATABASE__RELAY_URL": "postgresql://u:hidden@h/d",
            "LLM_SERVING_TOKEN": "hidden",
        }
        assert "hidden" not in repr(load_settings(secrets))


class TestIssuer:
    def test_keycloak_gives_issuer_and_keys(self) -> None:
        auth = load_settings({"AUMOS_KEYCLOAK__URL": "https://kc/auth/", "AUMOS_KEYCLOAK__REALM": "aumos"}).auth
        assert auth.issuer == "https://kc/auth/realms/aumos"
        assert auth.jwks_url == "https://kc/auth/realms/aumos/protocol/openid-connect/certs"

    def test_explicit_issuer_and_keys_win(self) -> None:
        auth = load_settings(
            {
                "AUMOS_KEYCLOAK__URL": "https://kc",
                "AUMOS_KEYCLOAK__REALM": "aumos",
                "AUMOS_AUTH__ISSUER": "https://issuer",
                "AUMOS_AUTH__JWKS_URL": "https://keys",
            }
        ).auth
        assert (auth.issuer, auth.jwks_url) == ("https://issuer", "https://keys")

    def test_keys_follow_an_issuer_that_is_a_realm(self) -> None:
        auth = load_settings({"AUMOS_AUTH__ISSUER": "https://kc/realms/r"}).auth
        assert auth.jwks_url == "https://kc/realms/r/protocol/openid-connect/certs"

    @pytest.mark.parametrize(
        ("variables", "told"),
        [
            ({}, "AUMOS_AUTH__ISSUER"),
            ({"AUMOS_KEYCLOAK__URL": "https://kc"}, "AUMOS_KEYCLOAK__REALM"),
            ({"AUMOS_AUTH__ISSUER": "https://issuer"}, "AUMOS_AUTH__JWKS_URL"),
        ],
    )
    def test_missing_issuer_is_refused_with_what_to_set(self, variables: dict[str, str], told: str) -> None:
        with pytest.raises(SettingsError, match=f"set {told}|Set {told}"):
            require_issuer(load_settings(variables))

    def test_known_issuer_passes(self) -> None:
        require_issuer(load_settings({"AUMOS_KEYCLOAK__URL": "https://kc", "AUMOS_KEYCLOAK__REALM": "r"}))


def test_written_settings_are_read_back_the_same() -> None:
    variables = {
        "AUMOS_DATABASE__URL": "postgresql://u:p@h/d?sslmode=verify-full",
        "AUMOS_AUTH__ROLE_LEVELS": '{"operator": 4}',
        "AUMOS_AGF_HTTP_TOOLS__ALLOW": "127.0.0.0/8,::1",
        "AUMOS_AGF_DATA_DIR": "/var/lib/agf",
        "TEMPORAL_NAMESPACE": "agents",
        "LLM_SERVING_TOKEN": "token",
    }
    settings = load_settings(variables)
    written = to_environ(settings)
    assert load_settings(written) == settings
    assert written["AUMOS_AGF_HTTP_TOOLS__ALLOW"] == "127.0.0.0/8,::1"
    assert "AUMOS_REDIS__URL" not in written
