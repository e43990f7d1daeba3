"""The factory that the server calls."""

from pathlib import Path

import pytest

from aumos_agent_framework.main import create_app
from aumos_agent_framework.settings import SettingsError, all_variables

pytestmark = pytest.mark.usefixtures("restored_logging")


@pytest.fixture(autouse=True)
def _no_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for variable in all_variables():
        for name in variable.names:
            monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)  # a directory without a .env file


def test_builds_the_application_before_anything_is_there() -> None:
    assert "/api/v1/workflows" in create_app().openapi()["paths"]


async def test_refuses_to_start_without_an_issuer() -> None:
    app = create_app()

    with pytest.raises(SettingsError, match="AUMOS_AUTH__ISSUER"):
        async with app.router.lifespan_context(app):
            pass


def test_a_wrong_setting_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AUMOS_LOG_LEVEL", "LOUD")

    with pytest.raises(SettingsError, match="AUMOS_LOG_LEVEL"):
        create_app()


def test_a_misspelt_setting_is_a_warning(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("AUMOS_LOG_LEVLE", "DEBUG")

    create_app()

    assert "AUMOS_LOG_LEVLE" in capsys.readouterr().err
