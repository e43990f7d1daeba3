"""The audit's tools, as entry points of the group ``aumos.tools``. Each does real work; none needs a network."""

import os
from collections.abc import Sequence
from importlib.metadata import distributions
from pathlib import Path
from typing import Annotated

from pydantic import Field

from aumos_agent_framework.demo import licences as licence_rules, metadata_checks, report
from aumos_agent_framework.demo.inventory import read_inventory
from aumos_agent_framework.demo.records import (
    Environment,
    Inventory,
    LicenceReview,
    MetadataReview,
    Package,
    Publication,
    Report,
)
from aumos_agent_framework.tools import ToolCallContext, needs_level

DATA_DIR_VARIABLE = "AUMOS_AGF_DATA_DIR"
REPORTS = "reports"


def collect_packages(
    root: Annotated[str, Field(description="The distribution whose requirements count as direct.", max_length=200)],
) -> Inventory:
    """Read the metadata of every distribution installed in the running Python environment."""
    return read_inventory(distributions(), root)


def check_licences(packages: Sequence[Package]) -> LicenceReview:
    """Sort the packages' licences by what they ask of whoever passes the software on, with the reason for each."""
    return licence_rules.review(packages)


def check_metadata(environment: Environment, packages: Sequence[Package]) -> MetadataReview:
    """Find missing metadata, pre-releases, duplicates, unsupported Python versions, unmet and conflicting requirements.

    Works on the metadata given, offline.
    """
    return metadata_checks.review(environment, packages)


def compose_report(environment: Environment, licences: LicenceReview, metadata: MetadataReview) -> Report:
    """Write the audit's report as Markdown, without publishing it."""
    return report.compose(environment, licences, metadata)


@needs_level(3)
def publish_report(
    path: Annotated[
        str, Field(description="Below the reports directory, ending in .md.", min_length=1, max_length=200)
    ],
    text: Annotated[str, Field(description="The whole report.", min_length=1)],
    call: ToolCallContext,
) -> Publication:
    """Write a report into the tenant's reports directory, where people will read it and rely on it."""
    # A tool gets its arguments from an agent and everything else from the process that it runs in.
    data_dir = Path(os.environ.get(DATA_DIR_VARIABLE, ".agf"))
    return report.publish(data_dir, f"{REPORTS}/{call.tenant_id}", path, text)
