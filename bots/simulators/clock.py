"""A clock that a test or a person may move forward: the time of a local platform."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta


class Clock:
    """Aware UTC time: with a start it stands still until it is moved, without one it runs with the wall."""

    def __init__(self, start: datetime | None = None) -> None:
        self._start = start
        self._moved = timedelta()
        self._sleepers: dict[asyncio.Event, asyncio.AbstractEventLoop] = {}

    def now(self) -> datetime:
        """The time, aware, UTC."""
        return (self._start or datetime.now(UTC)) + self._moved

    def advance(self, seconds: float) -> datetime:
        """Move forward by `seconds` (never back: ValueError), wake who waited for it, tell the new time."""
        if seconds < 0:
            raise ValueError(f"expected seconds >= 0, got {seconds}: a platform's clock never runs back")
        self._moved += timedelta(seconds=seconds)
        for moved, loop in self._sleepers.items():
            loop.call_soon_threadsafe(moved.set)
        return self.now()

    async def wait_until(self, when: datetime) -> None:
        """Return as soon as it is `when`, be it by the wall or because the clock was moved."""
        moved = asyncio.Event()
        self._sleepers[moved] = asyncio.get_running_loop()
        try:
            while (left := (when - self.now()).total_seconds()) > 0:
                try:
                    await asyncio.wait_for(moved.wait(), None if self._start else left)
                except TimeoutError:
                    continue
                moved.clear()
        finally:
            del self._sleepers[moved]
