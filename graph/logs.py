"""Logging to standard error: JSON lines, or coloured text on a terminal."""

import logging
import re
import sys
import traceback
from typing import TextIO

import structlog
from structlog.typing import EventDict, ExcInfo, Processor, WrappedLogger

# Characters that start a line or control a terminal. JSON escapes them anyway.
CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")


def configure() -> None:
    """Send all log lines, also those of libraries, to standard error in one format."""
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    renderers: list[Processor] = (
        [_escape_event, structlog.dev.ConsoleRenderer(repr_native_str=True, exception_formatter=_write_traceback)]
        if sys.stderr.isatty()
        else [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
    )
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler()
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *renderers],
        )
    )
    logging.basicConfig(handlers=[handler], level=logging.WARNING, force=True)


def _escape_event(_logger: WrappedLogger, _method: str, line: EventDict) -> EventDict:
    """Escape control characters in the event. ConsoleRenderer prints it as it is, and all other values by repr()."""
    line["event"] = CONTROL.sub(_escaped, str(line["event"]))
    return line


def _write_traceback(stream: TextIO, exc_info: ExcInfo) -> None:
    """
    Write a traceback, indented so that an error's message cannot be mistaken for log lines.

    structlog's own formatter would also print the values of local variables, which may be secrets.
    """
    formatted = "".join(traceback.format_exception(*exc_info))
    for text in formatted.splitlines():
        stream.write(f"\n    {CONTROL.sub(_escaped, text)}")


def _escaped(match: re.Match[str]) -> str:
    return match[0].encode("unicode_escape").decode()
