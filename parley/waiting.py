"""Open requests of platforms: whose answers can carry what the bot is about to say."""

from __future__ import annotations

import asyncio
from collections import OrderedDict, defaultdict
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Self

from crm_store.messages import Address, Incoming, Policy, clean
from crm_store.outbox import Outgoing

_REMEMBERED = 10_000  # messages of the last minutes
_EARLY = 0.9  # platforms tell whole seconds, and clocks differ

Key = tuple[Address, str]  # an address, and the platform's key of the message that the request brought


class Offer:
    """What is handed to one request while it is open (`with`). What it does not take then is put back."""

    __slots__ = ("_awaited", "_key", "_rows", "_same", "_waiting", "made")

    def __init__(self, waiting: Waiting, key: Key) -> None:
        self.made = False  # whether anything was handed over, be it nothing to say
        self._waiting = waiting
        self._key = key
        self._awaited: asyncio.Future[None] | None = None  # somebody waits for it
        self._rows: list[Outgoing] = []
        self._same: list[Outgoing] = []  # what another request for the same message carries

    def __enter__(self) -> Self:
        self._waiting.begin(self._key, self)
        return self

    def __exit__(self, *_: object) -> None:
        self._waiting.end(self._key, self, self._rows)

    def make(self, rows: Sequence[Outgoing]) -> None:
        """Hand over rows that are being sent; nobody else sends them."""
        self._rows += rows
        self._is_made()

    def tell(self, rows: Sequence[Outgoing]) -> None:
        """Another request carries these rows, and sees to them; this one can say the same."""
        self._same = list(rows)
        self._is_made()

    def _is_made(self) -> None:
        self.made = True
        if self._awaited and not self._awaited.done():
            self._awaited.set_result(None)

    async def wait(self, seconds: float) -> None:
        """Return when something was handed over, be it nothing to say, or when the time is over."""
        if not self.made:
            self._awaited = asyncio.get_running_loop().create_future()
            with suppress(TimeoutError):
                await asyncio.wait_for(self._awaited, seconds)

    @property
    def words(self) -> list[Outgoing]:
        """What this request can say: rows that it is to carry, or those that another one carries."""
        return self._rows or self._same

    def take(self, count: int) -> list[Outgoing]:
        """The first of the rows: the answer carries them."""
        taken, self._rows = self._rows[:count], self._rows[count:]
        return taken


class Waiting:
    """All open requests of this process."""

    def __init__(self, put_back: Callable[[list[Outgoing]], None]) -> None:
        self._put_back = put_back
        self._offers: dict[Key, list[Offer]] = defaultdict(list)

    def open(self, incoming: Incoming) -> Offer:
        """What a request is offered that brought this message, as long as it is open."""
        return Offer(self, (incoming.address, clean(incoming.key)))

    def begin(self, key: Key, offer: Offer) -> None:
        """A request is open."""
        self._offers[key].append(offer)

    def end(self, key: Key, offer: Offer, left: list[Outgoing]) -> None:
        """It is open no more, and these rows are left."""
        self._offers[key].remove(offer)
        if not self._offers[key]:
            del self._offers[key]
        if left:
            self._put_back(left)

    def keys(self) -> Collection[Key]:
        """Of which messages a request is open: a view, for the event loop only."""
        return self._offers.keys()

    def offer(self, key: Key, rows: list[Outgoing]) -> None:
        """Hand rows to the newest request of a message; older ones, mostly given up, say the same."""
        offers = self._offers.get(key, [])
        for older in offers[:-1]:
            older.tell(rows)
        if offers:
            offers[-1].make(rows)
        elif rows:
            self._put_back(rows)


class Tries:
    """When messages were handed in first, to tell the platform's last try from those before it."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now
        self._first: OrderedDict[Key, datetime] = OrderedDict()

    def note(self, key: Key) -> None:
        """A message was handed in, maybe once more."""
        self._first.setdefault(key, self._now())
        if len(self._first) > _REMEMBERED:
            self._first.popitem(last=False)

    def is_last(self, key: Key, sent_at: datetime | None, policy: Policy) -> bool:
        """Whether the platform, which has just waited in vain, will not come again."""
        # Tries before this one may have gone to another process, or found nobody: its own time tells too.
        first = min(self._first.get(key, self._now()), sent_at or self._now())
        waited = (self._now() - first).total_seconds() - policy.inline_within
        return waited >= (policy.tries - 1) * policy.gives_up_after * _EARLY
