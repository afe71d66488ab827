"""A house for one channel under test: a clock to turn, a real HTTP client, everything else in memory."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Self

import aiohttp

from bots.base import Line, LiveEvent
from crm_store.messages import Address, Content, Incoming

NOON = datetime(2026, 3, 2, 4, 0, tzinfo=UTC)  # twelve o'clock in Shanghai


class FakeHost:
    """Stands in for `bots.base.Host`: `async with FakeHost() as host:` opens and closes the HTTP client.

    What a channel did is in `recorded`, `kept` and `made` (how often each remembered value was made).
    """

    def __init__(self, now: datetime = NOON) -> None:
        self.time = now
        self.recorded: list[Incoming] = []
        self.kept: list[tuple[bytes, str, str]] = []
        self.made: dict[str, int] = defaultdict(int)
        self.values: dict[str, tuple[str, datetime]] = {}
        self._http: aiohttp.ClientSession | None = None
        self._making: dict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._lines: dict[Address, list[Line]] = defaultdict(list)
        self._followers: dict[Address, list[asyncio.Queue[LiveEvent]]] = defaultdict(list)
        self._seq = 0

    async def __aenter__(self) -> Self:
        self._http = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=10))
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._http:
            await self._http.close()

    @property
    def http(self) -> aiohttp.ClientSession:
        assert self._http, "the HTTP client lives inside `async with host`"
        return self._http

    def now(self) -> datetime:
        return self.time

    def advance(self, by: timedelta) -> None:
        """Turn the clock on."""
        self.time += by

    async def record(self, incoming: Sequence[Incoming]) -> None:
        self.recorded += incoming

    async def history(self, address: Address, after: int = 0, limit: int = 50) -> list[Line]:
        lines = [line for line in self._lines[address] if line.seq > after]
        return lines[:limit] if after else lines[-limit:]

    @asynccontextmanager
    async def follow(self, address: Address) -> AsyncIterator[AsyncIterator[LiveEvent]]:
        queue: asyncio.Queue[LiveEvent] = asyncio.Queue()
        self._followers[address].append(queue)

        async def events() -> AsyncIterator[LiveEvent]:
            while True:
                yield await queue.get()

        try:
            yield events()
        finally:
            self._followers[address].remove(queue)

    def typing(self, address: Address) -> None:
        self.publish(address, LiveEvent("typing", data={"sender": "customer"}))

    def publish(self, address: Address, event: LiveEvent) -> None:
        """Let all who follow the address know of an event."""
        for queue in self._followers[address]:
            queue.put_nowait(event)

    def say(self, address: Address, content: Content, sender: str = "bot", key: str = "") -> Line:
        """Add a line to an address's history and publish it."""
        self._seq += 1
        direction = "in" if sender == "customer" else "out"
        line = Line(self._seq, f"line-{self._seq}", direction, sender, content, self.time, key)
        self._lines[address].append(line)
        self.publish(address, LiveEvent("line", line))
        return line

    async def remember(
        self, key: str, make: Callable[[], Awaitable[tuple[str, datetime]]], *, stale: str = ""
    ) -> str:
        async with self._making[key]:
            value, ends_at = self.values.get(key, ("", self.time))
            if not value or value == stale or ends_at <= self.time:
                value, ends_at = self.values[key] = await make()
                self.made[key] += 1
            return value

    async def keep(self, data: bytes, content_type: str, name: str = "") -> str:
        self.kept.append((data, content_type, name))
        return f"/media/{len(self.kept)}"
