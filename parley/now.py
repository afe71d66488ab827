"""The time. A module of its own, so that a command that tells the time loads no server for it."""

from __future__ import annotations

from datetime import UTC, datetime


def utc_now() -> datetime:
    """The time, aware, UTC."""
    return datetime.now(UTC)
