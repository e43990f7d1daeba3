"""The table of names: what is unknown, and what a person is told of it."""

from itertools import pairwise
from pathlib import Path

from aumos_agent_framework.settings import (
    UnknownVariable,
    all_variables,
    load_settings,
    startup_warnings,
    to_environ,
    unknown_variables,
)
from aumos_agent_framework.settings.model import Settings

EXAMPLE = Path(__file__).parents[3] / ".env.example"


class TestUnknownVariables:
    def test_closest_name_is_offered(self) -> None:
        assert unknown_variables({"AUMOS_DATABASE_URL": "x"}) == (
            UnknownVariable("AUMOS_DATABASE_URL", "AUMOS_DATABASE__URL"),
        )

    def test_nothing_is_offered_for_nothing_similar(self) -> None:
        assert unknown_variables({"AUMOS_ZZZZZZZZZZZZZZZZZZZZZZ": "x"})[0].closest is None

    def test_other_programs_variables_are_none_of_ours(self) -> None:
        assert unknown_variables({"PATH": "/bin", "TEMPORAL_CLI_ADDRESS": "x", "LLM_MODEL": "x"}) == ()

    def test_every_spelling_of_every_setting_is_known(self) -> None:
        assert unknown_variables({name: "x" for variable in all_variables() for name in variable.names}) == ()

    def test_no_two_settings_share_a_name(self) -> None:
        names = [name for variable in all_variables() for name in variable.names]
        assert len(names) == len(set(names))


class TestStartupWarnings:
    def test_unknown_variable_is_named_with_the_closest(self) -> None:
        (warning,) = startup_warnings({"AUMOS_TEMPORAL__URL": "x"}, env_file=None)
        assert "AUMOS_TEMPORAL__URL" in warning
        assert "did you mean TEMPORAL_SERVER_URL?" in warning

    def test_unknown_variable_of_the_file_is_named_too(self, tmp_path: Path) -> None:
        file = tmp_path / "settings"
        file.write_text("AUMOS_AGF_PROT=1\n")
        (warning,) = startup_warnings({}, env_file=file)
        assert "did you mean AUMOS_AGF_PORT?" in warning

    def test_setting_without_effect_yet_is_named(self) -> None:
        warnings = startup_warnings(
            {"AUMOS_OTEL_ENDPOINT": "x", "AUMOS_KAFKA__SCHEMA_REGISTRY_URL": "x"}, env_file=None
        )
        assert [warning.split()[0] for warning in warnings] == [
            "AUMOS_KAFKA__SCHEMA_REGISTRY_URL",
            "AUMOS_OTEL_ENDPOINT",
        ]
        assert all("not used yet" in warning for warning in warnings)

    def test_two_spellings_that_differ_are_told(self) -> None:
        (warning,) = startup_warnings({"TEMPORAL_SERVER_URL": "a", "AUMOS_TEMPORAL__SERVER_URL": "b"}, env_file=None)
        assert warning == "AUMOS_TEMPORAL__SERVER_URL has no effect: TEMPORAL_SERVER_URL is set and wins"

    def test_known_and_empty_variables_are_silent(self) -> None:
        variables = {"AUMOS_AGF_PORT": "1", "AUMOS_NO_SUCH": "", "AUMOS_LLM__URL": "a", "LLM_SERVING_URL": "a"}
        assert startup_warnings(variables, env_file=None) == ()

    def test_environment_of_the_process_is_the_default(self) -> None:
        assert startup_warnings(env_file=None) == ()


class TestExampleFile:
    def test_lists_every_setting_once_in_order(self) -> None:
        assert [name for name, _, _ in _entries()] == [variable.name for variable in all_variables()]

    def test_shows_every_default(self) -> None:
        defaults = to_environ(Settings(_env_file=None))
        assert {name: value for name, value, _ in _entries() if value} == {
            name: value for name, value in defaults.items() if value
        }

    def test_tells_every_meaning(self) -> None:
        meanings = {variable.name: variable.field.description for variable in all_variables()}
        assert {name: comment for name, _, comment in _entries()} == meanings

    def test_copied_as_it_is_changes_nothing(self) -> None:
        assert load_settings(env_file=EXAMPLE) == Settings(_env_file=None)
        assert startup_warnings({}, env_file=EXAMPLE) == ()


def _entries() -> list[tuple[str, str, str]]:
    """Return name, value and the comment before it, of each line that sets a variable."""
    lines = EXAMPLE.read_text().splitlines()
    found = []
    for before, line in pairwise(lines):
        if line and not line.startswith("#"):
            name, _, value = line.partition("=")
            found.append((name, value, before.removeprefix("# ")))
    return found
