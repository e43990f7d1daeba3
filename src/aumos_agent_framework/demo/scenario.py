"""The demo as data: the tools, agents and workflow of ``licence_audit.yaml``."""

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files

import yaml

from aumos_agent_framework.core.types import JsonObject

_FILE = "licence_audit.yaml"


@dataclass(frozen=True, slots=True)
class Scenario:
    """Request bodies, in the order in which the API needs them."""

    tools: Sequence[JsonObject]
    agents: Sequence[JsonObject]
    workflow: JsonObject


def load_scenario() -> Scenario:
    """Read the bodies from the package's data."""
    text = files("aumos_agent_framework.demo").joinpath(_FILE).read_text(encoding="utf-8")
    return Scenario(**yaml.safe_load(text))
