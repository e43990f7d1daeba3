"""The embedded Temporal server."""

from collections.abc import Mapping

from aumos_agent_framework.embedded import binaries, probes
from aumos_agent_framework.embedded.components import TEMPORAL, TEMPORAL_HTTP, TEMPORAL_METRICS, Command, Component
from aumos_agent_framework.embedded.layout import DataDir
from aumos_agent_framework.embedded.ports import LOOPBACK

_POLLS_PER_SECOND = 10_000


def component(data_dir: DataDir, ports: Mapping[str, int], namespace: str) -> Component:
    """Return the component ``temporal``: the development server with a database file, fast enough for real use.

    Whoever reaches ``ports`` (its own and its side ports) governs every tenant's runs: it knows no logins. Its inner
    services have random ports besides, which speak gRPC only; HTTP tools, which do not, get nothing from them.
    """
    port = ports[TEMPORAL]
    directory = data_dir.of(TEMPORAL)
    program = binaries.temporal()
    # Away from the caller's own configuration of the command line tool.
    environment = {"HOME": str(directory)}

    async def prepare() -> None:
        directory.mkdir(mode=0o700, exist_ok=True)

    async def ready(_: int) -> bool:
        describe = ("operator", "namespace", "describe", "--namespace", namespace, "--address", f"{LOOPBACK}:{port}")
        return await probes.accepts(port) and await probes.output(program, *describe, env=environment) is not None

    command = Command(
        argv=(program, "server", "start-dev", *_arguments(ports, namespace)), cwd=directory.parent, env=environment
    )
    return Component(name=TEMPORAL, url=f"{LOOPBACK}:{port}", command=command, ready=ready, prepare=prepare)


def _arguments(ports: Mapping[str, int], namespace: str) -> tuple[str, ...]:
    # The queues poll at most 20 times a second by default, so that every step of a run waits for a grid of 50 ms.
    queues = ("transferProcessor", "timerProcessor")
    settings = [f"history.{queue}MaxPoll{scope}RPS={_POLLS_PER_SECOND}" for queue in queues for scope in ("", "Host")]
    settings.append("matching.enableFairness=true")  # tenants take turns; executions carry their tenant as the key
    return (
        "--headless",
        *("--ip", LOOPBACK, "--port", str(ports[TEMPORAL]), "--namespace", namespace),
        # Cannot be switched off; left alone, they are on random ports.
        *("--http-port", str(ports[TEMPORAL_HTTP]), "--metrics-port", str(ports[TEMPORAL_METRICS])),
        *("--db-filename", f"{TEMPORAL}/temporal.db"),
        # Survives the death of the process at any moment, though not that of the machine: right for a local stack.
        *("--sqlite-pragma", "journal_mode=wal", "--sqlite-pragma", "synchronous=1"),
        *(flag for value in settings for flag in ("--dynamic-config-value", value)),
    )
