"""What happens now, for the pages that are open. Only what may be lost.

A customer's page follows its address: lines and typing. Consoles follow all: which conversations changed.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Collection, Iterable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Protocol
from uuid import UUID

from bots.base import LiveEvent
from crm_store.messages import Address

LOOK = LiveEvent("look")
_MOST_CHANGED = 1000  # Beyond that, whoever follows all looks anew.
_MOST_WAITING = 500  # A page that reads no more is cut off and comes back over its history.


class Wire(Protocol):
    """To the hubs of other processes: see `parley/together.py`."""

    def tell(self, address: Address, event: LiveEvent) -> None:
        """Something happens on an address."""

    def changed(self, ids: Collection[UUID]) -> None:
        """Something in these conversations is new."""

    async def follow(self, address: Address) -> None:
        """Hear what happens on an address elsewhere; from the return on nothing is missed."""

    async def leave(self, address: Address) -> None:
        """Nobody here follows it any more."""

    async def follow_changes(self) -> None:
        """Hear which conversations change elsewhere."""

    async def leave_changes(self) -> None:
        """Nobody here follows them any more."""


class Hub:
    """Hands events of an address to whoever follows it, in this process and in others."""

    def __init__(self) -> None:
        self.wire: Wire | None = None  # set by whoever assembles, if there are other processes
        self._followers: dict[Address, set[asyncio.Queue[LiveEvent | None]]] = defaultdict(set)
        self._watchers: set[_Watcher] = set()

    @asynccontextmanager
    async def follow(self, address: Address) -> AsyncIterator[AsyncIterator[LiveEvent]]:
        """Events of the address from now on; they end when the follower has fallen too far behind."""
        queue: asyncio.Queue[LiveEvent | None] = asyncio.Queue(_MOST_WAITING)
        self._followers[address].add(queue)
        try:
            if self.wire:
                await self.wire.follow(address)
            yield _events(queue)
        finally:
            self._followers[address].discard(queue)
            if not self._followers[address]:
                del self._followers[address]
                if self.wire:
                    await self.wire.leave(address)

    def followed(self) -> list[Address]:
        """All addresses that somebody follows here."""
        return list(self._followers)

    def is_followed(self, address: Address) -> bool:
        """Whether anybody may follow the address: here, or in a process that we cannot see."""
        return self.wire is not None or address in self._followers

    def publish(self, address: Address, event: LiveEvent) -> None:
        """Tell all followers of the address. To be called on the event loop."""
        self.hear(address, event)
        if self.wire:
            self.wire.tell(address, event)

    def hear(self, address: Address, event: LiveEvent) -> None:
        """Tell those in this process."""
        for queue in tuple(self._followers.get(address, ())):
            if queue.full():
                self._followers[address].discard(queue)
                queue.get_nowait()
                queue.put_nowait(None)
            else:
                queue.put_nowait(event)

    @asynccontextmanager
    async def follow_changes(self) -> AsyncIterator[AsyncIterator[frozenset[UUID]]]:
        """The conversations that changed since the last time; an empty set: too many to tell."""
        watcher = _Watcher()
        self._watchers.add(watcher)
        try:
            if self.wire:
                await self.wire.follow_changes()
            yield watcher.changes()
        finally:
            self._watchers.discard(watcher)
            if self.wire and not self._watchers:
                await self.wire.leave_changes()

    def changed(self, conversations: Iterable[UUID]) -> None:
        """Something in these conversations is new: a message, its status, the floor. On the event loop."""
        if self._watchers or self.wire:  # Nobody pays for what nobody looks at.
            ids = set(conversations)
            if self.wire and ids:
                self.wire.changed(ids)
            if ids:
                self.hear_changed(ids)

    def hear_changed(self, ids: Collection[UUID]) -> None:
        """Tell those in this process; none: more than can be told."""
        for watcher in self._watchers:
            watcher.add(set(ids))

    def close(self) -> None:
        """End all followers' events."""
        for watcher in self._watchers:
            watcher.close()
        for queues in self._followers.values():
            for queue in queues:
                if queue.full():
                    queue.get_nowait()
                queue.put_nowait(None)


async def _events(queue: asyncio.Queue[LiveEvent | None]) -> AsyncIterator[LiveEvent]:
    while (event := await queue.get()) is not None:
        yield event


class _Watcher:
    """Gathers what changed until somebody asks: a conversation that changes ten times is told once."""

    def __init__(self) -> None:
        self._ids: set[UUID] = set()
        self._too_many = self._closed = False
        self._news = asyncio.Event()

    def add(self, ids: set[UUID]) -> None:
        self._ids |= ids
        if not ids or len(self._ids) > _MOST_CHANGED:
            self._ids, self._too_many = set(), True
        self._news.set()

    def close(self) -> None:
        self._closed = True
        self._news.set()

    async def changes(self) -> AsyncIterator[frozenset[UUID]]:
        while True:
            await self._news.wait()
            if self._closed:
                return
            self._news.clear()
            found = frozenset[UUID]() if self._too_many else frozenset(self._ids)
            self._ids, self._too_many = set(), False
            yield found


class Feed:
    """The hub as a console sees it (`console.host.Feed`)."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub

    def follow(self) -> AbstractAsyncContextManager[AsyncIterator[frozenset[UUID]]]:
        """The conversations that changed since the last time."""
        return self._hub.follow_changes()

    @asynccontextmanager
    async def typing(self, address: Address) -> AsyncIterator[AsyncIterator[None]]:
        """Each time that the person at this address is seen typing."""
        async with self._hub.follow(address) as events:
            yield _typing(events)


async def _typing(events: AsyncIterator[LiveEvent]) -> AsyncIterator[None]:
    async for event in events:
        if event.name == "typing" and event.data.get("sender") == "customer":
            yield None
