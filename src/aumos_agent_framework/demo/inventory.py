"""Reads what is installed from the distributions' metadata."""

import platform
from collections.abc import Iterable, Iterator
from importlib.metadata import Distribution, PackageMetadata

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from aumos_agent_framework.demo.records import Environment, Inventory, Package

NAMELESS = "(no name)"
_LICENCE_CLASSIFIER = "License ::"
_MAX_TEXT = 80
_MAX_EXPRESSION = 1_000
_MAX_FILES = 3
_NO_VALUE = frozenset({"", "UNKNOWN"})


def read_inventory(distributions: Iterable[Distribution], root: str) -> Inventory:
    """Describe distributions, by name. Those that ``root`` names in its requirements, extras included, are direct."""
    found = list(distributions)
    direct = _required_by(found, root)
    packages = [_package(distribution, direct) for distribution in found]
    return Inventory(
        environment=Environment(
            python=platform.python_version(),
            implementation=platform.python_implementation(),
            system=f"{platform.system()} {platform.machine()}",
            root=root,
        ),
        packages=tuple(sorted(packages, key=lambda package: (package.name.lower(), package.version))),
    )


def _required_by(distributions: Iterable[Distribution], root: str) -> frozenset[str]:
    wanted = canonicalize_name(root)
    for distribution in distributions:
        if canonicalize_name(_text(distribution.metadata, "Name") or "") == wanted:
            extras = ("", *(distribution.metadata.get_all("Provides-Extra") or ()))
            return frozenset(canonicalize_name(each.name) for each in _requirements(distribution, extras))
    return frozenset()


def _package(distribution: Distribution, direct: frozenset[str]) -> Package:
    metadata = distribution.metadata
    name = _text(metadata, "Name") or NAMELESS
    return Package(
        name=name,
        version=_text(metadata, "Version") or "",
        direct=canonicalize_name(name) in direct,
        licence_expression=_text(metadata, "License-Expression", _MAX_EXPRESSION),
        licence_text=_text(metadata, "License"),
        licence_classifiers=tuple(_licence_classifiers(metadata)),
        licence_files=tuple(metadata.get_all("License-File") or ())[:_MAX_FILES],
        requires_python=_text(metadata, "Requires-Python", _MAX_EXPRESSION),
        requires=tuple(f"{each.name}{each.specifier}" for each in _requirements(distribution, ("",))),
        summary=_text(metadata, "Summary"),
        home_page=_home_page(metadata),
    )


def _requirements(distribution: Distribution, extras: Iterable[str]) -> Iterator[Requirement]:
    """Yield the requirements that apply here; those that do not parse are left to the metadata's check."""
    for text in distribution.metadata.get_all("Requires-Dist") or ():
        try:
            requirement = Requirement(text)
        except InvalidRequirement:
            continue
        marker = requirement.marker
        if marker is None or any(marker.evaluate({"extra": extra}) for extra in extras):
            yield requirement


def _licence_classifiers(metadata: PackageMetadata) -> Iterator[str]:
    for classifier in metadata.get_all("Classifier") or ():
        if classifier.startswith(_LICENCE_CLASSIFIER):
            yield classifier.rsplit(" :: ", 1)[-1]


def _home_page(metadata: PackageMetadata) -> str | None:
    urls = dict(entry.partition(", ")[::2] for entry in metadata.get_all("Project-URL") or ())
    by_label = {label.lower(): url for label, url in urls.items()}
    named = (by_label[label] for label in ("homepage", "home", "source", "repository") if label in by_label)
    return _text(metadata, "Home-page", _MAX_EXPRESSION) or next(named, None) or next(iter(urls.values()), None)


def _text(metadata: PackageMetadata, field: str, limit: int = _MAX_TEXT) -> str | None:
    """Return the first line of a field, or ``None`` where it says nothing."""
    values = metadata.get_all(field) or [""]
    line = values[0].strip().partition("\n")[0].strip()
    if line in _NO_VALUE:
        return None
    return line if len(line) <= limit else f"{line[: limit - 1]}…"
