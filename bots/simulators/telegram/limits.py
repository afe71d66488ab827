"""How fast a bot may write: buckets that refill with the platform's clock, soft as the real ones."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime

from bots.simulators.clock import Clock
from bots.simulators.telegram.errors import Refusal


@dataclass(slots=True)
class Bucket:
    """Room for a burst of messages, refilled at a steady rate."""

    burst: float
    per_second: float
    room: float
    filled_at: datetime

    def wait(self, now: datetime) -> int:
        """Whole seconds until there is room for one more message; 0: there is."""
        passed = (now - self.filled_at).total_seconds()
        self.room = min(self.burst, self.room + passed * self.per_second)
        self.filled_at = now
        return 0 if self.room >= 1 else max(1, math.ceil((1 - self.room) / self.per_second))


class Limits:
    """A message a second to a chat, twenty a minute to a group, thirty a second in all, bursts allowed."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._overall = self._bucket(30, 30)
        self._chats: dict[int, Bucket] = {}

    def check(self, chat: int) -> None:
        """Take room for one message to a chat; Refusal 429 if there is none."""
        now = self._clock.now()
        own = self._chats.setdefault(chat, self._bucket(20, 20 / 60) if chat < 0 else self._bucket(10, 1))
        pause = max(own.wait(now), self._overall.wait(now))
        if pause:
            raise Refusal.slow_down(pause)
        own.room -= 1
        self._overall.room -= 1

    def _bucket(self, burst: float, per_second: float) -> Bucket:
        return Bucket(burst, per_second, burst, self._clock.now())
