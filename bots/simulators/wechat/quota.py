"""How many customer-service messages an account may still write to one customer, and until when."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from bots.simulators.wechat.errors import ApiError

# What opens an allowance, how many messages it holds, how long it lasts.
TRIGGERS = {
    "message": (5, timedelta(hours=48)),
    "menu": (3, timedelta(minutes=1)),
    "follow": (3, timedelta(minutes=1)),
    "scan": (3, timedelta(minutes=1)),
}


@dataclass(slots=True)
class Bucket:
    """The allowance that one kind of trigger has opened."""

    count: int
    left: int
    ends_at: datetime


class Allowance:
    """One customer's buckets, one for each kind of trigger.

    A new trigger sets its own bucket again. Buckets do not add up: a message counts against each that is
    open, and the largest rest decides.
    """

    def __init__(self) -> None:
        self._buckets: dict[str, Bucket] = {}

    def open(self, trigger: str, now: datetime) -> None:
        """The customer did something: its bucket is full again."""
        count, lasts = TRIGGERS[trigger]
        self._buckets[trigger] = Bucket(count, count, now + lasts)

    def buckets(self, now: datetime) -> dict[str, Bucket]:
        """The buckets whose time is not over."""
        return {name: bucket for name, bucket in self._buckets.items() if now < bucket.ends_at}

    def left(self, now: datetime) -> int:
        """How many messages may be written now."""
        return max((bucket.left for bucket in self.buckets(now).values()), default=0)

    def check(self, now: datetime) -> None:
        """Refuse with 45015 when no bucket is open, with 45047 when all open ones are used up."""
        if not self.buckets(now):
            raise ApiError(45015)
        if not self.left(now):
            raise ApiError(45047)

    def take(self, now: datetime) -> None:
        """Use one message, or refuse as `check` does."""
        self.check(now)
        for bucket in self.buckets(now).values():
            bucket.left = max(0, bucket.left - 1)

    def close(self) -> None:
        """The customer left: nothing may be written any more."""
        self._buckets.clear()
