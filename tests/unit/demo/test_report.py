import hashlib
from pathlib import Path

import pytest

from aumos_agent_framework.core.types import EffectId
from aumos_agent_framework.demo import licences, metadata_checks
from aumos_agent_framework.demo.records import Environment, Package
from aumos_agent_framework.demo.report import MAX_REPORT_BYTES, compose, publish
from aumos_agent_framework.demo.tools import publish_report
from aumos_agent_framework.tools import ToolCallContext, ToolError
from tests.factories import OTHER_TENANT, TENANT, new_id

ENVIRONMENT = Environment(python="3.11.7", implementation="CPython", system="Linux x86_64", root="root")


def report_on(*packages: Package) -> str:
    return compose(ENVIRONMENT, licences.review(packages), metadata_checks.review(ENVIRONMENT, packages)).text


class TestCompose:
    def test_says_the_result_first_and_lists_everything(self) -> None:
        text = report_on(
            Package(name="good", version="1", direct=True, licence_expression="MIT", summary="s", home_page="h"),
            Package(name="bad", version="2", licence_expression="AGPL-3.0-only"),
        )
        assert "2 packages: 1 permissive, 1 strong copyleft; 1 note in the metadata." in text
        assert "| good | 1 | yes | MIT | permissive | License-Expression |" in text
        attention = text.partition("## Licences that need a look")[2].partition("##")[0]
        assert "bad" in attention
        assert "good" not in attention

    def test_the_same_findings_give_the_same_text(self) -> None:
        package = Package(name="good", version="1", licence_expression="MIT")
        assert report_on(package) == report_on(package)

    def test_an_empty_environment_is_said_to_be_empty(self) -> None:
        text = report_on()
        assert "0 packages: nothing installed; no findings in the metadata." in text
        assert text.count("None.") == 2

    @pytest.mark.parametrize(
        "hostile",
        ["a | b", "a\nb", "[click](http://evil.example)", "<script>x</script>", "![x](y)", "`code`", "a\\|b"],
    )
    def test_metadata_cannot_break_out_of_its_cell(self, hostile: str) -> None:
        text = report_on(Package(name="good", version="1", licence_expression=hostile, summary="s", home_page="h"))
        row = text.splitlines()[-1]
        plain = row.replace("\\\\", "").replace("\\|", "")
        assert plain.count("|") == 7
        assert not any(f"{mark}" in plain.replace(f"\\{mark}", "") for mark in "<>[]`")


class TestPublish:
    def test_writes_the_text_and_says_how_to_check_it(self, tmp_path: Path) -> None:
        publication = publish(tmp_path, "reports", "audit.md", "# Ü\n")
        content = (tmp_path / publication.path).read_bytes()
        assert content == "# Ü\n".encode()
        assert publication.path == "reports/audit.md"
        assert (publication.bytes, publication.sha256) == (len(content), hashlib.sha256(content).hexdigest())

    def test_the_same_call_again_leaves_the_same_file(self, tmp_path: Path) -> None:
        first, second = (publish(tmp_path, "reports", "audit.md", "text") for _ in range(2))
        assert first == second
        assert [path.name for path in (tmp_path / "reports").iterdir()] == ["audit.md"]

    def test_makes_folders_as_needed(self, tmp_path: Path) -> None:
        assert (tmp_path / publish(tmp_path, "reports", "2026/audit.md", "text").path).is_file()

    @pytest.mark.parametrize(
        "path",
        [
            "../audit.md",
            "a/../../audit.md",
            "/tmp/audit.md",  # noqa: S108 - refused
            "outside/audit.md",
            "audit.txt",
            "audit",
            ".md",
            "a\x00.md",
            "a\n.md",
            "a\x1b[2J.md",
            "a\u202ebc.md",
            "a b.md",
            "-\\a.md",
            "~/a.md",
            ".hidden.md",
            "a//b.md",
            "./a.md",
            "file.md/a.md",
            "audit.md\n",
            "folder.md",
        ],
    )
    def test_writes_nowhere_else(self, tmp_path: Path, path: str) -> None:
        reports, outside = tmp_path / "reports", tmp_path / "outside"
        (reports / "folder.md").mkdir(parents=True)
        outside.mkdir()
        (reports / "outside").symlink_to(outside)
        with pytest.raises(ToolError):
            publish(tmp_path, "reports", path, "text")
        assert [entry.name for entry in reports.iterdir() if entry.is_file()] == []
        assert list(outside.iterdir()) == []
        assert not (tmp_path / "audit.md").exists()

    def test_refuses_a_text_that_is_too_long(self, tmp_path: Path) -> None:
        with pytest.raises(ToolError, match="at most"):
            publish(tmp_path, "reports", "audit.md", "x" * (MAX_REPORT_BYTES + 1))

    def test_a_failure_leaves_no_draft_behind(self, tmp_path: Path) -> None:
        (tmp_path / "reports" / "audit.md").mkdir(parents=True)
        with pytest.raises(ToolError):
            publish(tmp_path, "reports", "audit.md", "text")
        assert [path.name for path in (tmp_path / "reports").iterdir()] == ["audit.md"]

    def test_each_tenant_has_a_directory_of_its_own(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("AUMOS_AGF_DATA_DIR", str(tmp_path))
        for tenant in (TENANT, OTHER_TENANT):
            path = publish_report("audit.md", str(tenant), ToolCallContext(tenant, EffectId(new_id()), 1)).path
            assert path == f"reports/{tenant}/audit.md"
        for tenant in (TENANT, OTHER_TENANT):
            assert (tmp_path / "reports" / str(tenant) / "audit.md").read_text() == str(tenant)
