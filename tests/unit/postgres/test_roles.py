"""Which logins a migration accepts."""

import re

import pytest

from aumos_agent_framework.adapters.postgres.engine import driver_url
from aumos_agent_framework.adapters.postgres.roles import APP, Login, MigrationError, login_of, scram_verifier


class TestLoginOf:
    @pytest.mark.parametrize(
        ("url", "password"),
        [
            ("postgresql://agf_app:secret@db:5432/agf", "secret"),
            ("postgresql+asyncpg://agf_app:p%40ss%2Fword@db/agf?sslmode=require", "p@ss/word"),
            ("postgres://agf_app:x@one:1,two:2/agf", "x"),
            ("postgresql://agf_app:@db/agf", ""),
            ("postgresql://agf_app@db/agf", None),
        ],
    )
    def test_reads_the_password(self, url: str, password: str | None) -> None:
        assert login_of(url, APP) == Login(APP, password)

    @pytest.mark.parametrize("url", ["postgresql://postgres:secret@db/agf", "postgresql://db/agf"])
    def test_another_user_is_an_error_that_hides_the_password(self, url: str) -> None:
        with pytest.raises(MigrationError) as caught:
            login_of(url, APP)
        assert caught.value.code == "wrong_role"
        assert "agf_app" in caught.value.message
        assert "secret" not in caught.value.message

    def test_a_password_beyond_ascii_is_refused(self) -> None:
        with pytest.raises(MigrationError) as caught:
            login_of("postgresql://agf_app:gr%C3%BCn@db/agf", APP)
        assert caught.value.code == "password_not_ascii"

    def test_a_login_does_not_show_its_password(self) -> None:
        assert "secret" not in repr(Login(APP, "secret"))


class TestScramVerifier:
    def test_has_the_form_that_the_server_keeps_and_a_new_salt_each_time(self) -> None:
        one, two = scram_verifier("secret"), scram_verifier("secret")
        assert one != two
        assert re.fullmatch(r"SCRAM-SHA-256\$4096:[\w+/]{22}==\$[\w+/]{43}=:[\w+/]{43}=", one)


class TestDriverUrl:
    @pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+asyncpg"])
    def test_any_name_of_the_scheme_is_understood(self, scheme: str) -> None:
        assert driver_url(f"{scheme}://u:p@h/d?sslmode=disable") == "postgresql://u:p@h/d?sslmode=disable"

    @pytest.mark.parametrize("url", ["", "mysql://u:secret@h/d", "postgresql+psycopg://u:secret@h/d", "secret"])
    def test_another_scheme_is_an_error_that_hides_the_url(self, url: str) -> None:
        with pytest.raises(ValueError, match="postgresql://") as caught:
            driver_url(url)
        assert "secret" not in str(caught.value)
