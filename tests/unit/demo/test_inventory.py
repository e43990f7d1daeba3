import sys
from pathlib import Path

from aumos_agent_framework.demo.inventory import NAMELESS, read_inventory
from aumos_agent_framework.demo.records import Package
from tests.unit.demo.installed import install, installed


def read(site: Path, root: str = "root") -> dict[str, Package]:
    return {package.name: package for package in read_inventory(installed(site), root).packages}


class TestReadInventory:
    def test_takes_what_the_metadata_says(self, tmp_path: Path) -> None:
        install(
            tmp_path,
            "Thing",
            "2.1",
            "License-Expression: MIT",
            "License-File: LICENSE",
            "Classifier: License :: OSI Approved :: MIT License",
            "Classifier: Topic :: Software Development",
            "Requires-Python: >=3.9",
            "Requires-Dist: other>=1,<2",
            "Summary: Does a thing.",
            "Project-URL: Documentation, https://docs.example",
            "Project-URL: Homepage, https://home.example",
        )
        assert read(tmp_path)["Thing"] == Package(
            name="Thing",
            version="2.1",
            licence_expression="MIT",
            licence_classifiers=("MIT License",),
            licence_files=("LICENSE",),
            requires_python=">=3.9",
            requires=("other<2,>=1",),
            summary="Does a thing.",
            home_page="https://home.example",
        )

    def test_leaves_out_requirements_of_extras_and_other_systems(self, tmp_path: Path) -> None:
        install(
            tmp_path,
            "thing",
            "1",
            "Provides-Extra: fast",
            'Requires-Dist: speed; extra == "fast"',
            'Requires-Dist: elsewhere; sys_platform == "not-this-one"',
            f'Requires-Dist: here; sys_platform == "{sys.platform}"',
            "Requires-Dist: no requirement at all",
        )
        assert read(tmp_path)["thing"].requires == ("here",)

    def test_direct_is_what_the_root_requires_with_any_of_its_extras(self, tmp_path: Path) -> None:
        install(
            tmp_path,
            "Root",
            "1",
            "Provides-Extra: fast",
            "Requires-Dist: first.one",
            'Requires-Dist: second; extra == "fast"',
        )
        for name in ("First_One", "second", "third"):
            install(tmp_path, name)
        packages = read(tmp_path)
        assert [name for name, package in packages.items() if package.direct] == ["First_One", "second"]

    def test_without_the_root_nothing_is_direct(self, tmp_path: Path) -> None:
        install(tmp_path, "thing")
        assert not read(tmp_path, root="absent")["thing"].direct

    def test_bounds_what_is_free_text(self, tmp_path: Path) -> None:
        install(tmp_path, "thing", "1", f"Summary: {'x' * 500}", "License: MIT License", "        more of it")
        package = read(tmp_path)["thing"]
        assert package.summary is not None
        assert len(package.summary) == 80
        assert package.licence_text == "MIT License"

    def test_unknown_is_no_value(self, tmp_path: Path) -> None:
        install(tmp_path, "thing", "1", "License: UNKNOWN", "Home-page: UNKNOWN")
        assert (read(tmp_path)["thing"].licence_text, read(tmp_path)["thing"].home_page) == (None, None)

    def test_broken_distributions_are_listed_too(self, tmp_path: Path) -> None:
        install(tmp_path, None, None)
        assert read(tmp_path)[NAMELESS].version == ""

    def test_is_sorted_and_keeps_duplicates(self, tmp_path: Path) -> None:
        for name, version in (("b", "2"), ("A", "1"), ("b", "1")):
            install(tmp_path, name, version)
        listed = [(package.name, package.version) for package in read_inventory(installed(tmp_path), "r").packages]
        assert listed == [("A", "1"), ("b", "1"), ("b", "2")]

    def test_empty_fields_are_left_out_of_the_json(self, tmp_path: Path) -> None:
        install(tmp_path, "thing")
        assert read(tmp_path)["thing"].model_dump(mode="json") == {"name": "thing", "version": "1.0"}
