"""How often somebody may do something: a sliding window in memory, one for each process."""

from __future__ import annotations

from collections import OrderedDict, deque
from datetime import datetime, timedelta

MOST_KEYS = 20_000


class Rate:
    """At most `count` times within `window` for each key. The longest idle keys are forgotten first."""

    def __init__(self, count: int, window: timedelta) -> None:
        self._count = count
        self._window = window
        self._times: OrderedDict[str, deque[datetime]] = OrderedDict()

    def wait(self, key: str, now: datetime) -> float:
        """Count one more for `key` and return 0, or return the seconds until it may try again."""
        times = self._times.setdefault(key, deque())
        self._times.move_to_end(key)
        while len(self._times) > MOST_KEYS:
            self._times.popitem(last=False)
        while times and now - times[0] >= self._window:
            times.popleft()
        if len(times) >= self._count:
            return (times[0] + self._window - now).total_seconds()
        times.append(now)
        return 0.0
