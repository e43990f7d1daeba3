"""``http`` tools: one request to a checked address, with limits on everything that the other side decides."""

import asyncio
import ssl
from dataclasses import dataclass
from http import HTTPStatus

import httpcore2
from pydantic import ValidationError

from aumos_agent_framework.adapters.tools.address_guard import AddressGuard, AddressRefusedError
from aumos_agent_framework.adapters.tools.faults import may_have_happened, nothing_happened, refused, without_result
from aumos_agent_framework.adapters.tools.guarded_network import GuardedBackend
from aumos_agent_framework.adapters.tools.http_answer import AnswerHead, BodyReader, UnusableAnswerError, to_result
from aumos_agent_framework.adapters.tools.http_config import HttpToolConfig, parse_url
from aumos_agent_framework.adapters.tools.http_request import HttpRequest, build_request
from aumos_agent_framework.adapters.tools.http_target import same_target
from aumos_agent_framework.adapters.tools.problems import from_pydantic, refuse
from aumos_agent_framework.adapters.tools.results import shortened
from aumos_agent_framework.core.domain.tools import Tool, ToolCallContext, ToolDraft, ToolOutcome, ToolOutcomeKind
from aumos_agent_framework.core.types import JsonObject

CONNECT_SECONDS = 10.0
MAX_EXCERPT_BYTES = 16 * 1024
MAX_EXCERPT_CHARACTERS = 500
_SENDING = "http11.send_request_headers.started"
_TRANSPORT_FAULTS = (httpcore2.TimeoutException, httpcore2.NetworkError, httpcore2.ProtocolError)


@dataclass(slots=True)
class _Progress:
    """How far a call has come: whether any byte may have left, and what the answer's status settled already."""

    sent: bool = False
    settled: ToolOutcome | None = None

    async def trace(self, event: str, _info: object) -> None:
        """Listen to httpcore's events."""
        self.sent = self.sent or event == _SENDING


class HttpTools:
    """Checks and calls ``http`` tools.

    Every call has its own connection. A kept-alive one that the server closes at the wrong moment cannot be told from
    a lost answer, so it would cost a non-idempotent tool its certainty; and no connection is shared between tenants.
    Neither proxies nor any other setting of the environment are used.
    """

    def __init__(self, guard: AddressGuard, ssl_context: ssl.SSLContext | None = None) -> None:
        """Build the runner.

        Args:
            guard: decides which addresses may be reached.
            ssl_context: trusts the certificate authorities of the system if not given.
        """
        self._guard = guard
        self._backend = GuardedBackend(guard)
        self._ssl_context = ssl_context or httpcore2.default_ssl_context()

    def check(self, draft: ToolDraft) -> ToolDraft:
        """Validate the configuration; see ``ToolRunner.check``."""
        try:
            config = HttpToolConfig.model_validate(draft.config)
        except ValidationError as error:
            raise from_pydantic(error, "/config") from error
        self._check_address(config)
        _check_places(config, draft.input_schema)
        return draft

    def same_target(self, one: JsonObject, other: JsonObject) -> bool:
        """Whether two configurations may lead to the same request; see ``ToolRunner.same_target``."""
        return same_target(one, other)

    def _check_address(self, config: HttpToolConfig) -> None:
        url = parse_url(config.url)
        try:
            self._guard.check_literal(url.host, url.port)
        except AddressRefusedError as error:
            raise refuse("/config/url", str(error), code="address_refused") from error

    async def call(self, tool: Tool, arguments: JsonObject, context: ToolCallContext) -> ToolOutcome:
        """Send the request once; see ``ToolRunner.call``."""
        try:
            config = HttpToolConfig.model_validate(tool.config)
            request = build_request(config, arguments, context)
        except (TypeError, ValueError) as error:
            return refused(f"Nothing was sent: {error}.")
        progress = _Progress()
        try:
            async with asyncio.timeout(config.timeout):
                return await self._exchange(tool, request, progress)
        except AddressRefusedError as error:
            return refused(f"Nothing was sent: {error}.")
        except (TimeoutError, *_TRANSPORT_FAULTS) as error:
            return progress.settled or _fault(tool, request, config.timeout, error, sent=progress.sent)

    async def _exchange(self, tool: Tool, request: HttpRequest, progress: _Progress) -> ToolOutcome:
        url = httpcore2.URL(
            scheme=request.scheme.encode(),
            host=request.host.encode(),
            port=request.port,
            target=request.target.encode(),
        )
        async with (
            httpcore2.AsyncHTTPConnection(
                origin=url.origin, ssl_context=self._ssl_context, network_backend=self._backend
            ) as connection,
            connection.stream(
                request.method,
                url,
                headers=list(request.headers),
                content=request.content,
                extensions={"trace": progress.trace, "timeout": {"connect": CONNECT_SECONDS}},
            ) as response,
        ):
            return await _outcome(tool, request, response, progress)


def _check_places(config: HttpToolConfig, input_schema: JsonObject) -> None:
    """Every place needs an argument, and the URL's are needed each time."""
    known = frozenset(input_schema.get("properties", {}))
    required = frozenset(input_schema.get("required", ()))
    for pointer, places in (("/config/url", parse_url(config.url).places), ("/config/body", config.body_places())):
        for name in sorted(places - known):
            raise refuse(pointer, f"{{{name}}} is no property of input_schema", code="unknown_argument")
    for name in sorted(parse_url(config.url).places - required):
        raise refuse(
            "/config/url", f"{{{name}}} is optional; list it under 'required' of input_schema", code="optional_argument"
        )


def _fault(tool: Tool, request: HttpRequest, seconds: float, error: Exception, *, sent: bool) -> ToolOutcome:
    what = f"no answer within {seconds:g} s" if isinstance(error, TimeoutError) else str(error) or type(error).__name__
    if sent:
        return may_have_happened(tool.idempotency, f"{request.method} {request.host}: {what}.")
    return nothing_happened(f"{request.method} {request.host}: {what}; nothing was sent.")


async def _outcome(tool: Tool, request: HttpRequest, response: httpcore2.Response, progress: _Progress) -> ToolOutcome:
    said = f"{request.method} {request.host} answered {response.status}"
    if response.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return may_have_happened(tool.idempotency, f"{said}.")
    if response.status == HTTPStatus.TOO_MANY_REQUESTS:
        return nothing_happened(f"{said}: too many requests.")
    head = AnswerHead(response.headers)
    if response.status >= HTTPStatus.BAD_REQUEST:
        progress.settled = refused(f"{said}.")  # holds also if the body never ends
        return refused(f"{said}: {await _excerpt(head, response)}")
    if not HTTPStatus.OK <= response.status < HTTPStatus.MULTIPLE_CHOICES:
        return refused(f"{said}: redirects are not followed.")
    try:
        result = to_result(head, await BodyReader(head.encoding).read(response.aiter_stream()))
    except UnusableAnswerError as error:
        return without_result(f"{said}, so the call took place, but {error}.")
    return ToolOutcome(ToolOutcomeKind.DONE, result=result)


async def _excerpt(head: AnswerHead, response: httpcore2.Response) -> str:
    """Return the beginning of an error's body; that it cannot be read changes nothing about the error."""
    reader = BodyReader(head.encoding, MAX_EXCERPT_BYTES)
    try:
        await reader.read(response.aiter_stream())
    except (UnusableAnswerError, *_TRANSPORT_FAULTS) as error:
        note = f" ({error})"
    else:
        note = ""
    return shortened(head.text(reader.so_far).strip(), MAX_EXCERPT_CHARACTERS) + note or "(no text)"
