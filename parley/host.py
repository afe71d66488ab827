"""What a channel is given of the rest of the house (`bots.base.Host`), and nothing else."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, ExitStack
from datetime import datetime
from pathlib import Path

import aiohttp

from bots.base import Line, LiveEvent
from crm_store import channels, history
from crm_store.db import Database
from crm_store.media import MediaFolder
from crm_store.messages import Address, Incoming
from parley.lines import line_of
from parley.live import Hub
from parley.threads import in_thread

MADE_ELSEWHERE_SECONDS = 0.1

Record = Callable[[Sequence[Incoming]], Awaitable[object]]


class HouseHost:
    """The one Host of a process; every channel gets the same."""

    def __init__(
        self,
        database: Database,
        hub: Hub,
        media: MediaFolder,
        now: Callable[[], datetime],
    ) -> None:
        self._database = database
        self._hub = hub
        self._media = media
        self._now = now
        self._making: dict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._http: aiohttp.ClientSession | None = None
        self.record_to: Record | None = None  # set by whoever assembles: the pipeline

    @property
    def http(self) -> aiohttp.ClientSession:
        """The one client for outgoing requests; every request ends within ten seconds."""
        if self._http is None or self._http.closed:
            self._http = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=10, connect=5))
        return self._http

    def now(self) -> datetime:
        """The time, aware, UTC."""
        return self._now()

    async def record(self, incoming: Sequence[Incoming]) -> None:
        """Keep messages for good and have them worked off. They are on disk when this returns."""
        assert self.record_to is not None
        await self.record_to(incoming)

    async def history(self, address: Address, after: int = 0, limit: int = 50) -> list[Line]:
        """What the customer may see on an address behind `after`; see `crm_store.history.list_lines`."""
        return await asyncio.to_thread(self._read_history, address, after, limit)

    def follow(self, address: Address) -> AbstractAsyncContextManager[AsyncIterator[LiveEvent]]:
        """Live events of an address from now on."""
        return self._hub.follow(address)

    def typing(self, address: Address) -> None:
        """The person at this address is typing."""
        self._hub.publish(address, LiveEvent("typing", data={"sender": "customer"}))

    async def remember(
        self, key: str, make: Callable[[], Awaitable[tuple[str, datetime]]], *, stale: str = ""
    ) -> str:
        """A value shared by all processes; made anew once when it has ended or is `stale`."""
        async with self._making[key]:
            while True:
                known = await asyncio.to_thread(self._find_shared, key)
                if known is not None and known != stale:
                    return known
                with ExitStack() as place:
                    alone = await in_thread(place.enter_context, self._database.alone(f"make {key}"))
                    try:
                        if alone:
                            return await self._make(key, make, stale)
                    finally:
                        await in_thread(place.close)
                await asyncio.sleep(MADE_ELSEWHERE_SECONDS)  # Another process makes it just now.

    async def _make(self, key: str, make: Callable[[], Awaitable[tuple[str, datetime]]], stale: str) -> str:
        known = await asyncio.to_thread(self._find_shared, key)
        if known is not None and known != stale:
            return known  # made while we came to be alone
        value, ends_at = await make()
        return await asyncio.to_thread(self._share, key, value, ends_at, stale)

    async def keep(self, data: bytes, content_type: str, name: str = "") -> str:
        """Store a received file; the path under which it is served. TooLarge if it is."""
        kept = await asyncio.to_thread(self._media.keep, data, content_type)
        return f"/media/{Path(kept).name}"

    async def close(self) -> None:
        """Close the client."""
        if self._http is not None:
            await self._http.close()

    def _read_history(self, address: Address, after: int, limit: int) -> list[Line]:
        with self._database.reading() as session:
            return [line_of(m) for m in history.list_lines(session, address, after=after, limit=limit)]

    def _find_shared(self, key: str) -> str | None:
        with self._database.reading() as session:
            return channels.find_shared(session, key, self._now())

    def _share(self, key: str, value: str, ends_at: datetime, stale: str) -> str:
        with self._database.writing() as session:
            # Another process may have been faster: its value is the one all others use already.
            known = channels.find_shared(session, key, self._now())
            if known is not None and known != stale:
                return known
            channels.share(session, {key: (value, ends_at)}, self._now())
            return value
