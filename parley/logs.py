"""The log: structlog, for people in a terminal and as JSON lines elsewhere. Ids, never names or texts."""

from __future__ import annotations

import logging
import re
import sys
from typing import Any

import structlog

_DETAIL = re.compile(r"^(DETAIL|CONTEXT):", re.MULTILINE)


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
    logger: Any, method: str, event: structlog.typing.EventDict
) -> structlog.typing.EventDict:
    """Write an error out without what PostgreSQL adds: the row itself, with all that a customer wrote."""
    error = _error_of(event.get("exc_info"))
    event = structlog.processors.format_exc_info(logger, method, event)
    for detail in _details(error):
        # Within a group of errors every line is set in.
        lines = "[ |]*".join(map(re.escape, detail.splitlines(keepends=True)))
        event["exception"] = re.sub(lines, "", event["exception"])
    return event


def _error_of(given: object) -> BaseException | None:
    if isinstance(given, BaseException):
        return given
    if isinstance(given, tuple):
        return given[1] if isinstance(given[1], BaseException) else None
    return sys.exc_info()[1] if given else None


def _details(error: BaseException | None) -> set[str]:
    """The details in an error and in all that led to it."""
    found: set[str] = set()
    left, seen = [error], set[int]()
    while left:
        one = left.pop()
        if one is None or id(one) in seen:
            continue
        seen.add(id(one))
        left += [one.__cause__, one.__context__, *getattr(one, "exceptions", ())]
        # Its driver is not loaded where another database is used.
        ours = type(one).__module__.startswith("psycopg")
        if ours and (begin := _DETAIL.search(str(one))):
            found.add(str(one)[begin.start() :])
    return found
