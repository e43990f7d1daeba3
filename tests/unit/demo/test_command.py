import io
from pathlib import Path

import pytest

from aumos_agent_framework.cli.demo import MISUSED, run_demo


class TestWithoutATerminal:
    def test_says_how_to_approve_and_starts_nothing(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        monkeypatch.setattr("sys.stdin", io.StringIO("y\n"))
        assert run_demo(tmp_path, yes=False, keep=False) == MISUSED
        assert "agf demo --yes" in capsys.readouterr().out
        assert list(tmp_path.iterdir()) == []
