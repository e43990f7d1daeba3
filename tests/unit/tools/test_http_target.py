import pytest

from aumos_agent_framework.adapters.tools.http_target import same_target
from aumos_agent_framework.core.types import JsonObject

REFUND = "https://api.example/orders/refund"


def posts(url: str, method: str = "POST") -> JsonObject:
    return {"type": "http", "method": method, "url": url}


class TestSameTarget:
    @pytest.mark.parametrize(
        "url",
        [
            REFUND,
            "HTTPS://API.example.:443/orders/refund",
            "http://api.example/orders/refund",
            "https://api.example/orders/refund/",
            "https://api.example//orders/Refund",
            "https://api.example/orders/%72efund",
            "https://api.example/orders;a=1/refund",
            "https://api.example/orders/refund?fast={fast}",
            "https://api.example/orders/{what}",
            "https://api.example/{a}/{b}",
            "https://api.example/orders/re{what}",
        ],
    )
    def test_another_spelling_or_a_place_leads_to_the_same_endpoint(self, url: str) -> None:
        assert same_target(posts(REFUND), posts(url))
        assert same_target(posts(url), posts(REFUND))

    @pytest.mark.parametrize(
        "other",
        [
            posts("https://api.example/orders/search"),
            posts("https://api.example/orders"),
            posts("https://api.example/{a}/{b}/{c}"),
            posts("https://other.example/orders/refund"),
            posts("https://api.example:8443/orders/refund"),
            posts(REFUND, "GET"),
            {"type": "http", "url": REFUND},
            posts("no url"),
        ],
    )
    def test_another_endpoint_is_another_target(self, other: JsonObject) -> None:
        assert not same_target(posts(REFUND), other)
        assert not same_target(other, posts(REFUND))

    def test_the_method_defaults_to_get(self) -> None:
        assert same_target({"type": "http", "url": REFUND}, posts(REFUND, "GET"))
