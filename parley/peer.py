"""Whoever made a request: its query, its body, and whether it is still there."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Mapping
from typing import cast
from urllib.parse import parse_qsl

from starlette.types import Message, Receive

from bots.base import Rejected

LARGEST_BODY = 256 * 1024  # bytes; the largest update of any platform is a tenth of it
BODY_SECONDS = 10.0


def read_query(query: bytes) -> dict[str, str]:
    """The fields of a query string; of those with the same name the last one."""
    text = query.decode("latin-1")
    if "%" in text or "+" in text:
        return dict(parse_qsl(text, keep_blank_values=True))
    # As nearly always, with nothing to decode: the reader of all cases takes ten times as long.
    pairs = (pair.partition("=") for pair in text.split("&") if pair)
    return {name: value for name, _, value in pairs}


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
        body = bytearray()
        event = _at_once(self._receive())  # Mostly it came with the request's head.
        if event is not None and not _add(body, event):
            return bytes(body)
        try:
            async with asyncio.timeout(BODY_SECONDS):
                while _add(body, await self._receive()):
                    pass
        except TimeoutError:
            raise Rejected("the body came too slowly", 408) from None
        return bytes(body)

    async def leaves(self, seconds: float) -> None:
        """Return when the other end has hung up, or when the time is over."""
        if self._leaving is None:
            self._leaving = asyncio.ensure_future(self._receive())
        await asyncio.wait([self._leaving], timeout=seconds)

    def has_left(self) -> bool:
        """Whether the other end has hung up; asked when its body is read."""
        if self._leaving is None:
            return _at_once(self._receive()) is not None
        return self._leaving.done()

    def close(self) -> None:
        """Watch no more."""
        if self._leaving is not None:
            self._leaving.cancel()


def _at_once(receiving: Awaitable[Message]) -> Message | None:
    """What the server has to say already, without a task for the question; None: it would have to wait."""
    step = receiving.__await__()
    try:
        next(step)
    except StopIteration as said:
        return cast(Message, said.value)
    step.close()
    return None


def _add(body: bytearray, event: Message) -> bool:
    """Add a piece of a body; whether more of it follows."""
    if event["type"] == "http.disconnect":
        raise Rejected("the sender went away", 400)
    body += event.get("body", b"")
    if len(body) > LARGEST_BODY:
        raise Rejected("the body is too large", 413)
    return bool(event.get("more_body"))
