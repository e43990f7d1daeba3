from typing import Any

import orjson
import pytest

from aumos_agent_framework.adapters.tools.http_config import HttpToolConfig
from aumos_agent_framework.adapters.tools.http_request import HttpRequest, build_request
from aumos_agent_framework.core.domain.tools import ToolCallContext
from aumos_agent_framework.core.types import EffectId
from tests.factories import TENANT, new_id

EFFECT = EffectId(new_id())
TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def build(config: dict[str, Any], arguments: dict[str, Any], traceparent: str | None = None) -> HttpRequest:
    parsed = HttpToolConfig.model_validate({"type": "http"} | config)
    return build_request(parsed, arguments, ToolCallContext(TENANT, EFFECT, 1, traceparent))


def target(url: str, **arguments: Any) -> str:
    return build({"url": f"https://api.example{url}"}, arguments).target


def body(config: dict[str, Any], **arguments: Any) -> Any:
    content = build({"method": "POST", "url": "https://api.example/"} | config, arguments).content
    assert content is not None
    return orjson.loads(content)


class TestPath:
    @pytest.mark.parametrize(
        ("value", "segment"),
        [
            ("a b", "a%20b"),
            ("a/b", "a%2Fb"),
            ("ä", "%C3%A4"),
            ("100%", "100%25"),
            ("a?b#c", "a%3Fb%23c"),
            ("a&b=c", "a%26b%3Dc"),
            ("a@b:c;d", "a%40b%3Ac%3Bd"),
            ("{id}", "%7Bid%7D"),
            ("...", "..."),
            (".hidden", ".hidden"),
            ("a..b", "a..b"),
            (7, "7"),
            (1.5, "1.5"),
            (True, "true"),
        ],
    )
    def test_values_stay_in_their_segment(self, value: Any, segment: str) -> None:
        assert target("/items/{id}/edit", id=value) == f"/items/{segment}/edit"

    @pytest.mark.parametrize(
        "value",
        [
            ".",
            "..",
            "../admin",
            "x/../admin",
            "x/..",
            "./x",
            "..\\admin",
            "x\\..\\admin",
            "%2e%2e",
            "%2e.",
            "%252e%252e",
            "..%2fadmin",
            "x%2f..%2fadmin",
            "..%5cadmin",
            "..;/admin",
            "..;a=b",
            "%" + "25" * 40 + "2e",
            "",
            "a\nb",
            "a\x00b",
        ],
    )
    def test_values_that_could_lead_elsewhere_are_refused(self, value: str) -> None:
        with pytest.raises(ValueError, match="path"):
            target("/items/{id}/edit", id=value)

    def test_two_places_cannot_make_a_dot_segment_together(self) -> None:
        with pytest.raises(ValueError, match="path"):
            target("/{a}{b}/x", a=".", b=".")

    @pytest.mark.parametrize("value", [None, [], {}, ["x"], {"a": 1}])
    def test_only_scalars_fit(self, value: Any) -> None:
        with pytest.raises(ValueError, match="'id'"):
            target("/{id}", id=value)

    def test_a_missing_argument_is_named(self) -> None:
        with pytest.raises(ValueError, match="'id'"):
            target("/{id}")

    def test_a_url_that_grows_too_long_is_refused(self) -> None:
        with pytest.raises(ValueError, match="8192"):
            target("/{id}", id="x" * 9000)

    def test_no_value_reaches_host_or_port(self) -> None:
        request = build({"url": "https://api.example/{id}"}, {"id": "@evil.example:81/"})
        assert (request.host, request.port) == ("api.example", 443)
        assert request.target == "/%40evil.example%3A81%2F"


class TestQuery:
    def test_a_place_is_encoded(self) -> None:
        assert target("/?q={q}&lang=en", q="a&b=c d/../") == "/?q=a%26b%3Dc%20d%2F..%2F&lang=en"

    def test_the_other_arguments_follow(self) -> None:
        assert target("/{id}?fixed=1", id="7", n=2, flag=False, text="a b") == "/7?fixed=1&n=2&flag=false&text=a%20b"

    def test_lists_repeat_and_null_is_left_out_and_objects_are_json(self) -> None:
        assert target("/", tag=["a", 1], gone=None, deep={"a": [1]}) == "/?tag=a&tag=1&deep=%7B%22a%22%3A%5B1%5D%7D"

    def test_no_argument_makes_no_question_mark(self) -> None:
        assert target("/x") == "/x"

    def test_an_empty_query_value_is_kept(self) -> None:
        assert target("/?q={q}", q="") == "/?q="

    def test_delete_takes_its_arguments_as_query(self) -> None:
        request = build({"method": "DELETE", "url": "https://api.example/{id}"}, {"id": "1", "hard": True})
        assert (request.target, request.content) == ("/1?hard=true", None)


class TestBody:
    @pytest.mark.parametrize("method", ["POST", "PUT", "PATCH"])
    def test_by_default_it_is_the_arguments_that_the_url_does_not_use(self, method: str) -> None:
        request = build({"method": method, "url": "https://api.example/{id}"}, {"id": "1", "n": {"a": 1}})
        assert (request.target, request.content) == ("/1", b'{"n":{"a":1}}')

    def test_without_arguments_it_is_an_empty_object(self) -> None:
        assert body({}) == {}

    @pytest.mark.parametrize("value", [1, 1.5, True, None, "text", [1], {"a": {}}])
    def test_a_string_that_is_only_a_place_keeps_the_type(self, value: Any) -> None:
        assert body({"body": {"x": ["{v}"]}}, v=value) == {"x": [value]}

    def test_places_inside_text_become_text(self) -> None:
        assert body({"body": "{n} of {who}: {list}{gone}"}, n=2, who="Ann", list=[1]) == "2 of Ann: [1]"

    def test_what_is_only_the_place_of_a_missing_argument_is_left_out(self) -> None:
        assert body({"body": {"a": "{gone}", "b": ["{gone}", 1], "c": {"d": "{gone}"}}}) == {"b": [1], "c": {}}

    def test_a_body_that_is_a_missing_argument_is_null(self) -> None:
        assert body({"body": "{gone}"}) is None

    def test_an_explicit_null_is_sent(self) -> None:
        assert body({"body": None}, a=1) is None

    def test_values_are_not_read_as_places(self) -> None:
        assert body({"body": {"x": "{a} {b}"}}, a="{b}", b="z") == {"x": "{b} z"}

    def test_other_json_stays_as_it_is(self) -> None:
        assert body({"body": {"a": 1, "b": None, "c": True, "d": '{"json": 1}'}}) == {
            "a": 1,
            "b": None,
            "c": True,
            "d": '{"json": 1}',
        }


class TestHeaders:
    def test_every_call_carries_who_and_which(self) -> None:
        headers = dict(build({"url": "https://api.example:8443/"}, {}, TRACE).headers)
        assert headers["Idempotency-Key"] == str(EFFECT)
        assert headers["X-Tenant-ID"] == str(TENANT)
        assert headers["traceparent"] == TRACE
        assert headers["Host"] == "api.example:8443"

    def test_without_a_trace_there_is_no_traceparent(self) -> None:
        assert "traceparent" not in dict(build({"url": "https://api.example/"}, {}).headers)

    @pytest.mark.parametrize(
        ("url", "host"),
        [
            ("https://api.example:443/", "api.example"),
            ("http://api.example/", "api.example"),
            ("http://[2606:4700::1]/", "[2606:4700::1]"),
            ("http://[2606:4700::1]:81/", "[2606:4700::1]:81"),
        ],
    )
    def test_host_is_the_registered_one(self, url: str, host: str) -> None:
        assert dict(build({"url": url}, {}).headers)["Host"] == host

    def test_registered_headers_replace_defaults(self) -> None:
        request = build(
            {
                "method": "POST",
                "url": "https://api.example/",
                "headers": {"content-type": "application/vnd.api+json", "X-A": "b"},
            },
            {},
        )
        types = [value for name, value in request.headers if name.lower() == "content-type"]
        assert types == ["application/vnd.api+json"]
        assert dict(request.headers)["X-A"] == "b"

    def test_only_a_body_has_a_content_type(self) -> None:
        assert "Content-Type" not in dict(build({"url": "https://api.example/"}, {"a": 1}).headers)
