"""What one process counts of its work, for `/metrics`: how long each stage took, what became of sends.

Every message passes here, so it is plain arithmetic, a batch at a time; `parley/scraping.py` tells it.
"""

from __future__ import annotations

import time
from bisect import bisect_left
from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from threading import Lock

from crm_store.history import Inbound
from crm_store.messages import Incoming, Sent

STAGES = {
    "record": "from a verified request until its messages are on disk",
    "wait": "from being on disk until their turn has come",
    "understand": "from text to meaning, of a whole batch",
    "act": "from meaning to what is said, committed, of a whole batch",
    "deliver": "one request to a platform",
}
BOUNDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)  # seconds
MOST_OUTCOMES = 500  # different ones; a platform that makes up codes does not fill the memory
OTHER = "other"


class Stage:
    """How long a stage took, as a histogram."""

    __slots__ = ("counts", "seconds")

    def __init__(self) -> None:
        self.counts = [0] * (len(BOUNDS) + 1)  # by bound, each without those below it; the last has none
        self.seconds = 0.0

    def add(self, seconds: float, times: int = 1) -> None:
        """So many messages took so long, each."""
        self.counts[bisect_left(BOUNDS, seconds)] += times
        self.seconds += seconds * times


class Metrics:
    """All counts of a process since it started. To be called from any thread."""

    def __init__(self) -> None:
        self.stages = {name: Stage() for name in STAGES}
        self.outcomes: Counter[tuple[str, str, str]] = Counter()  # by channel, status and platform's code
        self.heard_at: dict[str, float] = {}  # by channel, in seconds of `time.monotonic`
        self.repeats = 0
        self.failed_turns = 0
        self._lock = Lock()

    def recorded(self, incoming: Sequence[Incoming], repeats: int, seconds: float) -> None:
        """A request's messages are on disk, so long after the channel had verified them."""
        if not incoming:
            return
        self.heard_at[incoming[0].address.channel] = time.monotonic()
        with self._lock:
            self.stages["record"].add(seconds, len(incoming))
            self.repeats += repeats

    def worked(self, messages: Sequence[Inbound], at: datetime, understand: float, act: float) -> None:
        """Messages whose turn came `at` a time have had it."""
        waited = [(at - message.created_at).total_seconds() for message in messages]
        with self._lock:
            for seconds in waited:
                self.stages["wait"].add(seconds)
            self.stages["understand"].add(understand, len(waited))
            self.stages["act"].add(act, len(waited))

    def worked_at_once(self, count: int, understand: float, act: float) -> None:
        """So many messages had their turn in the transaction that recorded them, which `act` includes."""
        with self._lock:
            self.stages["wait"].add(0.0, count)
            self.stages["understand"].add(understand, count)
            self.stages["act"].add(act, count)

    def failed(self) -> None:
        """A turn has failed; it is tried again, or parked."""
        with self._lock:
            self.failed_turns += 1

    def delivered(self, seconds: float) -> None:
        """A platform has answered one request, or has let it time out."""
        with self._lock:
            self.stages["deliver"].add(seconds)

    def became(self, channel: str, sent: Sent) -> None:
        """One row was sent, or was not; a row that is tried again counts once more."""
        self._count(channel, sent.status, sent.code)

    def skipped(self, channel: str, count: int) -> None:
        """The send rules forbade so many rows of a channel for good."""
        if count:
            self._count(channel, "skipped", "", count)

    def _count(self, channel: str, status: str, code: str, times: int = 1) -> None:
        key = (channel, status, code)
        with self._lock:
            if key not in self.outcomes and len(self.outcomes) >= MOST_OUTCOMES:
                key = (channel, status, OTHER)
            self.outcomes[key] += times
