"""Reaching a stack that another process runs."""

from aumos_agent_framework.embedded.config import StackConfig
from aumos_agent_framework.embedded.credentials import load_or_create
from aumos_agent_framework.embedded.environment import environment
from aumos_agent_framework.embedded.state import StackState


def environment_of(config: StackConfig, state: StackState) -> dict[str, str]:
    """Return the variables that lead to the stack whose state this is; ``config`` as its supervisor has it."""
    ports = {name: status.port for name, status in state.components.items() if status.port}
    return environment(config, ports, load_or_create(config.data_dir.credentials))
