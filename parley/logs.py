"""The log: structlog, for people in a terminal and as JSON lines elsewhere. Ids, never names or texts."""

from __future__ import annotations

import logging
import re
import sys

import structlog

_DETAIL = re.compile(
    r"^(DETAIL|CONTEXT):.*?(?=^\S[\w.]*(Error|Exception)|^The above|^During|\Z)", re.MULTILINE | re.DOTALL
)


def set_up_log(level: str = "info", form: str = "auto") -> None:
    """Write from `level` on, to standard error; `form` is auto, json or console."""
    for_people = form == "console" or (form == "auto" and sys.stderr.isatty())
    # No local variables in tracebacks: they hold what customers write, and secrets.
    drawn: structlog.typing.Processor = (
        structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
        if for_people
        else structlog.processors.JSONRenderer(ensure_ascii=False)
    )
    before: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        without_details,
    ]
    structlog.configure(
        processors=[*before, drawn],
        wrapper_class=structlog.make_filtering_bound_logger(getattr(logging, level.upper())),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    # Libraries log through the standard module: only what went wrong, in the same shape. Their lower
    # levels name request addresses, in which platforms put secrets.
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=before,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, drawn],
        )
    )
    logging.basicConfig(handlers=[handler], level=logging.WARNING, force=True)


def without_details(
    _logger: object, _method: str, event: structlog.typing.EventDict
) -> structlog.typing.EventDict:
    """Cut from errors what PostgreSQL adds to them: the row itself, with all that a customer wrote."""
    trace = event.get("exception")
    if isinstance(trace, str):
        event["exception"] = _DETAIL.sub("", trace)
    return event
