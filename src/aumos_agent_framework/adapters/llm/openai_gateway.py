"""Models behind an OpenAI-compatible server, such as aumos-llm-serving."""

import asyncio
from http import HTTPStatus

import httpx2

from aumos_agent_framework.adapters.llm.openai_errors import refusal
from aumos_agent_framework.adapters.llm.openai_format import read_turn, request_body
from aumos_agent_framework.core.domain.inference import ModelTurn, ThinkCommand
from aumos_agent_framework.core.errors import ModelError
from aumos_agent_framework.core.types import TenantId

DEFAULT_BASE_PATH = "/v1"
MAX_ANSWER_BYTES = 700_000
"""A turn carries its text twice, and the durable engine takes 2 MB at most."""
_CONNECT_SECONDS = 10.0


class OpenAiGateway:
    """Asks for one chat completion at a time (``core.interfaces.model_gateway.ModelGateway``). Holds no state.

    Args:
        base_url: the server's address; without a path, ``/v1`` is meant.
        token: the service token sent as a bearer; ``None`` sends none.
        client: stays the caller's to close.
        timeout_seconds: for one completion, from connecting to the last byte.

    Raises:
        ValueError: the address is no http(s) URL, or the token cannot be sent in a header.
    """

    def __init__(
        self, *, base_url: str, token: str | None, client: httpx2.AsyncClient, timeout_seconds: float = 120.0
    ) -> None:
        self._url = _completions_url(base_url)
        # Without compression, so that the size limit counts what arrives and nothing can unfold in memory.
        self._headers = {
            "Content-Type": "application/json",
            "Accept": "application/json",
            "Accept-Encoding": "identity",
        }
        if token:
            if not token.isascii() or not token.isprintable() or " " in token:
                raise ValueError("The model server's token holds a space, a line break or another odd character.")
            self._headers["Authorization"] = f"Bearer {token}"
        self._client = client
        self._seconds = timeout_seconds

    async def complete(self, command: ThinkCommand) -> ModelTurn:
        """Ask the model once; see the port for what it raises."""
        body = request_body(command)
        try:
            async with asyncio.timeout(self._seconds):
                answer = await self._post(command.tenant_id, body)
        except (TimeoutError, httpx2.TimeoutException) as error:
            message = f"The model did not answer within {self._seconds:g} seconds."
            raise ModelError("model_timeout", message, retryable=True) from error
        except httpx2.RequestError as error:
            message = f"The model server cannot be reached ({type(error).__name__})."
            raise ModelError("model_unreachable", message, retryable=True) from error
        return read_turn(answer, command)

    async def _post(self, tenant_id: TenantId, body: bytes) -> bytes:
        """Return the body of a 200."""
        headers = {**self._headers, "X-Tenant-ID": str(tenant_id)}
        timeout = httpx2.Timeout(self._seconds, connect=min(self._seconds, _CONNECT_SECONDS))
        async with self._client.stream(
            "POST", self._url, content=body, headers=headers, timeout=timeout, follow_redirects=False
        ) as response:
            if response.headers.get("Content-Encoding", "identity") != "identity":
                message = "The model server compressed its answer unasked."
                raise ModelError("model_answer_invalid", message, retryable=False)
            answer = bytearray()
            async for chunk in response.aiter_bytes():
                answer += chunk
                if len(answer) > MAX_ANSWER_BYTES:
                    message = f"The model's answer is larger than {MAX_ANSWER_BYTES} bytes."
                    raise ModelError("model_answer_too_large", message, retryable=False)
        if response.status_code != HTTPStatus.OK:
            raise refusal(response.status_code, response.headers, bytes(answer))
        return bytes(answer)


def _completions_url(base_url: str) -> httpx2.URL:
    try:
        url = httpx2.URL(base_url)
    except httpx2.InvalidURL as error:
        raise ValueError(f"The model server's address is no URL: {error}.") from error
    if url.scheme not in {"http", "https"} or not url.host:
        raise ValueError("The model server's address is no http or https URL.")
    path = url.path.rstrip("/") or DEFAULT_BASE_PATH
    return url.copy_with(path=f"{path}/chat/completions")
