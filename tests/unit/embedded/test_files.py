"""Files and directories of the stack."""

from pathlib import Path

import pytest

from aumos_agent_framework.embedded.credentials import load_or_create
from aumos_agent_framework.embedded.errors import AlreadyRunningError, StackError, log_tail
from aumos_agent_framework.embedded.files import write_private
from aumos_agent_framework.embedded.layout import DataDir
from aumos_agent_framework.embedded.lock import held


class TestWritePrivate:
    def test_only_the_owner_may_read(self, tmp_path: Path) -> None:
        write_private(tmp_path / "file", b"secret")
        assert (tmp_path / "file").stat().st_mode & 0o777 == 0o600

    def test_replaces_and_leaves_nothing_beside(self, tmp_path: Path) -> None:
        write_private(tmp_path / "file", b"first")
        write_private(tmp_path / "file", b"second")
        assert [path.name for path in tmp_path.iterdir()] == ["file"]
        assert (tmp_path / "file").read_bytes() == b"second"


class TestCredentials:
    def test_are_made_once(self, tmp_path: Path) -> None:
        first = load_or_create(tmp_path / "credentials.json")
        assert load_or_create(tmp_path / "credentials.json") == first

    def test_are_different_long_and_for_the_owner_only(self, tmp_path: Path) -> None:
        path = tmp_path / "credentials.json"
        made = load_or_create(path)
        passwords = {made.postgres_superuser, made.postgres_app, made.postgres_relay, made.redis}
        assert len(passwords) == 4
        assert all(len(password) >= 32 for password in passwords)
        assert path.stat().st_mode & 0o777 == 0o600

    def test_are_not_in_the_repr(self, tmp_path: Path) -> None:
        made = load_or_create(tmp_path / "credentials.json")
        assert made.redis not in repr(made)


class TestDataDir:
    def test_is_closed_to_others(self, tmp_path: Path) -> None:
        data_dir = DataDir(tmp_path / "a" / "b")
        data_dir.create()
        data_dir.create()
        assert data_dir.root.stat().st_mode & 0o777 == 0o700

    def test_one_that_is_there_keeps_its_permissions(self, tmp_path: Path) -> None:
        root = tmp_path / "data"
        root.mkdir()
        root.chmod(0o755)
        DataDir(root).create()
        DataDir(root).create()
        assert root.stat().st_mode & 0o777 == 0o755
        assert (root / "logs").stat().st_mode & 0o777 == 0o700

    def test_one_that_holds_something_else_is_refused_and_left_alone(self, tmp_path: Path) -> None:
        (tmp_path / "thesis.txt").write_text("")
        with pytest.raises(StackError, match=r"holds something else.*--data-dir"):
            DataDir(tmp_path).create()
        assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]

    @pytest.mark.parametrize("mark", ["lock", "state.json", "credentials.json"])
    def test_one_of_an_earlier_stack_is_used_again(self, tmp_path: Path, mark: str) -> None:
        (tmp_path / mark).write_text("")
        (tmp_path / "postgres").mkdir()
        DataDir(tmp_path).create()
        assert (tmp_path / "logs").is_dir()

    @pytest.mark.parametrize("marks", [[], ["lock"]])
    def test_one_that_everybody_may_write_to_is_refused(self, tmp_path: Path, marks: list[str]) -> None:
        for name in marks:
            (tmp_path / name).write_text("")
        tmp_path.chmod(0o1777)
        with pytest.raises(StackError, match="Every user of this machine may write"):
            DataDir(tmp_path).create()
        assert tmp_path.stat().st_mode & 0o7777 == 0o1777
        assert not (tmp_path / "logs").exists()

    def test_that_cannot_be_made_says_how_to_choose_another(self, tmp_path: Path) -> None:
        (tmp_path / "file").write_text("")
        with pytest.raises(StackError, match=r"cannot be used.*--data-dir"):
            DataDir(tmp_path / "file" / "below").create()

    def test_large_log_is_put_aside_once(self, tmp_path: Path) -> None:
        data_dir = DataDir(tmp_path)
        data_dir.create()
        log = data_dir.log("api")
        log.write_bytes(b"x" * 5_000_001)
        assert data_dir.rotate_log("api") == log
        assert not log.exists()
        log.write_text("small")
        data_dir.rotate_log("api")
        assert log.read_text() == "small"
        assert sorted(path.name for path in log.parent.iterdir()) == ["api.log", "api.log.1"]


class TestLock:
    def test_second_holder_is_refused(self, tmp_path: Path) -> None:
        with held(DataDir(tmp_path)), pytest.raises(AlreadyRunningError, match="agf down"), held(DataDir(tmp_path)):
            pass

    def test_is_free_again_afterwards(self, tmp_path: Path) -> None:
        for _ in range(2):
            with held(DataDir(tmp_path)):
                pass


class TestLogTail:
    def test_shows_the_last_lines(self, tmp_path: Path) -> None:
        log = tmp_path / "x.log"
        log.write_text("one\ntwo\n\nthree\nfour\n")
        assert log_tail(log) == f"Its log is {log}\n  two\n  three\n  four"

    def test_of_no_log_is_its_place(self, tmp_path: Path) -> None:
        assert log_tail(tmp_path / "x.log") == f"Its log is {tmp_path / 'x.log'}"
