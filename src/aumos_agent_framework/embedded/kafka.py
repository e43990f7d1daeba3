"""The embedded Kafka-protocol broker. It keeps messages in memory only."""

from aumos_agent_framework.embedded import binaries, probes
from aumos_agent_framework.embedded.components import KAFKA, Command, Component
from aumos_agent_framework.embedded.layout import DataDir
from aumos_agent_framework.embedded.ports import LOOPBACK


def component(data_dir: DataDir, port: int) -> Component:
    """Return the component ``kafka``."""
    address = f"tcp://{LOOPBACK}:{port}"
    command = Command(
        argv=(
            binaries.kafka_broker(),
            "broker",
            *("--cluster-id", "agf", "--storage-engine", "memory://tansu/"),
            *("--listener-url", address, "--advertised-listener-url", address),
        ),
        cwd=data_dir.root,
        env={},
    )

    async def ready(_: int) -> bool:
        return await probes.accepts(port)

    return Component(name=KAFKA, url=f"{LOOPBACK}:{port}", command=command, ready=ready)
