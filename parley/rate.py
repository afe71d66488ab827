"""Rates: how many messages a channel takes in a second."""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic
from typing import Protocol

from crm_store.messages import Policy

KEPT_FOR_ANSWERS = 0.2  # of a second's messages


class Rate(Protocol):
    """How many messages may go on one channel."""

    async def reserve(self, wanted: int, pushes: int) -> tuple[int, int]:
        """So many of the `wanted` messages may go now, and so many of them may be pushes."""

    async def give_back(self, count: int) -> None:
        """So many of the reserved messages did not go."""


class Buckets:
    """A token bucket of one second's messages for one channel in this process."""

    def __init__(self, policy: Policy, *, sharing: int = 1, clock: Callable[[], float] = monotonic) -> None:
        """`sharing`: so many processes have a part of the rate each."""
        self._policy = policy
        self._per_second = policy.per_second / sharing
        self._left = self._per_second
        self._clock = clock
        self._at = clock()

    async def reserve(self, wanted: int, pushes: int) -> tuple[int, int]:
        """See `Rate`. A channel without a limit takes all."""
        if not self._per_second:
            return wanted, pushes
        now = self._clock()
        self._left = min(max(1.0, self._per_second), self._left + (now - self._at) * self._per_second)
        self._at = now
        had = int(self._left)
        going = max(0, min(wanted, had))
        self._left -= going
        return going, min(pushes, going, self.spare(self._policy, had))

    async def give_back(self, count: int) -> None:
        """See `Rate`."""
        self._left += count

    @staticmethod
    def spare(policy: Policy, had: int) -> int:
        """Of so many messages, how many may be pushes: there is always room for an answer."""
        return had - int(policy.per_second * KEPT_FOR_ANSWERS)
