"""The variables that lead to a stack, and which processes it consists of."""

import os
from dataclasses import replace
from pathlib import Path

import pytest

from aumos_agent_framework.embedded.assembly import assemble, choose_ports
from aumos_agent_framework.embedded.components import ALL_COMPONENTS, SERVERS
from aumos_agent_framework.embedded.config import StackConfig
from aumos_agent_framework.embedded.credentials import Credentials
from aumos_agent_framework.embedded.environment import environment
from aumos_agent_framework.embedded.layout import DataDir
from aumos_agent_framework.settings import Settings, load_settings, require_issuer, to_environ

CREDENTIALS = Credentials("super", "app", "relay", "redis")
MIGRATION_URL = "AUMOS_AGF_DATABASE__MIGRATION_URL"


@pytest.fixture
def config(tmp_path: Path) -> StackConfig:
    return StackConfig(
        DataDir(tmp_path),
        issuer_documents=lambda _: {},
        jwks_path="/keys",
        variables=to_environ(Settings(_env_file=None)),
        inherited={"PATH": os.environ["PATH"], "PYTHONDONTWRITEBYTECODE": "1"},
    )


class TestEnvironment:
    def test_leads_to_every_embedded_server(self, config: StackConfig) -> None:
        ports = {name: number for number, name in enumerate(ALL_COMPONENTS, start=1) if name != "worker"}
        settings = load_settings(environment(config, ports, CREDENTIALS), env_file=None)
        assert settings.database.url == "postgresql+asyncpg://agf_app:app@127.0.0.1:1/agf"
        assert settings.agf.database.relay_url == "postgresql+asyncpg://agf_relay:relay@127.0.0.1:1/agf"
        assert settings.agf.database.migration_url == "postgresql+asyncpg://postgres:super@127.0.0.1:1/agf"
        assert settings.redis.url == "redis://:redis@127.0.0.1:2/0"
        assert settings.temporal.server_url == "127.0.0.1:3"
        assert settings.kafka.brokers == "127.0.0.1:4"
        assert (settings.auth.issuer, settings.auth.jwks_url) == ("http://127.0.0.1:5", "http://127.0.0.1:5/keys")
        assert settings.llm.url == "http://127.0.0.1:6/v1"
        assert (settings.agf.port, settings.agf.data_dir) == (7, config.data_dir.root)
        require_issuer(settings)

    def test_configured_addresses_stay(self, config: StackConfig) -> None:
        configured = {"AUMOS_REDIS__URL": "redis://elsewhere", "TEMPORAL_NAMESPACE": "agents"}
        variables = environment(replace(config, variables=configured), {"postgres": 1}, CREDENTIALS)
        assert variables["AUMOS_REDIS__URL"] == "redis://elsewhere"
        assert variables["TEMPORAL_NAMESPACE"] == "agents"

    def test_tools_may_call_this_machine_only_in_a_local_stack(self, config: StackConfig) -> None:
        name = "AUMOS_AGF_HTTP_TOOLS__ALLOW"
        assert environment(config, {"redis": 1}, CREDENTIALS)[name] == "127.0.0.0/8,::1"
        assert environment(config, {"api": 1}, CREDENTIALS)[name] == ""
        configured = replace(config, variables={name: "intranet"})
        assert environment(configured, {"redis": 1}, CREDENTIALS)[name] == "intranet"

    def test_tools_may_not_call_the_stacks_own_servers(self, config: StackConfig) -> None:
        ports = choose_ports(config, {})
        settings = load_settings(environment(config, ports, CREDENTIALS), env_file=None)
        closed = {name for name, port in ports.items() if str(port) in settings.agf.http_tools.refuse}
        assert closed == {"postgres", "redis", "temporal", "temporal-http", "temporal-metrics", "kafka", "issuer"}
        assert len(settings.agf.http_tools.refuse) == len(closed)

    def test_what_tools_may_not_call_is_added_to_what_is_configured(self, config: StackConfig) -> None:
        name = "AUMOS_AGF_HTTP_TOOLS__REFUSE"
        configured = replace(config, variables={name: "10.0.0.1,9000"})
        assert environment(configured, {"redis": 1, "api": 2}, CREDENTIALS)[name] == "10.0.0.1,9000,1"
        assert environment(configured, {"api": 2}, CREDENTIALS)[name] == "10.0.0.1,9000"

    def test_the_demos_tools_are_offered_only_in_a_local_stack(self, config: StackConfig) -> None:
        for ports, offered in (({"redis": 1}, True), ({"api": 1}, False)):
            settings = load_settings(environment(config, ports, CREDENTIALS), env_file=None)
            assert settings.agf.demo_tools is offered


class TestAssemble:
    def test_every_component_but_the_issuer_is_a_process(self, config: StackConfig) -> None:
        parts = assemble(config, choose_ports(config, {}), CREDENTIALS)
        assert set(parts.processes) == set(ALL_COMPONENTS) - {"issuer"}
        assert parts.migration is not None

    def test_only_the_migration_gets_the_administrators_login(self, config: StackConfig) -> None:
        parts = assemble(config, choose_ports(config, {}), CREDENTIALS)
        assert parts.migration is not None
        assert MIGRATION_URL in parts.migration.env
        assert not [name for name, process in parts.processes.items() if MIGRATION_URL in process.command.env]

    def test_servers_do_not_see_the_environment(self, config: StackConfig) -> None:
        parts = assemble(config, choose_ports(config, {}), CREDENTIALS)
        for name in ("postgres", "redis", "temporal", "kafka"):
            assert "PATH" not in parts.processes[name].command.env

    def test_no_password_is_an_argument(self, config: StackConfig) -> None:
        credentials = Credentials("S3CRET-1", "S3CRET-2", "S3CRET-3", "S3CRET-4")
        parts = assemble(config, choose_ports(config, {}), credentials)
        assert not [name for name, process in parts.processes.items() if "S3CRET" in " ".join(process.command.argv)]
        assert "S3CRET" not in repr(parts)

    def test_python_processes_may_keep_compiled_modules(self, config: StackConfig) -> None:
        parts = assemble(config, choose_ports(config, {}), CREDENTIALS)
        assert "PYTHONDONTWRITEBYTECODE" not in parts.processes["worker"].command.env

    def test_with_every_address_configured_no_server_is_a_process(self, config: StackConfig) -> None:
        external = replace(
            config,
            external=dict.fromkeys(SERVERS, "elsewhere:1"),
            variables={**config.variables, "TEMPORAL_SERVER_URL": "elsewhere:1"},
        )
        ports = choose_ports(external, {})
        assert set(ports) == {"api"}
        parts = assemble(external, ports, CREDENTIALS)
        assert set(parts.processes) == {"api", "worker"}
        assert parts.migration is None

    def test_external_database_is_migrated_where_its_login_is_configured(self, config: StackConfig) -> None:
        external = replace(
            config,
            external={"postgres": "elsewhere:5432"},
            variables={**config.variables, MIGRATION_URL: "postgresql://admin@elsewhere:5432/agf"},
        )
        migration = assemble(external, choose_ports(external, {}), CREDENTIALS).migration
        assert migration is not None
        assert migration.env[MIGRATION_URL] == "postgresql://admin@elsewhere:5432/agf"


class TestTemporal:
    def test_all_its_ports_are_chosen_and_kept(self, config: StackConfig) -> None:
        ports = choose_ports(config, {})
        assert choose_ports(config, ports) == ports
        argv = assemble(config, ports, CREDENTIALS).processes["temporal"].command.argv
        told = {word: argv[index + 1] for index, word in enumerate(argv) if word.endswith("port")}
        assert told == {
            "--port": str(ports["temporal"]),
            "--http-port": str(ports["temporal-http"]),
            "--metrics-port": str(ports["temporal-metrics"]),
        }
        assert len(set(ports.values())) == len(ports)

    def test_runs_with_the_settings_that_make_it_fast(self, config: StackConfig) -> None:
        argv = assemble(config, choose_ports(config, {}), CREDENTIALS).processes["temporal"].command.argv
        dynamic = {argv[index + 1] for index, word in enumerate(argv) if word == "--dynamic-config-value"}
        assert dynamic == {
            "history.transferProcessorMaxPollRPS=10000",
            "history.transferProcessorMaxPollHostRPS=10000",
            "history.timerProcessorMaxPollRPS=10000",
            "history.timerProcessorMaxPollHostRPS=10000",
            "matching.enableFairness=true",
        }
        pragmas = {argv[index + 1] for index, word in enumerate(argv) if word == "--sqlite-pragma"}
        assert pragmas == {"journal_mode=wal", "synchronous=1"}
        assert "--headless" in argv
