"""Rates: how many messages a channel takes in a second."""

from __future__ import annotations

from datetime import datetime

from crm_store.messages import Policy

KEPT_FOR_ANSWERS = 0.2  # of a second's messages


class Buckets:
    """A token bucket of one second's messages for one channel in this process."""

    def __init__(self, policy: Policy) -> None:
        self._per_second = policy.per_second
        self._left = policy.per_second
        self._at: datetime | None = None

    def room(self, now: datetime) -> int:
        """How many messages may go now; a large number where the channel has no limit."""
        if not self._per_second:
            return 1_000_000
        if self._at is not None:
            passed = max(0.0, (now - self._at).total_seconds())
            self._left = min(self._per_second, self._left + passed * self._per_second)
        self._at = now
        return int(self._left)

    def spare(self, now: datetime) -> int:
        """How many of them may be pushes, so that there is always room for an answer."""
        return self.room(now) - int(self._per_second * KEPT_FOR_ANSWERS)

    def take(self) -> None:
        """One message goes."""
        self._left -= 1
