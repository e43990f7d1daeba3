"""Connecting to Temporal."""

from datetime import timedelta

from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter

from aumos_agent_framework.core.errors import UnavailableError


async def connect(address: str, namespace: str, *, lazy: bool = False) -> Client:
    """Connect to Temporal; a lazy client connects at its first call, which a worker's must not.

    Raises:
        UnavailableError: it does not answer.
    """
    try:
        return await Client.connect(address, namespace=namespace, data_converter=pydantic_data_converter, lazy=lazy)
    except RuntimeError as fault:
        raise UnavailableError("temporal_unavailable", f"Temporal does not answer at {address}: {fault}") from fault


async def ping(client: Client) -> None:
    """Check that Temporal answers. Raises ``RPCError`` or ``TimeoutError``."""
    await client.service_client.check_health(timeout=timedelta(seconds=2))
