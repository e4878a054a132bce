"""How the server logs: one line an event on stderr, ours and the libraries', without secrets."""

import logging
import sys
from contextlib import AbstractContextManager
from typing import Final, Literal, TextIO, cast

import structlog
from structlog.types import EventDict, FilteringBoundLogger, Processor, WrappedLogger

from bridge.ids import ConnectionId
from bridge.redaction import redact, scrub_lines

Format = Literal["json", "console", "auto"]

# These write what they send and receive at DEBUG, headers or whole URLs at INFO.
CAPPED_LOGGERS: Final = (
    *("livekit", "websockets", "openai"),
    *("sqlalchemy", "aiosqlite", "alembic", "asyncpg"),
    *("httpx", "httpcore", "httpx2", "httpcore2"),
)
_CAP: Final = logging.WARNING
# These write into their warnings what they could not read; who uses them says what went wrong.
SILENCED_LOGGERS: Final = ("mcp",)
# Set by structlog, or texts in which only the form of a secret can be known.
_PLAIN_FIELDS: Final = frozenset({"event", "level", "logger", "timestamp"})
_TRACEBACKS: Final = frozenset({"exception", "stack"})

# Of our own lines and of the libraries'.
_SHARED: Final[tuple[Processor, ...]] = (
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
)


def configure(level: str, format: Format, stream: TextIO | None = None) -> None:  # noqa: A002
    """Send every log of this process to `stream`, by default stderr. May be called again.

    Handlers that others gave the root logger are removed: they would write past the redaction.
    """
    stream = stream or sys.stderr
    structlog.configure(
        processors=[*_SHARED, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=False,  # so that configuring again takes effect everywhere
    )
    as_json = format == "json" or (format == "auto" and not stream.isatty())
    handler = logging.StreamHandler(stream)
    handler.addFilter(_is_within_cap)
    handler.setFormatter(_formatter(as_json=as_json, colors=stream.isatty()))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    set_level(level)
    for name in SILENCED_LOGGERS:
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)
    logging.captureWarnings(capture=True)


def set_level(level: str) -> None:
    """Change how much is logged, in loggers that there are, too."""
    threshold = logging.getLevelNamesMapping()[level.upper()]
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(threshold))
    logging.getLogger().setLevel(threshold)
    for name in CAPPED_LOGGERS:
        logging.getLogger(name).setLevel(max(threshold, _CAP))


def level() -> str:
    """Return how much is logged, in the words of `configure`."""
    return logging.getLevelName(logging.getLogger().level).lower()


def get_logger(name: str) -> FilteringBoundLogger:
    """Return a logger: constant messages, values as keyword arguments."""
    return cast("FilteringBoundLogger", structlog.get_logger(name))


def call_context(connection_id: ConnectionId) -> AbstractContextManager[None]:
    """Name the call in every line that is logged inside, in tasks started inside as well."""
    return structlog.contextvars.bound_contextvars(connection_id=connection_id)


def redact_fields(_logger: WrappedLogger, _method: str, event_dict: EventDict) -> EventDict:
    """Replace what must not be logged. A structlog processor, the last before rendering."""
    return {name: _field(name, value) for name, value in event_dict.items()}


def _formatter(*, as_json: bool, colors: bool) -> logging.Formatter:
    render: Processor = structlog.processors.JSONRenderer()
    if not as_json:
        # Plain tracebacks: the pretty ones show local variables.
        render = structlog.dev.ConsoleRenderer(
            colors=colors, exception_formatter=structlog.dev.plain_traceback
        )
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=_SHARED,
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            structlog.processors.StackInfoRenderer(),
            structlog.processors.format_exc_info,
            redact_fields,
            render,
        ],
    )


def _field(name: str, value: object) -> object:
    if name in _TRACEBACKS and isinstance(value, str):
        return scrub_lines(value)
    if name in _PLAIN_FIELDS:
        return redact("", value)
    return redact(name, value)


def _is_within_cap(record: logging.LogRecord) -> bool:
    # openai sets its logger's level itself when it is imported with OPENAI_LOG=debug.
    capped = record.name.partition(".")[0] in CAPPED_LOGGERS
    return record.levelno >= _CAP or not capped
