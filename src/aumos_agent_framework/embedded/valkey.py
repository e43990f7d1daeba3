"""The embedded Valkey, behind the Redis protocol."""

from aumos_agent_framework.embedded import binaries, probes
from aumos_agent_framework.embedded.components import REDIS, Command, Component
from aumos_agent_framework.embedded.files import write_private
from aumos_agent_framework.embedded.layout import DataDir
from aumos_agent_framework.embedded.ports import LOOPBACK


def component(data_dir: DataDir, port: int, password: str) -> Component:
    """Return the component ``redis``: loopback only, with a password, an append-only file synced every second."""
    directory = data_dir.of(REDIS)
    configuration = directory / "valkey.conf"

    async def prepare() -> None:
        directory.mkdir(mode=0o700, exist_ok=True)
        # A file, not arguments: those are visible to every user of the machine.
        write_private(configuration, _configuration(port, password).encode())

    async def ready(_: int) -> bool:
        return await probes.answers(port, f"AUTH {password}\r\nPING\r\n".encode(), b"+OK\r\n+PONG\r\n")

    command = Command(argv=(binaries.valkey(), str(configuration)), cwd=data_dir.root, env={"LC_ALL": "C"})
    return Component(name=REDIS, url=f"redis://{LOOPBACK}:{port}/0", command=command, ready=ready, prepare=prepare)


def _configuration(port: int, password: str) -> str:
    return "\n".join(
        [
            f"bind {LOOPBACK}",
            f"port {port}",
            f"requirepass {password}",
            f"dir {REDIS}",
            "appendonly yes",
            "appendfsync everysec",
            'save ""',  # the append-only file alone: no snapshots on top
            "",
        ]
    )
