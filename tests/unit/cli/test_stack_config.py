"""From settings to the stack."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from aumos_agent_framework.cli.stack_config import data_dir_of, stack_config
from aumos_agent_framework.embedded.components import SERVERS
from aumos_agent_framework.embedded.config import StackConfig
from aumos_agent_framework.settings import SettingsError, load_settings

EVERY_ADDRESS = {
    "AUMOS_DATABASE__URL": "postgresql://agf_app:hidden@db:5432/agf",
    "AUMOS_REDIS__URL": "redis://:hidden@cache:6379/0",
    "TEMPORAL_SERVER_URL": "temporal:7233",
    "AUMOS_KAFKA__BROKERS": "kafka-1:9092,kafka-2:9092",
    "AUMOS_AUTH__ISSUER": "https://issuer",
    "LLM_SERVING_URL": "https://models/v1",
}


def test_without_addresses_everything_is_embedded(tmp_path: Path) -> None:
    config = _config(tmp_path, {})
    assert config.external == {}
    assert set(SERVERS) < set(config.embedded)


def test_with_every_address_no_server_is_embedded(tmp_path: Path) -> None:
    assert _config(tmp_path, EVERY_ADDRESS).embedded == ("api", "worker")


def test_addresses_are_shown_without_passwords(tmp_path: Path) -> None:
    assert _config(tmp_path, EVERY_ADDRESS).external == {
        "postgres": "postgresql://db:5432/agf",
        "redis": "redis://cache:6379/0",
        "temporal": "temporal:7233",
        "kafka": "kafka-1:9092,kafka-2:9092",
        "issuer": "https://issuer",
        "llm-stub": "https://models/v1",
    }


def test_keycloak_is_an_external_issuer(tmp_path: Path) -> None:
    config = _config(tmp_path, {"AUMOS_KEYCLOAK__URL": "https://kc", "AUMOS_KEYCLOAK__REALM": "aumos"})
    assert config.external == {"issuer": "https://kc/realms/aumos"}


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.2", "agents.example"])  # noqa: S104 - refused
def test_local_issuer_does_not_serve_an_api_that_others_reach(tmp_path: Path, host: str) -> None:
    with pytest.raises(SettingsError, match="AUMOS_AUTH__ISSUER"):
        _config(tmp_path, {"AUMOS_AGF_HOST": host})
    assert _config(tmp_path, {"AUMOS_AGF_HOST": host, "AUMOS_AUTH__ISSUER": "https://issuer"}).host == host


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "localhost"])
def test_local_issuer_serves_this_machine(tmp_path: Path, host: str) -> None:
    assert _config(tmp_path, {"AUMOS_AGF_HOST": host}).host == host


def test_ports_are_passed_on(tmp_path: Path) -> None:
    ports = _config(tmp_path, {"AUMOS_AGF_PORT": "1", "AUMOS_AGF_EMBEDDED__LLM_STUB_PORT": "2"}).ports
    assert ports == {"api": 1, "llm-stub": 2, "postgres": 0, "redis": 0, "temporal": 0, "kafka": 0, "issuer": 0}


def test_issuers_documents_agree_on_its_address(tmp_path: Path) -> None:
    config = _config(tmp_path, {})
    documents = config.issuer_documents("http://127.0.0.1:1")
    discovery = documents["/.well-known/openid-configuration"]
    assert discovery["issuer"] == "http://127.0.0.1:1"
    assert discovery["jwks_uri"] == f"http://127.0.0.1:1{config.jwks_path}"
    assert len(documents[config.jwks_path]["keys"]) == 1


def test_data_directory_of_the_command_line_wins(tmp_path: Path) -> None:
    settings = load_settings({"AUMOS_AGF_DATA_DIR": "configured"}, env_file=None)
    assert data_dir_of(settings, None).root == tmp_path / "configured"
    assert data_dir_of(settings, Path("chosen")).root == tmp_path / "chosen"


@pytest.mark.parametrize("value", ["", "  "])
def test_empty_data_directory_is_refused(value: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AUMOS_AGF_DATA_DIR", value)
    settings = load_settings(env_file=None)
    with pytest.raises(SettingsError, match="AUMOS_AGF_DATA_DIR is empty"):
        data_dir_of(settings, None)
    assert data_dir_of(settings, tmp_path).root == tmp_path


def _config(tmp_path: Path, variables: Mapping[str, str]) -> StackConfig:
    settings = load_settings(variables, env_file=None)
    return stack_config(settings, data_dir_of(settings, tmp_path / "data"))
