"""The configuration of an ``http`` tool and what it may hold."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Literal
from urllib.parse import unquote

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from aumos_agent_framework.adapters.tools.address_entry import parse_port
from aumos_agent_framework.adapters.tools.addresses import canonical_host
from aumos_agent_framework.core.types import JsonValue

DEFAULT_TIMEOUT_SECONDS = 30.0
MAX_TIMEOUT_SECONDS = 600.0
MAX_URL_CHARACTERS = 8_192
MAX_ENCODINGS = 5
DEFAULT_PORTS = {"http": 80, "https": 443}

PLACE = re.compile(r"\{([A-Za-z_][A-Za-z0-9_.-]*)\}")
_URL = re.compile(r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*)://(?P<authority>[^/?#]*)(?P<path>[^?#]*)(\?(?P<query>[^#]*))?")
_URL_CHARACTERS = re.compile(r"[A-Za-z0-9._~:/?\[\]@!$&'()*+,;=%{}-]*")
_HEADER_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}")
_HEADER_VALUE = re.compile(r"(?!\s)[\x20-\x7e]{0,4096}(?<!\s)")
_CREDENTIAL = re.compile(r"auth|cookie|token|secret|password|credential|api[-_.]?key", re.IGNORECASE)
_SECRET = "secret:"  # noqa: S105 - the mark of a reference, not a secret
_SECRETS_LATER = "references to secrets arrive in a later version"

RESERVED_HEADERS = frozenset(
    {
        # what this service says about the call
        "idempotency-key",
        "x-tenant-id",
        "traceparent",
        "tracestate",
        # what decides where a request goes and where it ends
        "host",
        "content-length",
        "content-encoding",
        "accept-encoding",
        "expect",
        # hop by hop (RFC 9110, 7.6.1)
        "connection",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authorization",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    }
)


class HttpMethod(StrEnum):
    """Methods that a tool may use."""

    GET = "GET"
    POST = "POST"
    PUT = "PUT"
    PATCH = "PATCH"
    DELETE = "DELETE"


METHODS_WITH_BODY = frozenset({HttpMethod.POST, HttpMethod.PUT, HttpMethod.PATCH})


@dataclass(frozen=True, slots=True)
class UrlTemplate:
    """A parsed URL whose path and query may hold ``{argument}`` places."""

    scheme: str
    host: str  # canonical, see ``addresses.canonical_host``
    port: int
    path: str
    query: str | None

    @property
    def places(self) -> frozenset[str]:
        """Names of the arguments used."""
        return frozenset(PLACE.findall(f"{self.path}?{self.query or ''}"))


def parse_url(text: str) -> UrlTemplate:
    """Read a URL template.

    Raises:
        ValueError: the URL is malformed, or has something that a tool's URL may not have.
    """
    if len(text) > MAX_URL_CHARACTERS:
        raise ValueError(f"a URL may have at most {MAX_URL_CHARACTERS} characters")
    match = _URL.fullmatch(text)
    if match is None:
        raise ValueError("write http:// or https://, a host, and no #fragment")
    scheme = match["scheme"].lower()
    if scheme not in DEFAULT_PORTS:
        raise ValueError(f"the scheme is {scheme!r}; only http and https are possible")
    host, port = _parse_authority(match["authority"], DEFAULT_PORTS[scheme])
    return UrlTemplate(scheme, host, port, _checked_path(match["path"] or "/"), _checked_part(match["query"]))


def _parse_authority(authority: str, default_port: int) -> tuple[str, int]:
    if "{" in authority or "}" in authority:
        raise ValueError("an {argument} may stand in the path and the query, not in the host or port")
    if "@" in authority:
        raise ValueError("user names and passwords do not belong into a URL")
    host, separator, port = authority.rpartition(":")
    if not separator or port.endswith("]"):
        return canonical_host(authority), default_port
    return canonical_host(host), parse_port(port)


def _checked_path(path: str) -> str:
    _checked_part(path)
    if any(is_dot_segment(segment) for segment in path.split("/")):
        raise ValueError("the path holds '.' or '..' segments; write the path that is meant")
    return path


def _checked_part(text: str | None) -> str | None:
    if text is None:
        return None
    if not _URL_CHARACTERS.fullmatch(text):
        raise ValueError("percent-encode characters that a URL may not hold")
    if re.search(r"%(?![0-9A-Fa-f]{2})", text):
        raise ValueError("a % must be followed by two hexadecimal digits")
    if set("{}") & set(PLACE.sub("", text)):
        raise ValueError("a brace is not part of an {argument}; percent-encode it")
    return text


def is_dot_segment(segment: str) -> bool:
    """Whether some server could read a part of a path segment as ``.`` or ``..``, however often it is encoded."""
    for _ in range(MAX_ENCODINGS):
        decoded = unquote(segment)
        if decoded == segment:
            break
        segment = decoded
    else:
        return True
    return any(part.split(";", 1)[0] in {".", ".."} for part in re.split(r"[/\\]", segment))


def _url(text: str) -> str:
    parse_url(text)
    return text


def _header_name(name: str) -> str:
    if not _HEADER_NAME.fullmatch(name):
        raise ValueError(f"{name!r} is not a header name")
    if _CREDENTIAL.search(name):
        raise ValueError(f"{name} looks like a credential, which every reader of the tool would see; {_SECRETS_LATER}")
    if name.lower() in RESERVED_HEADERS:
        raise ValueError(f"{name} is set by this service")
    return name


def _header_value(value: str) -> str:
    if not _HEADER_VALUE.fullmatch(value):
        raise ValueError("a header value is printable ASCII without spaces around it")
    if value.lower().startswith(_SECRET):
        raise ValueError(f"this is not available yet: {_SECRETS_LATER}")
    return value


HeaderName = Annotated[str, AfterValidator(_header_name)]
HeaderValue = Annotated[str, AfterValidator(_header_value)]


class HttpToolConfig(BaseModel):
    """How an ``http`` tool is called (CONTRACT.md, Tools).

    ``timeout`` is in seconds and bounds the whole call. ``headers`` are fixed, and everyone who
    may read the tool may read them, so names that speak of credentials are refused: references to secrets arrive in a
    later version. ``body`` is JSON whose strings may hold
    ``{argument}`` places; a string that is only a place takes the argument's value and type.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    type: Literal["http"]
    method: HttpMethod = HttpMethod.GET
    url: Annotated[str, AfterValidator(_url)]
    headers: dict[HeaderName, HeaderValue] = Field(default_factory=dict, max_length=50)
    timeout: float = Field(default=DEFAULT_TIMEOUT_SECONDS, gt=0, le=MAX_TIMEOUT_SECONDS, strict=True)
    body: JsonValue = None

    @model_validator(mode="after")
    def _get_has_no_body(self) -> "HttpToolConfig":
        if self.method is HttpMethod.GET and self.has_body_template:
            raise ValueError("a GET request has no body")
        return self

    @property
    def has_body_template(self) -> bool:
        """Whether ``body`` was given, be it ``null``."""
        return "body" in self.model_fields_set

    def body_places(self) -> frozenset[str]:
        """Names of the arguments that ``body`` uses."""
        return frozenset(name for text in _strings(self.body) for name in PLACE.findall(text))


def _strings(value: JsonValue) -> Iterator[str]:
    match value:
        case str():
            yield value
        case list():
            for item in value:
                yield from _strings(item)
        case dict():
            for item in value.values():
                yield from _strings(item)
