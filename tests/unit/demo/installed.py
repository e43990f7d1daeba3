"""Distributions made up for a test: real metadata files, read by importlib.metadata."""

from importlib.metadata import Distribution, distributions
from pathlib import Path


def install(site: Path, name: str | None, version: str | None = "1.0", *lines: str) -> None:
    """Write a ``.dist-info`` folder with these further lines of metadata."""
    folder = site / f"{name or 'unnamed'}-{version or 'none'}-{len(list(site.iterdir()))}.dist-info"
    folder.mkdir()
    head = ["Metadata-Version: 2.4"]
    head += [f"Name: {name}"] if name is not None else []
    head += [f"Version: {version}"] if version is not None else []
    (folder / "METADATA").write_text("\n".join([*head, *lines]) + "\n", encoding="utf-8")


def installed(site: Path) -> list[Distribution]:
    """Read what was installed."""
    return list(distributions(path=[str(site)]))
