"""Whoever made a request: its body, and whether it is still there."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from starlette.types import Message, Receive

from bots.base import Rejected

LARGEST_BODY = 256 * 1024  # bytes; the largest update of any platform is a tenth of it
BODY_SECONDS = 10.0


class Peer:
    """The other end of one HTTP request."""

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._leaving: asyncio.Task[Message] | None = None

    async def read_body(self, headers: Mapping[str, str]) -> bytes:
        """The body; Rejected if it is too large, too slow or broken off."""
        length = headers.get("content-length", "0")
        if length.isdecimal() and int(length[:18]) > LARGEST_BODY:
            raise Rejected("the body is too large", 413)
        parts, size = [], 0
        try:
            async with asyncio.timeout(BODY_SECONDS):
                while True:
                    event = await self._receive()
                    if event["type"] == "http.disconnect":
                        raise Rejected("the sender went away", 400)
                    parts.append(event.get("body", b""))
                    size += len(parts[-1])
                    if size > LARGEST_BODY:
                        raise Rejected("the body is too large", 413)
                    if not event.get("more_body"):
                        return b"".join(parts)
        except TimeoutError:
            raise Rejected("the body came too slowly", 408) from None

    def watch(self) -> None:
        """Notice from now on when the other end hangs up."""
        if self._leaving is None:
            self._leaving = asyncio.ensure_future(self._receive())

    async def leaves(self, seconds: float) -> None:
        """Return when the other end has hung up, or when the time is over."""
        self.watch()
        assert self._leaving
        await asyncio.wait([self._leaving], timeout=seconds)

    async def has_left(self) -> bool:
        """Whether the other end has hung up; only for one that is watched."""
        if self._leaving is None:
            return False
        await asyncio.sleep(0)  # Let what has arrived meanwhile be seen.
        return self._leaving.done()

    def close(self) -> None:
        """Watch no more."""
        if self._leaving is not None:
            self._leaving.cancel()
