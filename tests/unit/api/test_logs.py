"""How log lines look, and what never gets into them."""

import io
import json
import logging
from typing import Any

import pytest
import structlog

from aumos_agent_framework.adapters.logs import LogFormat, configure_logs

pytestmark = pytest.mark.usefixtures("restored_logging")


def configured(log_format: LogFormat, level: str = "INFO") -> io.StringIO:
    stream = io.StringIO()
    configure_logs(level=level, log_format=log_format, service="agf-test", stream=stream)
    return stream


def lines(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def fail_with(token: str) -> None:
    raise RuntimeError(f"it broke for {len(token)} letters")


class TestJson:
    def test_one_object_per_line(self) -> None:
        stream = configured("json")

        structlog.stdlib.get_logger("agf.test").info("began", node="write", text="two\nlines")

        (line,) = lines(stream)
        assert line.pop("timestamp").endswith("Z")
        assert line == {
            "event": "began",
            "node": "write",
            "text": "two\nlines",
            "level": "info",
            "logger": "agf.test",
            "service": "agf-test",
        }

    def test_what_is_bound_to_the_context_is_on_every_line(self) -> None:
        stream = configured("json")

        with structlog.contextvars.bound_contextvars(request_id="r-1"):
            structlog.stdlib.get_logger().info("ours")
            logging.getLogger("a.library").warning("%s of %s", 1, 2)

        assert [(line["event"], line["request_id"]) for line in lines(stream)] == [("ours", "r-1"), ("1 of 2", "r-1")]

    def test_fields_of_a_standard_logger_are_kept(self) -> None:
        stream = configured("json")

        logging.getLogger("agf.relay").warning("relay_waits", extra={"reason": "no database"})

        (line,) = lines(stream)
        assert (line["event"], line["reason"]) == ("relay_waits", "no database")

    def test_below_the_level_nothing_is_written(self) -> None:
        stream = configured("json", "WARNING")

        structlog.stdlib.get_logger().info("ours")
        logging.getLogger("a.library").info("theirs")

        assert stream.getvalue() == ""


@pytest.mark.parametrize("log_format", ["json", "console"])
class TestTracebacks:
    def test_show_no_local_variables(self, log_format: LogFormat) -> None:
        stream = configured(log_format)

        try:
            fail_with("2retnuh"[::-1])  # the traceback quotes this line
        except RuntimeError:
            structlog.stdlib.get_logger().exception("failed")

        assert "it broke for 7 letters" in stream.getvalue()
        assert "in fail_with" in stream.getvalue()
        assert "hunter2" not in stream.getvalue()


class TestConsole:
    def test_control_characters_are_written_out(self) -> None:
        stream = configured("console")

        structlog.stdlib.get_logger().info("request", path="/a\n\x1b[31mforged")

        (line,) = stream.getvalue().splitlines()
        assert r"/a\n\x1b[31mforged" in line


class TestLibraries:
    def test_the_servers_lines_are_ours_and_its_access_log_is_off(self) -> None:
        logging.getLogger("uvicorn.error").addHandler(logging.NullHandler())
        stream = configured("json")

        logging.getLogger("uvicorn.error").info("Started.")
        logging.getLogger("uvicorn.access").info("GET /?token=hunter2")

        assert [line["event"] for line in lines(stream)] == ["Started."]

    @pytest.mark.parametrize("name", ["httpx2", "httpcore2"])
    def test_the_http_client_does_not_write_addresses(self, name: str) -> None:
        stream = configured("json")

        logging.getLogger(name).info("GET https://site.example.com/?key=hunter2")

        assert stream.getvalue() == ""

    def test_a_repetition_replaces_the_earlier_set_up(self) -> None:
        first, second = configured("json"), configured("json")

        structlog.stdlib.get_logger().info("once")

        assert (first.getvalue(), len(lines(second))) == ("", 1)
