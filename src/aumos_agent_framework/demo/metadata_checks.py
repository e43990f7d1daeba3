"""Looks for what is missing, contradictory or unsupported in an environment, from metadata alone."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence

from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from aumos_agent_framework.demo.inventory import NAMELESS
from aumos_agent_framework.demo.records import Environment, Finding, MetadataReview, Package, Severity

_ORDER = {severity: rank for rank, severity in enumerate(Severity)}


def review(environment: Environment, packages: Sequence[Package]) -> MetadataReview:
    """Check every package, alone and against the others; what matters most comes first."""
    installed = _by_name(packages)
    findings = [*_duplicates(installed)]
    for package in packages:
        findings.extend(_identity(package))
        findings.extend(_version(package))
        findings.extend(_python(package, environment))
        findings.extend(_requirements(package, installed))
        findings.extend(_description(package))
    findings.sort(key=lambda finding: (_ORDER[finding.severity], finding.package.lower(), finding.check))
    found = Counter(finding.severity for finding in findings)
    return MetadataReview(
        counts={severity: found[severity] for severity in Severity if found[severity]}, findings=tuple(findings)
    )


def _by_name(packages: Iterable[Package]) -> Mapping[str, Sequence[Package]]:
    by_name: defaultdict[str, list[Package]] = defaultdict(list)
    for package in packages:
        by_name[canonicalize_name(package.name)].append(package)
    return by_name


def _duplicates(installed: Mapping[str, Sequence[Package]]) -> Iterator[Finding]:
    for same in installed.values():
        if len(same) > 1:
            versions = ", ".join(package.version for package in same)
            yield _finding(same[0], Severity.PROBLEM, "duplicate", f"installed {len(same)} times: {versions}")


def _identity(package: Package) -> Iterator[Finding]:
    if package.name == NAMELESS:
        yield _finding(package, Severity.PROBLEM, "no name", "the metadata names no distribution")
    if not (package.licence_expression or package.licence_text or package.licence_classifiers):
        yield _finding(package, Severity.WARNING, "no licence", "the metadata declares no licence")


def _version(package: Package) -> Iterator[Finding]:
    if not package.version:
        yield _finding(package, Severity.PROBLEM, "no version", "the metadata has no version")
        return
    try:
        version = Version(package.version)
    except InvalidVersion:
        yield _finding(package, Severity.PROBLEM, "invalid version", f"{package.version!r} is no PEP 440 version")
        return
    if version.is_prerelease:
        yield _finding(package, Severity.WARNING, "pre-release", f"{package.version} is not a final release")


def _python(package: Package, environment: Environment) -> Iterator[Finding]:
    if package.requires_python is None:
        return
    try:
        supported = SpecifierSet(package.requires_python)
    except InvalidSpecifier:
        yield _finding(package, Severity.WARNING, "python", f"Requires-Python {package.requires_python!r} is invalid")
        return
    if not supported.contains(environment.python, prereleases=True):
        detail = f"supports Python {package.requires_python}, this is {environment.python}"
        yield _finding(package, Severity.PROBLEM, "python", detail)


def _requirements(package: Package, installed: Mapping[str, Sequence[Package]]) -> Iterator[Finding]:
    for text in package.requires:
        try:
            requirement = Requirement(text)
        except InvalidRequirement:
            yield _finding(package, Severity.WARNING, "invalid requirement", f"{text!r} does not parse")
            continue
        present = installed.get(canonicalize_name(requirement.name), ())
        if not present:
            yield _finding(package, Severity.PROBLEM, "unmet requirement", f"requires {text}, which is not installed")
        elif not any(_meets(requirement, candidate) for candidate in present):
            detail = f"requires {text}, {present[0].version} is installed"
            yield _finding(package, Severity.PROBLEM, "conflict", detail)


def _meets(requirement: Requirement, candidate: Package) -> bool:
    try:
        return requirement.specifier.contains(candidate.version, prereleases=True)
    except InvalidVersion:
        return False


def _description(package: Package) -> Iterator[Finding]:
    missing = [label for label, value in (("summary", package.summary), ("home page", package.home_page)) if not value]
    if missing:
        yield _finding(package, Severity.NOTE, "description", f"no {' and no '.join(missing)}")


def _finding(package: Package, severity: Severity, check: str, detail: str) -> Finding:
    return Finding(package=package.name, severity=severity, check=check, detail=detail)
