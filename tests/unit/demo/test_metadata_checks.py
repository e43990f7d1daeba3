from typing import Any

import pytest

from aumos_agent_framework.demo.inventory import NAMELESS
from aumos_agent_framework.demo.metadata_checks import review
from aumos_agent_framework.demo.records import Environment, Finding, Package, Severity

ENVIRONMENT = Environment(python="3.11.7", implementation="CPython", system="Linux x86_64", root="root")


def a_package(name: str = "thing", version: str = "1.0", **fields: Any) -> Package:
    complete = {"licence_expression": "MIT", "summary": "A thing.", "home_page": "https://thing.example"}
    return Package(name=name, version=version, **(complete | fields))


def findings(*packages: Package) -> list[tuple[str, str]]:
    return [(finding.package, finding.check) for finding in review(ENVIRONMENT, packages).findings]


def only_finding(*packages: Package) -> Finding:
    (finding,) = review(ENVIRONMENT, packages).findings
    return finding


class TestReview:
    def test_a_healthy_environment_has_no_findings(self) -> None:
        packages = [a_package("a", requires=("B>=1,<2",), requires_python=">=3.9"), a_package("b")]
        assert review(ENVIRONMENT, packages).findings == ()

    @pytest.mark.parametrize(
        ("package", "check", "severity"),
        [
            (a_package(name=NAMELESS), "no name", Severity.PROBLEM),
            (a_package(version=""), "no version", Severity.PROBLEM),
            (a_package(version="not-a-version"), "invalid version", Severity.PROBLEM),
            (a_package(version="2.0rc1"), "pre-release", Severity.WARNING),
            (a_package(version="2.0.dev3"), "pre-release", Severity.WARNING),
            (a_package(licence_expression=None), "no licence", Severity.WARNING),
            (a_package(requires_python=">=3.12"), "python", Severity.PROBLEM),
            (a_package(requires_python="<3.11"), "python", Severity.PROBLEM),
            (a_package(requires_python="python three"), "python", Severity.WARNING),
            (a_package(requires=("absent>=1",)), "unmet requirement", Severity.PROBLEM),
            (a_package(requires=("no requirement",)), "invalid requirement", Severity.WARNING),
            (a_package(summary=None), "description", Severity.NOTE),
            (a_package(home_page=None), "description", Severity.NOTE),
        ],
    )
    def test_finds(self, package: Package, check: str, severity: Severity) -> None:
        finding = only_finding(package)
        assert (finding.check, finding.severity) == (check, severity)

    def test_finds_conflicts_between_packages(self) -> None:
        finding = only_finding(a_package("a", requires=("b>=2",)), a_package("b", "1.9"))
        assert (finding.package, finding.check) == ("a", "conflict")
        assert finding.detail == "requires b>=2, 1.9 is installed"

    def test_a_pre_release_meets_a_requirement(self) -> None:
        assert findings(a_package("a", requires=("b>=2",)), a_package("b", "2.1rc1")) == [("b", "pre-release")]

    def test_names_are_compared_as_installers_do(self) -> None:
        assert findings(a_package("a", requires=("Foo.Bar_baz",)), a_package("foo-bar-baz")) == []

    def test_finds_what_is_installed_twice(self) -> None:
        finding = only_finding(a_package("Foo_Bar", "1.0"), a_package("foo-bar", "2.0"))
        assert (finding.check, finding.detail) == ("duplicate", "installed 2 times: 1.0, 2.0")

    def test_an_installed_version_that_cannot_be_read_meets_nothing(self) -> None:
        assert findings(a_package("a", requires=("b>=1",)), a_package("b", "x")) == [
            ("a", "conflict"),
            ("b", "invalid version"),
        ]

    def test_what_matters_most_comes_first_and_is_counted(self) -> None:
        result = review(
            ENVIRONMENT, [a_package("a", summary=None), a_package("b", "1rc1"), a_package("c", requires=("absent",))]
        )
        assert [finding.package for finding in result.findings] == ["c", "b", "a"]
        assert result.counts == {Severity.PROBLEM: 1, Severity.WARNING: 1, Severity.NOTE: 1}
