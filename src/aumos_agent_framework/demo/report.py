"""The report as Markdown, and its way into a file."""

import hashlib
import os
import re
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from aumos_agent_framework.demo.records import (
    Environment,
    Finding,
    LicenceCategory,
    LicenceReview,
    LicenceVerdict,
    MetadataReview,
    Publication,
    Report,
    Severity,
)
from aumos_agent_framework.tools import ToolError

MAX_REPORT_BYTES = 1024 * 1024
_PATH = re.compile(r"([A-Za-z0-9_-]+/)*[A-Za-z0-9_-][A-Za-z0-9._-]*\.md")
_NEEDS_A_LOOK = (LicenceCategory.STRONG_COPYLEFT, LicenceCategory.PROPRIETARY, LicenceCategory.UNKNOWN)


def compose(environment: Environment, licences: LicenceReview, metadata: MetadataReview) -> Report:
    """Write the report. The same findings give the same text."""
    attention = [verdict for verdict in licences.verdicts if verdict.category in _NEEDS_A_LOOK]
    headline = f"{_licence_counts(licences)}; {_finding_counts(metadata)} in the metadata"
    sections = (
        ("Result", [headline + "."]),
        ("Environment", _environment(environment)),
        ("Licences that need a look", _verdicts(attention) if attention else ["None."]),
        ("Findings in the metadata", _findings(metadata.findings) if metadata.findings else ["None."]),
        ("All packages", _verdicts(licences.verdicts)),
    )
    lines = ["# Dependency licence audit"]
    for title, content in sections:
        lines += ["", f"## {title}", "", *content]
    return Report(headline=headline, text="\n".join(lines) + "\n")


def publish(data_dir: Path, folder: str, path: str, text: str) -> Publication:
    """Write a report, all of it or nothing; the same call again leaves the same file.

    Args:
        data_dir: what the path of the answer is relative to.
        folder: where in ``data_dir`` the report stays.
        path: where in ``folder`` it goes: plain names of letters, digits, ``_``, ``-``, at the end also dots.
        text: the report.

    Raises:
        ToolError: the path leads elsewhere or is no Markdown file, or the text is too long.
    """
    content = text.encode()
    if len(content) > MAX_REPORT_BYTES:
        raise ToolError(f"The report has {len(content)} bytes; at most {MAX_REPORT_BYTES} are published.")
    root = data_dir.resolve()
    target = _target(root / folder, path)
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=target.parent, prefix=f".{target.name}.", delete=False) as draft:
        try:
            draft.write(content)
            draft.flush()
            os.fsync(draft.fileno())
            Path(draft.name).replace(target)
        except BaseException:
            Path(draft.name).unlink(missing_ok=True)
            raise
    published = target.relative_to(root).as_posix()
    return Publication(path=published, bytes=len(content), sha256=hashlib.sha256(content).hexdigest())


def _target(root: Path, path: str) -> Path:
    if not _PATH.fullmatch(path):
        raise ToolError("A report's path has names of letters, digits, _ and - with / between them, and ends in .md.")
    target = (root / path).resolve()
    if not target.is_relative_to(root):
        raise ToolError("A report's path stays inside the reports directory.")
    if target.is_dir():
        raise ToolError("This path is a directory.")
    return target


def _environment(environment: Environment) -> Iterator[str]:
    yield f"- {environment.implementation} {environment.python} on {environment.system}"
    yield f"- direct: what {environment.root} requires itself"


def _verdicts(verdicts: Sequence[LicenceVerdict]) -> Iterator[str]:
    yield from _table(
        ("package", "version", "direct", "licence", "category", "known from"),
        (
            (each.name, each.version, "yes" if each.direct else "", each.licence, each.category, each.reason)
            for each in verdicts
        ),
    )


def _findings(findings: Sequence[Finding]) -> Iterator[str]:
    yield from _table(
        ("severity", "package", "check", "detail"),
        ((each.severity, each.package, each.check, each.detail) for each in findings),
    )


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    yield _row(head)
    yield _row(["---"] * len(head))
    for row in rows:
        yield _row(row)


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(_cell(cell) for cell in cells)} |"


def _cell(text: str) -> str:
    """Metadata is written by strangers: it must not end a cell, or become a link or markup."""
    flat = " ".join(text.split())
    return "".join(f"\\{character}" if character in "\\|`*_<>[]" else character for character in flat)


def _licence_counts(licences: LicenceReview) -> str:
    """Count from mild to strict: JSON objects have lost their order by the time they come here."""
    known = licences.counts
    counts = ", ".join(f"{known[category]} {category}" for category in LicenceCategory if category in known)
    return f"{len(licences.verdicts)} packages: {counts or 'nothing installed'}"


def _finding_counts(metadata: MetadataReview) -> str:
    known = metadata.counts
    counts = (f"{known[severity]} {_plural(severity, known[severity])}" for severity in Severity if severity in known)
    return ", ".join(counts) or "no findings"


def _plural(severity: Severity, count: int) -> str:
    return severity if count == 1 else f"{severity}s"
