"""Connecting to Temporal."""

import logging
from datetime import timedelta
from functools import cache

from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.runtime import LogForwardingConfig, LoggingConfig, Runtime, TelemetryConfig

from aumos_agent_framework.core.errors import UnavailableError


async def connect(address: str, namespace: str, *, lazy: bool = False) -> Client:
    """Connect to Temporal; a lazy client connects at its first call, which a worker's must not.

    Raises:
        UnavailableError: it does not answer.
    """
    try:
        return await Client.connect(
            address, namespace=namespace, data_converter=pydantic_data_converter, lazy=lazy, runtime=_runtime()
        )
    except RuntimeError as fault:
        raise UnavailableError("temporal_unavailable", f"Temporal does not answer at {address}: {fault}") from fault


async def ping(client: Client) -> None:
    """Check that Temporal answers. Raises ``RPCError`` or ``TimeoutError``."""
    await client.service_client.check_health(timeout=timedelta(seconds=2))


@cache
def _runtime() -> Runtime:
    """Return the process's native part of the SDK. Its log lines go through ours: else they are text between JSON."""
    logger = logging.getLogger("temporalio.core")
    logger.addFilter(_without_native_record)
    forwarding = LogForwardingConfig(logger=logger, append_target_to_name=False)
    logs = LoggingConfig(filter=LoggingConfig.default.filter, forwarding=forwarding)
    return Runtime(telemetry=TelemetryConfig(logging=logs))


def _without_native_record(record: logging.LogRecord) -> bool:
    """Drop the object behind a line; the line says all of it."""
    record.__dict__.pop("temporal_log", None)
    return True
