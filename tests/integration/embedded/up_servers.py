"""``agf up`` with a few servers only: ``python -m tests.integration.embedded.up_servers DIRECTORY NAME...``."""

import asyncio
import os
import sys
from pathlib import Path

from aumos_agent_framework.cli.up import run_until_stopped
from aumos_agent_framework.core.errors import AgfError
from tests.servers import config

if __name__ == "__main__":
    parent = os.getppid()
    wanted = config(Path(sys.argv[1]), *sys.argv[2:])
    try:
        asyncio.run(run_until_stopped(wanted, parent))
    except AgfError as error:
        sys.exit(error.message)
