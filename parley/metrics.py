"""What one process counts of its work, for `/metrics`: how long each stage took, what became of sends.

Every message passes here, so it is plain arithmetic, a batch at a time; `parley/scraping.py` tells it.
"""

from __future__ import annotations

import time
from bisect import bisect_left
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
    """All counts of a process since it started.

    What requests and sends count, they count on the event loop; the rest may come from any thread, and
    takes a lock, which costs as much as the counting.
    """

    def __init__(self) -> None:
        self.stages = {name: Stage() for name in STAGES}
        self.outcomes: dict[tuple[str, str, str], int] = {}  # by channel, status and platform's code
        self.forbidden: dict[str, int] = {}  # rows that the send rules have skipped, by channel
        self.heard_at: dict[str, float] = {}  # by channel, in seconds of `time.monotonic`
        self.repeats = 0
        self._record = self.stages["record"]
        self.failed_turns = 0
        self._lock = Lock()

    def recorded(self, incoming: Sequence[Incoming], repeats: int, seconds: float) -> None:
        """A request's messages are on disk, so long after the channel had verified them."""
        if not incoming:
            return
        self.heard_at[incoming[0].address.channel] = time.monotonic()
        self._record.add(seconds, len(incoming))
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
        self.stages["deliver"].add(seconds)

    def became(self, channel: str, sent: Sent) -> None:
        """One row was sent, or was not; a row that is tried again counts once more."""
        key = (channel, sent.status, sent.code)
        known = self.outcomes.get(key)
        if known is None and len(self.outcomes) >= MOST_OUTCOMES:
            key = (channel, sent.status, OTHER)
            known = self.outcomes.get(key)
        self.outcomes[key] = (known or 0) + 1

    def skipped(self, channel: str, count: int) -> None:
        """The send rules forbade so many rows of a channel for good."""
        if count:
            with self._lock:
                self.forbidden[channel] = self.forbidden.get(channel, 0) + count
