"""What a stack is asked to be."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from aumos_agent_framework.core.types import JsonObject
from aumos_agent_framework.embedded.components import ALL_COMPONENTS
from aumos_agent_framework.embedded.layout import DataDir


@dataclass(frozen=True, slots=True)
class StackConfig:
    """Plain values, made of the settings by whoever starts the stack.

    Attributes:
        data_dir: where everything is kept.
        variables: the settings as environment variables, as a person has set them.
        inherited: the rest of the environment that the Python processes run in.
        external: addresses of servers that are run by others, without passwords; their components are not started.
        ports: fixed ports by component; 0 or absent is a free one.
        components: which of the components to run (tests run a few).
        namespace: Temporal's namespace.
        host: where the API listens.
        issuer_documents: makes the local issuer's documents, by path, for the address it is served at.
        jwks_path: which of the documents holds the keys.
        postgres_options: more options of the embedded PostgreSQL.
    """

    data_dir: DataDir
    issuer_documents: Callable[[str], Mapping[str, JsonObject]]
    jwks_path: str
    variables: Mapping[str, str] = field(default_factory=dict, repr=False)
    inherited: Mapping[str, str] = field(default_factory=dict, repr=False)
    external: Mapping[str, str] = field(default_factory=dict)
    ports: Mapping[str, int] = field(default_factory=dict)
    components: frozenset[str] = frozenset(ALL_COMPONENTS)
    namespace: str = "default"
    host: str = "127.0.0.1"
    postgres_options: tuple[str, ...] = ()

    @property
    def embedded(self) -> tuple[str, ...]:
        """The components that this stack runs, in the order in which they are shown."""
        return tuple(name for name in ALL_COMPONENTS if name in self.components and name not in self.external)
