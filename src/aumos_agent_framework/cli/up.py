"""``agf up``: run the stack."""

import asyncio
import os
import signal
from pathlib import Path

from aumos_agent_framework.cli.detached import start_detached
from aumos_agent_framework.cli.progress import Progress, warn
from aumos_agent_framework.cli.stack_config import data_dir_of, stack_config
from aumos_agent_framework.embedded.config import StackConfig
from aumos_agent_framework.embedded.stack import EmbeddedStack
from aumos_agent_framework.settings import load_settings, startup_warnings

_PARENT_SECONDS = 0.5


def run_stack(data_dir: Path | None, *, detach: bool, orphan: bool) -> None:
    """Run the stack until it is told to stop, or leave it running in the background.

    Args:
        data_dir: where it keeps its data; default: as configured.
        detach: return when it is ready.
        orphan: go on when the parent process ends.
    """
    parent = os.getppid()
    settings = load_settings()
    warn(startup_warnings())
    config = stack_config(settings, data_dir_of(settings, data_dir))
    if detach:
        start_detached(config.data_dir)
    else:
        asyncio.run(run_until_stopped(config, None if orphan else parent))


async def run_until_stopped(config: StackConfig, parent: int | None) -> None:
    """Run the stack until a signal comes, the parent process ends, or a component does not stay up.

    Raises:
        StackError: it could not be started, or not kept up.
    """
    told = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(number, told.set)
    progress = Progress(config.data_dir)
    running = asyncio.create_task(_run(config, progress))
    reasons = {running, asyncio.create_task(told.wait())}
    if parent is not None:
        reasons.add(asyncio.create_task(_parent_ended(parent)))
    await asyncio.wait(reasons, return_when=asyncio.FIRST_COMPLETED)
    if not running.done():
        progress.stopping()
    for task in reasons:
        task.cancel()
    await asyncio.wait(reasons)
    if not running.cancelled():
        running.result()
    progress.stopped()


async def _run(config: StackConfig, progress: Progress) -> None:
    async with EmbeddedStack(config, listener=progress) as stack:
        progress.ready()
        await stack.failed()


async def _parent_ended(parent: int) -> None:
    """Wait until this process has another parent: the one that started it is gone, whichever way."""
    while os.getppid() == parent:  # noqa: ASYNC110 - nothing tells of it portably
        await asyncio.sleep(_PARENT_SECONDS)
