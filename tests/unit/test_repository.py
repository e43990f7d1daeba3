"""Guards over the repository itself: locks, make targets, documents and container files say what they promise."""

import ast
import hashlib
import json
import os
import re
import subprocess
import sys
import tomllib
from importlib.metadata import packages_distributions
from itertools import pairwise
from pathlib import Path
from uuid import UUID
from zipfile import ZipFile

import pytest
import yaml

from aumos_agent_framework.settings import DEFAULT_ROLE_LEVELS, Settings, all_variables

ROOT = Path(__file__).parents[2]
LOCKS = ("dev", "runtime", "build")
DOCUMENTS = ("README.md", "docs/operations.md")

PARTS_OF_DECLARED = {"pydantic_core", "starlette"}
"""Parts that pydantic and fastapi are published with and that their own documentation has one import."""

APACHE_2_0 = "cfc7749b96f63bd31c3c42b5c471bf756814053e847c10f3eb003417bc523d30"
"""SHA-256 of the licence's text as its authors publish it."""

TARGETS = {
    *("help", "up", "demo", "test", "dev-install", "lint", "format", "typecheck", "lock", "clean"),
    *("test-unit", "test-integration", "test-e2e", "test-chaos", "check-all"),
    *("docker-build", "docker-up", "docker-down", "docker-logs"),
    *("migrate", "migrate-create", "migrate-rollback"),
}

# Where people's checkouts and homes are. `/home/temporal` is a place inside a container.
_MACHINE_PATH = re.compile(r"/(?:work|Users|root|home)/(?!temporal\b)[\w.-]+")
_PIN = re.compile(r"(?P<name>[a-z0-9-]+)==(?P<version>[0-9a-z.]+)(?: ; (?P<marker>[\w .'()!=<>]+))? \\")
_HASH = re.compile(r"    --hash=sha256:[0-9a-f]{64}(?: \\)?")
_NOTE = re.compile(r"(?:    )?#(?:[\w ,.()\-]|(?<=\w)/)*:?")  # a path begins within the repository
_ROW = re.compile(r"^\| (?P<name>[a-z0-9-]+) \| .+ \| .+ \| (?P<licence>.+) \|$", re.MULTILINE)
_TARGET = re.compile(r"^(?P<name>[a-z][a-z0-9-]*):(?!=)(?P<rest>.*)$", re.MULTILINE)
_LINK = re.compile(r"\]\((?!https?://)(?P<path>[^)#\s]+)")
_VARIABLE = re.compile(r"\b(?:AUMOS|TEMPORAL|LLM_SERVING)_[A-Z_]*[A-Z]\b")


def read(path: str) -> str:
    return (ROOT / path).read_text(encoding="utf-8")


def files() -> list[Path]:
    """Return the files that git tracks or would track."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    listed = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    return [path for name in sorted(listed.split("\0")) if name and (path := ROOT / name).is_file()]


def pins(lock: str) -> dict[str, str]:
    found = (_PIN.fullmatch(line) for line in read(f"requirements/{lock}.lock").splitlines())
    return {match["name"]: match["version"] for match in found if match}


def direct_dependencies() -> dict[str, set[str]]:
    """Return the names in ``pyproject.toml``, under ``runtime`` and the extras' names."""
    project = tomllib.loads(read("pyproject.toml"))["project"]
    groups = {"runtime": project["dependencies"], **project["optional-dependencies"]}
    return {group: {re.split(r"[\[<>=;! ]", line)[0].lower() for line in lines} for group, lines in groups.items()}


def imported_packages() -> set[str]:
    """Return the top-level names of third-party packages that the service imports, wherever in a file."""
    nodes = (node for path in (ROOT / "src").rglob("*.py") for node in ast.walk(ast.parse(path.read_bytes())))
    names: set[str] = set()
    for node in nodes:
        if isinstance(node, ast.Import):
            names.update(alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            names.add(node.module.partition(".")[0])
    return names - sys.stdlib_module_names - {"aumos_agent_framework"}


def compose() -> dict[str, dict[str, object]]:
    services: dict[str, dict[str, object]] = yaml.safe_load(read("docker-compose.yml"))["services"]
    return services


class TestLocks:
    @pytest.mark.parametrize("lock", LOCKS)
    def test_a_lock_holds_versions_hashes_and_no_address(self, lock: str) -> None:
        lines = read(f"requirements/{lock}.lock").splitlines()
        strange = [line for line in lines if not any(known.fullmatch(line) for known in (_PIN, _HASH, _NOTE))]
        assert not strange, "not a pin, a hash or a note"
        assert not [line for line in lines if "//" in line], "an address"

    @pytest.mark.parametrize("lock", LOCKS)
    def test_every_pin_has_a_hash(self, lock: str) -> None:
        lines = read(f"requirements/{lock}.lock").splitlines()
        following = [after for line, after in pairwise(lines) if _PIN.fullmatch(line)]
        assert following, "no pin at all"
        assert all(_HASH.fullmatch(line) for line in following)

    def test_every_direct_dependency_is_pinned(self) -> None:
        named = direct_dependencies()
        assert set().union(*named.values()) - pins("dev").keys() == set()
        assert named["runtime"] - pins("runtime").keys() == set()

    def test_what_the_code_imports_is_declared(self) -> None:
        declared = direct_dependencies()["runtime"]
        distributions = packages_distributions()
        undeclared = {
            name
            for name in imported_packages() - PARTS_OF_DECLARED
            if not {distribution.lower().replace("_", "-") for distribution in distributions[name]} & declared
        }
        assert not undeclared

    def test_what_builds_the_wheel_is_pinned(self) -> None:
        wanted = tomllib.loads(read("pyproject.toml"))["build-system"]["requires"]
        assert wanted == [line for line in read("requirements/build.in").splitlines() if not line.startswith("#")]
        assert {re.split("[<>=]", line)[0] for line in wanted} <= pins("build").keys()

    def test_the_image_gets_what_the_tests_ran_on(self) -> None:
        tested = pins("dev").items()
        assert not pins("runtime").items() - tested
        assert not pins("build").items() - tested

    def test_the_image_gets_no_embedded_server_and_no_tool(self) -> None:
        named = direct_dependencies()
        assert not (named["embedded"] | named["dev"]) & pins("runtime").keys()


class TestDependencyPage:
    def test_it_has_a_line_for_each_direct_dependency_and_no_other(self) -> None:
        described = {row["name"] for row in _ROW.finditer(read("docs/dependencies.md"))} - {"package"}
        assert described == set().union(*direct_dependencies().values())

    def test_no_copyleft_licence_in_the_runtime(self) -> None:
        runtime = direct_dependencies()["runtime"]
        licences = {row["name"]: row["licence"] for row in _ROW.finditer(read("docs/dependencies.md"))}
        assert not {name: licences[name] for name in runtime if "GPL" in licences[name]}


class TestMakefile:
    def targets(self) -> dict[str, str]:
        return {match["name"]: match["rest"] for match in _TARGET.finditer(read("Makefile"))}

    def test_every_target_says_what_it_does(self) -> None:
        assert not [name for name, rest in self.targets().items() if " ## " not in rest]

    def test_the_promised_targets_exist(self) -> None:
        assert TARGETS - self.targets().keys() == set()

    def test_ci_runs_every_check_and_every_test(self) -> None:
        assert os.access(ROOT / ".ci/run", os.X_OK)
        assert read(".ci/run").rstrip().endswith("make check-all")
        outside = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
        dry = subprocess.run(
            ["make", "--dry-run", "check-all"], cwd=ROOT, env=outside, check=True, capture_output=True, text=True
        ).stdout
        checks = ("ruff check .", "ruff format --check", "lint-imports", "mypy", "hadolint", "check-jsonschema")
        tests = (" test ", *(f"tests/{kind}" for kind in ("unit", "contracts", "integration", "e2e", "chaos")))
        assert not [part for part in (*checks, *tests, "coverage report") if part not in dry]


class TestTree:
    def test_the_licence_is_apache_2_0_word_for_word(self) -> None:
        assert hashlib.sha256((ROOT / "LICENSE").read_bytes()).hexdigest() == APACHE_2_0

    def test_no_file_names_a_place_on_the_author_s_machine(self) -> None:
        found = {
            str(path.relative_to(ROOT)): match.group()
            for path in files()
            if (match := _MACHINE_PATH.search(path.read_text(encoding="utf-8", errors="replace")))
        }
        assert not found

    def test_links_between_documents_lead_somewhere(self) -> None:
        pages = [path for path in files() if path.suffix == ".md"]
        links = [(page, match["path"]) for page in pages for match in _LINK.finditer(page.read_text(encoding="utf-8"))]
        assert links, "the pattern finds no link at all"
        assert not [(page.name, link) for page, link in links if not (page.parent / link).exists()]

    def test_every_directory_of_tests_is_a_package(self) -> None:
        directories = {path.parent for path in files() if path.is_relative_to(ROOT / "tests") and path.suffix == ".py"}
        assert not [str(directory) for directory in directories if not (directory / "__init__.py").exists()]

    @pytest.mark.parametrize("document", [*DOCUMENTS, "docker-compose.yml", "Dockerfile"])
    def test_settings_named_in_documents_and_container_files_exist(self, document: str) -> None:
        known = {name for variable in all_variables() for name in variable.names}
        assert not set(_VARIABLE.findall(read(document))) - known


class TestWheel:
    def test_it_holds_the_migrations_and_the_licence(self, tmp_path: Path) -> None:
        command = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(tmp_path)]
        subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
        with ZipFile(next(tmp_path.glob("*.whl"))) as wheel:
            names = wheel.namelist()
        assert "aumos_agent_framework/migrations/env.py" in names
        assert any(name.startswith("aumos_agent_framework/migrations/versions/0001") for name in names)
        assert any(name.endswith("/licenses/LICENSE") for name in names)
        assert not [name for name in names if name.startswith(("tests/", "src/"))]


class TestContainers:
    def test_ports_are_published_on_loopback_only(self) -> None:
        published = [str(port) for service in compose().values() for port in service.get("ports", [])]
        assert published, "the API is reachable"
        assert not [port for port in published if not port.startswith("127.0.0.1:")]

    def test_images_are_pinned(self) -> None:
        tags = [str(service["image"]).partition(":")[2] for service in compose().values()]
        assert not [tag for tag in tags if tag in {"", "latest"}]

    def test_only_the_migration_holds_the_owner_s_login(self) -> None:
        holders = [name for name, service in compose().items() if "MIGRATION_URL" in str(service.get("environment"))]
        assert holders == ["migrate"]

    def test_the_realm_speaks_this_service_s_tokens(self) -> None:
        realm = json.loads(read("deploy/keycloak/realm.json"))
        assert {role["name"] for role in realm["roles"]["realm"]} == set(DEFAULT_ROLE_LEVELS)
        mappers = {mapper["name"]: mapper["config"] for mapper in realm["clients"][0]["protocolMappers"]}
        assert mappers["audience"]["included.custom.audience"] == Settings.model_fields["auth"].default.audience
        assert mappers["tenant"]["claim.name"] == "tenant_id"
        for user in realm["users"]:
            assert UUID(user["attributes"]["tenant_id"][0])
            assert set(user["realmRoles"]) <= set(DEFAULT_ROLE_LEVELS)

    def test_only_an_administrator_may_move_a_person_to_another_tenant(self) -> None:
        realm = json.loads(read("deploy/keycloak/realm.json"))
        provider = realm["components"]["org.keycloak.userprofile.UserProfileProvider"][0]
        profile = json.loads(provider["config"]["kc.user.profile.config"][0])
        tenant = next(attribute for attribute in profile["attributes"] if attribute["name"] == "tenant_id")
        assert tenant["permissions"]["edit"] == ["admin"]
