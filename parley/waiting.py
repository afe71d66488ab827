"""Open requests of platforms: whose answers can carry what the bot is about to say."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager, suppress

from crm_store.messages import Address, Incoming, clean
from crm_store.outbox import Outgoing

Key = tuple[Address, str]  # an address, and the platform's key of the message that the request brought


class Offer:
    """What is handed to one open request. What it does not take is put back when the request ends."""

    def __init__(self) -> None:
        self._made = asyncio.Event()
        self._rows: list[Outgoing] = []

    def make(self, rows: Sequence[Outgoing]) -> None:
        """Hand over rows that are being sent; nobody else sends them."""
        self._rows += rows
        self._made.set()

    async def wait(self, seconds: float) -> None:
        """Return when something was handed over, be it nothing to say, or when the time is over."""
        if not self._made.is_set():
            with suppress(TimeoutError):
                await asyncio.wait_for(self._made.wait(), seconds)

    @property
    def rows(self) -> list[Outgoing]:
        """All that was handed over and is not taken."""
        return list(self._rows)

    def take(self, count: int) -> list[Outgoing]:
        """The first of the rows: the answer carries them."""
        taken, self._rows = self._rows[:count], self._rows[count:]
        return taken


class Waiting:
    """All open requests of this process."""

    def __init__(self, put_back: Callable[[list[Outgoing]], None]) -> None:
        self._put_back = put_back
        self._offers: dict[Key, list[Offer]] = defaultdict(list)

    @contextmanager
    def open(self, incoming: Incoming) -> Iterator[Offer]:
        """A request that brought this message is open."""
        key, offer = (incoming.address, clean(incoming.key)), Offer()
        self._offers[key].append(offer)
        try:
            yield offer
        finally:
            self._offers[key].remove(offer)
            if not self._offers[key]:
                del self._offers[key]
            if offer.rows:
                self._put_back(offer.rows)

    def keys(self) -> Collection[Key]:
        """Of which messages a request is open: a view, for the event loop only."""
        return self._offers.keys()

    def offer(self, key: Key, rows: list[Outgoing]) -> None:
        """Hand rows to the newest request of a message; an older one is a try that was given up."""
        offers = self._offers.get(key, [])
        for given_up in offers[:-1]:
            given_up.make([])
        if offers:
            offers[-1].make(rows)
        elif rows:
            self._put_back(rows)
