"""From what is wanted to the processes that make it: ports, passwords and components, put together."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from aumos_agent_framework.embedded import components, kafka, ports as port_choice, postgres, services, temporal, valkey
from aumos_agent_framework.embedded.components import Command, Component
from aumos_agent_framework.embedded.config import StackConfig
from aumos_agent_framework.embedded.credentials import Credentials
from aumos_agent_framework.embedded.environment import MIGRATION_URL, environment

_LISTENING = (
    # In the order in which ports are given away: the API's fixed one first.
    components.API,
    components.POSTGRES,
    components.REDIS,
    components.TEMPORAL,
    components.KAFKA,
    components.ISSUER,
    components.LLM_STUB,
)


@dataclass(frozen=True, slots=True)
class Parts:
    """The processes of one stack, by component; ``migration`` where there is a database it may change."""

    processes: Mapping[str, Component]
    migration: Command | None


Assembler = Callable[[StackConfig, Mapping[str, int], Credentials], Parts]


def choose_ports(config: StackConfig, remembered: Mapping[str, int]) -> dict[str, int]:
    """Return a port for every listening component, and for what else it listens on (``SIDE_PORTS``).

    Raises:
        PortTakenError: a configured port is in use.
    """
    taken: set[int] = set()
    return {
        name: port_choice.choose(
            name,
            configured=config.ports.get(name, 0),
            remembered=remembered.get(name),
            taken=taken,
            variable=port_choice.port_variable(name),
            host=config.host if name == components.API else port_choice.LOOPBACK,
        )
        for component in _LISTENING
        if component in config.embedded
        for name in (component, *components.SIDE_PORTS.get(component, ()))
    }


def assemble(config: StackConfig, ports: Mapping[str, int], credentials: Credentials) -> Parts:
    """Return the processes of the wanted components; the issuer is none, the supervisor serves it."""
    everything = {**config.inherited, **environment(config, ports, credentials)}
    # The migration's login may do anything to the database: nobody else gets it.
    ours = {name: value for name, value in everything.items() if name != MIGRATION_URL}
    makers: dict[str, Callable[[], Component]] = {
        components.POSTGRES: lambda: postgres.component(
            config.data_dir, ports[components.POSTGRES], credentials.postgres_superuser, config.postgres_options
        ),
        components.REDIS: lambda: valkey.component(config.data_dir, ports[components.REDIS], credentials.redis),
        components.TEMPORAL: lambda: temporal.component(config.data_dir, ports, config.namespace),
        components.KAFKA: lambda: kafka.component(config.data_dir, ports[components.KAFKA]),
        components.LLM_STUB: lambda: services.llm_stub(ports[components.LLM_STUB], ours),
        components.API: lambda: services.api(config.host, ports[components.API], ours),
        components.WORKER: lambda: services.worker(ours),
    }
    wanted = {name: make() for name, make in makers.items() if name in config.embedded}
    migrates = MIGRATION_URL in everything and any(name in config.embedded for name in components.SERVICES)
    return Parts(wanted, services.migration(everything) if migrates else None)
