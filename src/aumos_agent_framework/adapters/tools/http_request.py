"""From a tool's configuration and a call's arguments to one HTTP request."""

from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import quote, urlencode

import orjson

from aumos_agent_framework import __version__
from aumos_agent_framework.adapters.tools.http_config import (
    DEFAULT_PORTS,
    MAX_URL_CHARACTERS,
    METHODS_WITH_BODY,
    PLACE,
    HttpToolConfig,
    UrlTemplate,
    is_dot_segment,
    parse_url,
)
from aumos_agent_framework.core.domain.tools import ToolCallContext
from aumos_agent_framework.core.types import JsonMapping, JsonValue

_FIRST_PRINTABLE = " "
_DEFAULT_HEADERS = {
    "Accept": "application/json, text/*;q=0.9, */*;q=0.1",
    "User-Agent": f"aumos-agent-framework/{__version__}",
}


class _Missing:
    """Marks the value of an optional argument that was not given."""


_MISSING = _Missing()


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """What goes on the wire. ``host`` and ``port`` are as registered: no argument can change them."""

    method: str
    scheme: str
    host: str
    port: int
    target: str
    headers: tuple[tuple[str, str], ...]
    content: bytes | None


def build_request(config: HttpToolConfig, arguments: JsonMapping, context: ToolCallContext) -> HttpRequest:
    """Put the arguments into their places.

    Raises:
        ValueError: the arguments do not make a request that may be sent; the message is fit for an agent.
    """
    url = parse_url(config.url)
    rest = {name: value for name, value in arguments.items() if name not in url.places}
    query = [] if url.query is None else [_render(url.query, arguments)]
    content = _content(config, arguments, rest)
    if content is None and rest:
        query.append(urlencode(list(_query_pairs(rest)), quote_via=quote))
    target = _render_path(url.path, arguments) + (f"?{'&'.join(filter(None, query))}" if any(query) else "")
    if len(target) > MAX_URL_CHARACTERS:
        raise ValueError(f"the URL would have more than {MAX_URL_CHARACTERS} characters")
    headers = _headers(config, url, context, has_body=content is not None)
    return HttpRequest(config.method.value, url.scheme, url.host, url.port, target, headers, content)


def _content(config: HttpToolConfig, arguments: JsonMapping, rest: JsonMapping) -> bytes | None:
    if config.has_body_template:
        filled = _fill(config.body, arguments)
        return orjson.dumps(None if filled is _MISSING else filled)
    if config.method in METHODS_WITH_BODY:
        return orjson.dumps(rest)
    return None


def _headers(
    config: HttpToolConfig, url: UrlTemplate, context: ToolCallContext, *, has_body: bool
) -> tuple[tuple[str, str], ...]:
    name = f"[{url.host}]" if ":" in url.host else url.host
    fixed = {
        "Host": name if url.port == DEFAULT_PORTS[url.scheme] else f"{name}:{url.port}",
        "Accept-Encoding": "gzip",
        "Connection": "close",
        "Idempotency-Key": str(context.effect_id),
        "X-Tenant-ID": str(context.tenant_id),
    }
    if context.traceparent is not None:
        fixed["traceparent"] = context.traceparent
    defaults = _DEFAULT_HEADERS | ({"Content-Type": "application/json"} if has_body else {})
    named = {header.lower() for header in config.headers}
    unnamed = {header: value for header, value in defaults.items() if header.lower() not in named}
    return tuple((fixed | unnamed | config.headers).items())


def _render_path(template: str, arguments: JsonMapping) -> str:
    segments = []
    for segment in template.split("/"):
        rendered = _render(segment, arguments, in_path=True)
        if rendered != segment and is_dot_segment(rendered):
            raise ValueError("an argument would make a '.' or '..' part of the URL's path")
        segments.append(rendered)
    return "/".join(segments)


def _render(template: str, arguments: JsonMapping, *, in_path: bool = False) -> str:
    return PLACE.sub(lambda match: quote(_url_text(match[1], arguments, in_path=in_path), safe=""), template)


def _url_text(name: str, arguments: JsonMapping, *, in_path: bool) -> str:
    value = arguments.get(name)
    if value is None or isinstance(value, list | dict):
        raise ValueError(f"argument {name!r} stands in the URL and must be a text, a number or a boolean")
    text = _scalar_text(value)
    # An empty segment turns "one item" into "all items".
    if in_path and (not text or any(character < _FIRST_PRINTABLE for character in text)):
        raise ValueError(f"argument {name!r} stands in the URL's path and may not be empty or hold control characters")
    return text


def _scalar_text(value: JsonValue) -> str:
    return value if isinstance(value, str) else orjson.dumps(value).decode()


def _query_pairs(arguments: JsonMapping) -> Iterator[tuple[str, str]]:
    for name, value in arguments.items():
        if value is None:
            continue
        for item in value if isinstance(value, list) else [value]:
            yield name, _scalar_text(item)


def _fill(template: JsonValue, arguments: JsonMapping) -> JsonValue:
    """Fill the places of a body; members and items that are only the place of a missing argument are left out."""
    match template:
        case str():
            return _fill_text(template, arguments)
        case list():
            return [filled for item in template if (filled := _fill(item, arguments)) is not _MISSING]
        case dict():
            return {key: filled for key, item in template.items() if (filled := _fill(item, arguments)) is not _MISSING}
    return template


def _fill_text(template: str, arguments: JsonMapping) -> JsonValue:
    whole = PLACE.fullmatch(template)
    if whole is not None:
        return arguments.get(whole[1], _MISSING)
    return PLACE.sub(lambda match: _scalar_text(arguments.get(match[1], "")), template)
