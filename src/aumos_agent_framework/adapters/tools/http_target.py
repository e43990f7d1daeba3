"""Whether two ``http`` tools may come to the same door of the same server."""

from itertools import zip_longest
from urllib.parse import unquote

from aumos_agent_framework.adapters.tools.http_config import DEFAULT_PORTS, PLACE, HttpMethod, UrlTemplate, parse_url
from aumos_agent_framework.core.types import JsonObject

_WEB = frozenset(DEFAULT_PORTS.values())


def same_target(one: JsonObject, other: JsonObject) -> bool:
    """Whether some call of one could be a call of the other: method, host, port and path.

    An ``{argument}`` may become any segment of a path, and how a server reads case, empty segments and ``;parameters``
    is its own affair, so paths that differ only there count as the same. So do HTTP and HTTPS on their usual ports.
    The query is left out: it says what to do, not where.
    """
    try:
        first, second = parse_url(str(one.get("url"))), parse_url(str(other.get("url")))
    except ValueError:  # it was registered under older rules and cannot be called under today's
        return False
    return _method(one) == _method(other) and _server(first) == _server(second) and _paths_meet(first, second)


def _method(config: JsonObject) -> str:
    return str(config.get("method", HttpMethod.GET))


def _server(url: UrlTemplate) -> tuple[str, int | None]:
    return url.host, None if url.port in _WEB else url.port


def _paths_meet(first: UrlTemplate, second: UrlTemplate) -> bool:
    pairs = zip_longest(_segments(first), _segments(second))
    return all(one is not None and other is not None and _segments_meet(one, other) for one, other in pairs)


def _segments(url: UrlTemplate) -> list[str]:
    named = (segment.partition(";")[0] for segment in unquote(url.path).casefold().split("/"))
    return [segment for segment in named if segment]


def _segments_meet(one: str, other: str) -> bool:
    return one == other or PLACE.search(one) is not None or PLACE.search(other) is not None
