"""How often each interface may be called: per day (Shanghai time) and per minute."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from datetime import datetime, timedelta, timezone

from bots.simulators.wechat.errors import ApiError

CLEARINGS_A_MONTH = 10
SHANGHAI = timezone(timedelta(hours=8))


def month_of(now: datetime) -> str:
    """The calendar month in Shanghai, as in 2026-11."""
    return f"{now.astimezone(SHANGHAI):%Y-%m}"


def day_of(now: datetime) -> str:
    """The calendar day in Shanghai, as in 2026-11-21."""
    return f"{now.astimezone(SHANGHAI):%Y-%m-%d}"


class Limits:
    """Counts calls and refuses the first one too many."""

    def __init__(self, daily: Mapping[str, int], minutely: Mapping[str, int]) -> None:
        self._daily = daily
        self._minutely = minutely
        self._counts: Counter[tuple[str, str]] = Counter()

    def take(self, path: str, now: datetime) -> None:
        """Count one call: 45009 past the day's limit, 45011 past the minute's."""
        day, minute = (path, day_of(now)), (path, f"{now:%Y-%m-%dT%H:%M}")
        if self._counts[day] >= self._daily.get(path, 1_000_000_000):
            raise ApiError(45009)
        if self._counts[minute] >= self._minutely.get(path, 1_000_000_000):
            raise ApiError(45011)
        self._counts[day] += 1
        self._counts[minute] += 1

    def used(self, path: str, now: datetime) -> int:
        """How many calls this day has seen."""
        return self._counts[path, day_of(now)]

    def limit(self, path: str) -> int:
        """How many calls a day may see; 0: no limit is known."""
        return self._daily.get(path, 0)

    def clear(self, now: datetime) -> None:
        """Start this day's counts again; 48006 after ten times in a month."""
        cleared = ("clear", month_of(now))
        if self._counts[cleared] >= CLEARINGS_A_MONTH:
            raise ApiError(48006)
        self._counts[cleared] += 1
        for path, period in list(self._counts):
            if period == day_of(now):
                del self._counts[path, period]
