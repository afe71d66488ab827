"""The load: callbacks over connections that are kept, by hand-written HTTP, at a third of a core."""

from __future__ import annotations

import asyncio
import gc
import re
import time
from array import array
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

import uvloop

from bench.callbacks import Callback

LATE_SECONDS = 15.0  # whoever has not answered so long after the end has lost the message
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_SAYS = re.compile(rb"<Content><!\[CDATA\[(?!\]\]>)")


@dataclass
class Heard:
    """What came back."""

    seconds: float = 0.0
    latencies: array[float] = field(default_factory=lambda: array("d"))  # in seconds
    acknowledged: list[str] = field(default_factory=list)  # keys of what was answered with 200
    wrong: list[str] = field(default_factory=list)  # what was not a text to the one who asked
    lost: int = 0  # asked and never answered

    @property
    def per_second(self) -> float:
        """Messages answered a second."""
        return len(self.latencies) / self.seconds if self.seconds else 0.0

    def milliseconds(self, share: float) -> float:
        """The latency below which this share of the messages was answered; 0 if none was."""
        ordered = sorted(self.latencies)
        return ordered[min(int(len(ordered) * share), len(ordered) - 1)] * 1000 if ordered else 0.0


Answered = Callable[["Connection", Callback, float, bytes, bytes], None]


class Connection(asyncio.Protocol):
    """One connection with at most one request on it. A server that hangs up is called again."""

    def __init__(self, port: int, answered: Answered) -> None:
        self._port, self._answered = port, answered
        self._transport: asyncio.Transport | None = None
        self._asked: tuple[Callback, float] | None = None
        self._buffer = b""
        self._calling: asyncio.Task[Any] | None = None

    def ask(self, callback: Callback, since: float) -> None:
        """Send a request; its latency counts from `since`."""
        self._asked = callback, since
        if self._transport is not None:
            self._transport.write(callback.wire)
        else:
            self._calling = asyncio.get_running_loop().create_task(self._call(callback))

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ready."""
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        """A piece of an answer, mostly all of it."""
        self._buffer = buffer = self._buffer + data if self._buffer else data
        end = buffer.find(b"\r\n\r\n")
        if end < 0:
            return
        head = buffer[:end]
        length = _LENGTH.search(head)
        body = buffer[end + 4 :]
        if length is not None and len(body) >= int(length[1]):
            if head.startswith(b"HTTP/1.0") or b"connection: close" in head.lower():
                self.close()
            self._take(head, body)

    def connection_lost(self, exc: Exception | None) -> None:
        """The other side has hung up; an answer without a length ends here."""
        self._transport = None
        head, _, body = self._buffer.partition(b"\r\n\r\n")
        self._take(head, body)

    def close(self) -> None:
        """Hang up, and hear no more of it."""
        if self._transport is not None:
            self._transport.set_protocol(asyncio.Protocol())
            self._transport.close()
            self._transport = None

    async def _call(self, callback: Callback) -> None:
        try:
            await asyncio.get_running_loop().create_connection(lambda: self, "127.0.0.1", self._port)
        except OSError:
            self._take(b"", b"")
            return
        if self._transport is not None:
            self._transport.write(callback.wire)

    def _take(self, head: bytes, body: bytes) -> None:
        self._buffer = b""
        asked, self._asked = self._asked, None
        if asked is not None:
            self._answered(self, *asked, head, body)


class Load:
    """Connections that ask: each at once again (closed loop), or so many a second come what may (open)."""

    def __init__(
        self,
        ports: Sequence[int],
        callbacks: Iterator[Callback],
        connections: int,
        rate: float = 0.0,
    ) -> None:
        self.heard = Heard()
        self._callbacks, self._rate = callbacks, rate
        self._idle = deque(Connection(ports[n % len(ports)], self._answered) for n in range(connections))
        self._connections = list(self._idle)
        self._due: deque[tuple[Callback, float]] = deque()
        self._until = 0.0
        self._in_flight = 0
        self._quiet = asyncio.Event()

    async def run(self, seconds: float) -> Heard:
        """Ask for so long, wait for the last answers, and tell what was heard."""
        began = time.perf_counter()
        self._until = began + seconds
        if self._rate:
            await self._schedule(began)
        else:
            while self._idle:
                self._ask_again(self._idle.popleft())
        await self._wait_for_the_last()
        self.heard.seconds = time.perf_counter() - began
        for connection in self._connections:
            connection.close()
        return self.heard

    async def _schedule(self, began: float) -> None:
        asked = 0
        while (now := time.perf_counter()) < self._until:
            while (at := began + asked / self._rate) <= now:
                self._due.append((next(self._callbacks), at))
                asked += 1
            while self._due and self._idle:
                self._ask(self._idle.popleft(), *self._due.popleft())
            await asyncio.sleep(0.001)

    async def _wait_for_the_last(self) -> None:
        self._quiet.clear()
        if self._in_flight or self._due:
            try:
                await asyncio.wait_for(self._quiet.wait(), self._until - time.perf_counter() + LATE_SECONDS)
            except TimeoutError:
                self.heard.lost += self._in_flight + len(self._due)

    def _ask(self, connection: Connection, callback: Callback, since: float) -> None:
        self._in_flight += 1
        connection.ask(callback, since)

    def _ask_again(self, connection: Connection) -> None:
        if self._due:
            self._ask(connection, *self._due.popleft())
        elif self._rate or time.perf_counter() >= self._until:
            self._idle.append(connection)
            if not self._in_flight:
                self._quiet.set()
        else:
            self._ask(connection, next(self._callbacks), time.perf_counter())

    def _answered(
        self, connection: Connection, callback: Callback, since: float, head: bytes, body: bytes
    ) -> None:
        heard = self.heard
        self._in_flight -= 1
        if head:
            heard.latencies.append(time.perf_counter() - since)
        if head[9:12] == b"200":
            heard.acknowledged.append(callback.key)
            if callback.addressee not in body or not _SAYS.search(body):
                heard.wrong.append(f"to {callback.key}: {body[:300]!r}")
        elif head:
            heard.wrong.append(f"to {callback.key}: {head[:100]!r}")
        else:
            heard.lost += 1
        self._ask_again(connection)


def ask(
    ports: Sequence[int],
    callbacks: Iterator[Callback],
    *,
    connections: int,
    seconds: float,
    rate: float = 0.0,
) -> Heard:
    """Put the load on ports of this machine. Call it in a process that does nothing else meanwhile."""

    async def put() -> Heard:
        return await Load(ports, callbacks, connections, rate).run(seconds)

    gc.collect()
    gc.freeze()
    gc.disable()
    try:
        return uvloop.run(put())
    finally:
        gc.enable()
        gc.unfreeze()
