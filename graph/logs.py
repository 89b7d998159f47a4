"""Log lines: JSON for machines, and in colour for a person at a terminal."""

import logging
import re
import sys
import traceback
from typing import TextIO

import structlog
from structlog.typing import EventDict, ExcInfo, Processor, WrappedLogger

# What moves the cursor or begins a line; JSON escapes it by itself.
CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")


def configure() -> None:
    """Send all log lines, those of libraries included, to standard error in one form."""
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    form: list[Processor] = (
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
            foreign_pre_chain=shared, processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *form]
        )
    )
    logging.basicConfig(handlers=[handler], level=logging.WARNING, force=True)


def _escape_event(_logger: WrappedLogger, _method: str, line: EventDict) -> EventDict:
    """Escape the one part of a line that is printed as it is; of all others, what stands for them in Python is."""
    line["event"] = CONTROL.sub(_escaped, str(line["event"]))
    return line


def _write_traceback(to: TextIO, fault: ExcInfo) -> None:
    """
    Write a traceback, set off so that what an error says is not taken for lines of the log.

    The values of variables, which structlog would show, may be secrets.
    """
    formatted = "".join(traceback.format_exception(*fault))
    for text in formatted.splitlines():
        to.write(f"\n    {CONTROL.sub(_escaped, text)}")


def _escaped(found: re.Match[str]) -> str:
    return found[0].encode("unicode_escape").decode()
