"""A circuit breaker: whether a remote engine is to be asked, or is to be left alone for a while."""

from __future__ import annotations

import time
from collections.abc import Callable
from threading import Lock

FAILURES = 3  # in a row, until nobody asks any more
FIRST_REST, LONGEST_REST = 5.0, 60.0  # seconds until somebody tries; twice as long after each vain try
TRY_SECONDS = 60.0  # so long nobody else tries: longer than any answer may take


class Breaker:
    """Closed, all ask. Open, nobody asks; after a rest one does, and how that ends decides.

    It opens on three failures in a row, or on one time-out, which has cost somebody half a minute. How long
    an answer takes counts for nothing. Threads share it.
    """

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        """`now` in seconds, never going back."""
        self._now = now
        self._lock = Lock()
        self._failures = 0  # in a row
        self._round = 0  # of whoever asks; who began in an earlier one has nothing to say any more
        self._rest = 0.0
        self._open = False
        self._try_at = 0.0

    @property
    def is_open(self) -> bool:
        """Whether it was found to be away, and nobody has reached it since."""
        return self._open

    def begin(self) -> int | None:
        """Ask to ask: a ticket to hand back with how it ended; None while it is to be left alone."""
        with self._lock:
            if self._open:
                now = self._now()
                if now < self._try_at:
                    return None
                self._try_at = now + TRY_SECONDS
            return self._round

    def succeeded(self) -> bool:
        """There was an answer, however late and whoever asked. True: it was away until now."""
        with self._lock:
            was_open = self._open
            self._failures, self._open = 0, False
            if was_open:
                self._round += 1
            return was_open

    def trip(self) -> bool:
        """Somebody else has found that it is away. True: that was not known."""
        return not self._open and self.failed(self._round, timed_out=True)

    def failed(self, ticket: int, *, timed_out: bool = False) -> bool:
        """There was none. True: with this it counts as away."""
        with self._lock:
            if ticket != self._round:
                return False
            if self._open:
                self._rest = min(2 * self._rest, LONGEST_REST)
                self._try_at = self._now() + self._rest
                self._round += 1
                return False
            self._failures += 1
            if self._failures < FAILURES and not timed_out:
                return False
            self._open, self._rest = True, FIRST_REST
            self._try_at = self._now() + FIRST_REST
            self._round += 1
            return True
