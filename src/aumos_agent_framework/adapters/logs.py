"""Log lines of a process: one format for ours and for the libraries', JSON for machines or text for people.

Tracebacks carry no local variables: a token or a body would be among them.
"""

import logging
import sys
from typing import Literal, TextIO

import structlog
from structlog.typing import Processor

LogFormat = Literal["json", "console"]

_CHATTY_LOGGERS = ("httpcore2", "httpx2")  # at INFO they write whole addresses, queries included
_SERVER_LOGGERS = ("uvicorn", "uvicorn.error", "uvicorn.access")


def configure_logs(*, level: str, log_format: LogFormat, service: str, stream: TextIO | None = None) -> None:
    """Set up logging for the whole process. A repetition replaces the earlier set-up.

    Args:
        level: the lowest level that is written, such as ``INFO``.
        log_format: ``json``: one object per line; ``console``: aligned text.
        service: the service's name, on every JSON line.
        stream: where to write; default: standard error.
    """
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.stdlib.PositionalArgumentsFormatter(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
        structlog.processors.UnicodeDecoder(),
    ]
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*shared, structlog.stdlib.ExtraAdder()],
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                *_renderers(log_format, service, colors=handler.stream.isatty()),
            ],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level)
    for name in _CHATTY_LOGGERS:
        logging.getLogger(name).setLevel(logging.WARNING)
    _adopt_server_loggers()


def _renderers(log_format: LogFormat, service: str, *, colors: bool) -> list[Processor]:
    if log_format == "console":
        return [structlog.dev.ConsoleRenderer(colors=colors, exception_formatter=structlog.dev.plain_traceback)]

    def add_service(_logger: object, _method: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
        event["service"] = service
        return event

    return [add_service, structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]


def _adopt_server_loggers() -> None:
    """Let the server's lines go through our handler; its access log says less than ours and is switched off."""
    for name in _SERVER_LOGGERS:
        logger = logging.getLogger(name)
        logger.handlers = []
        logger.propagate = name != "uvicorn.access"
