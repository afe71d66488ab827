"""The log: structlog, for people in a terminal and as JSON lines elsewhere. Ids, never names or texts."""

from __future__ import annotations

import logging
import sys

import structlog


def set_up_log(level: str = "info", form: str = "auto") -> None:
    """Write from `level` on, to standard error; `form` is auto, json or console."""
    for_people = form == "console" or (form == "auto" and sys.stderr.isatty())
    drawn = structlog.dev.ConsoleRenderer() if for_people else structlog.processors.JSONRenderer()
    before: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    structlog.configure(
        processors=[*before, structlog.processors.format_exc_info, drawn]
        if not for_people
        else [*before, drawn],
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
