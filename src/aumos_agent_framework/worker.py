"""Entry point of the worker: runs executions and delivers the outbox."""

import asyncio
import os
import signal

import structlog

from aumos_agent_framework.adapters.durable_execution.run_worker import create_worker
from aumos_agent_framework.bootstrap import WorkerContainer, open_worker
from aumos_agent_framework.settings import Settings

_log = structlog.stdlib.get_logger(__name__)


async def run(settings: Settings) -> None:
    """Work until SIGTERM or SIGINT; then finish what is in hand, or leave it to another worker.

    Raises:
        SettingsError: a setting is missing.
        UnavailableError: Temporal does not answer.
    """
    # LangGraph's tracer would send every run's content to a hosted service if the environment asked it to.
    os.environ["LANGSMITH_TRACING"] = "false"
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for signal_number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(signal_number, stop.set)
    async with open_worker(settings) as container:
        await _work(container, stop)


async def _work(container: WorkerContainer, stop: asyncio.Event) -> None:
    """Run worker and relay beside each other until one of them ends or a stop is asked for."""
    worker = create_worker(container.temporal, container.task_queue, container.activities.all())
    working = asyncio.create_task(worker.run(), name="worker")
    relaying = asyncio.create_task(container.relay.run(stop), name="relay")
    reconciling = asyncio.create_task(container.reconciler.run(stop), name="reconciler")
    stopping = asyncio.create_task(stop.wait(), name="stop")
    _log.info("worker_started", task_queue=container.task_queue)
    try:
        await asyncio.wait({working, relaying, reconciling, stopping}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        stop.set()
        if not working.done():
            await worker.shutdown()
        await asyncio.gather(working, relaying, reconciling, stopping)
    _log.info("worker_stopped")
