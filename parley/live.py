"""What happens now, for the pages that are open: lines and typing, by address. Only what may be lost."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from bots.base import LiveEvent
from crm_store.messages import Address

_MOST_WAITING = 500  # A page that reads no more is cut off and comes back over its history.


class Hub:
    """Hands events of an address to whoever follows it in this process."""

    def __init__(self) -> None:
        self._followers: dict[Address, set[asyncio.Queue[LiveEvent | None]]] = defaultdict(set)

    @asynccontextmanager
    async def follow(self, address: Address) -> AsyncIterator[AsyncIterator[LiveEvent]]:
        """Events of the address from now on; they end when the follower has fallen too far behind."""
        queue: asyncio.Queue[LiveEvent | None] = asyncio.Queue(_MOST_WAITING)
        self._followers[address].add(queue)
        try:
            yield _events(queue)
        finally:
            self._followers[address].discard(queue)
            if not self._followers[address]:
                del self._followers[address]

    def publish(self, address: Address, event: LiveEvent) -> None:
        """Tell all followers of the address. To be called on the event loop."""
        for queue in tuple(self._followers.get(address, ())):
            if queue.full():
                self._followers[address].discard(queue)
                queue.get_nowait()
                queue.put_nowait(None)
            else:
                queue.put_nowait(event)

    def close(self) -> None:
        """End all followers' events."""
        for queues in self._followers.values():
            for queue in queues:
                if queue.full():
                    queue.get_nowait()
                queue.put_nowait(None)


async def _events(queue: asyncio.Queue[LiveEvent | None]) -> AsyncIterator[LiveEvent]:
    while (event := await queue.get()) is not None:
        yield event
