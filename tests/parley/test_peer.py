"""Whoever makes a request: its body in whatever pieces it comes, and whether it is still there."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any
from urllib.parse import parse_qsl

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.types import Message

from bots.base import Rejected
from parley import peer as peers
from parley.peer import LARGEST_BODY, Peer, read_query

GONE: Message = {"type": "http.disconnect"}


class Line:
    """What a server hands over: what is there at once, the rest when it comes."""

    def __init__(self, *events: Message) -> None:
        self.coming: asyncio.Queue[Message] = asyncio.Queue()
        for event in events:
            self.coming.put_nowait(event)

    async def receive(self) -> Message:
        """As in ASGI."""
        return await self.coming.get()


def part(body: bytes, *, more: bool = False) -> Message:
    return {"type": "http.request", "body": body, "more_body": more}


def run(work: Coroutine[Any, Any, Any]) -> Any:
    return asyncio.run(work)


async def body_of(*events: Message, length: str = "0") -> bytes:
    return await Peer(Line(*events).receive).read_body({"content-length": length})


def test_a_body_is_read_whole_in_however_many_pieces_it_is_there() -> None:
    assert run(body_of(part(b"hello"))) == b"hello"
    assert run(body_of(part(b"he", more=True), part(b"l", more=True), part(b"lo"))) == b"hello"
    assert run(body_of(part(b""))) == b""


def test_a_body_that_comes_later_is_waited_for_and_nothing_of_it_is_lost() -> None:
    async def main() -> bytes:
        line = Line()
        reading = asyncio.create_task(Peer(line.receive).read_body({}))
        for piece in (part(b"he", more=True), part(b"llo")):
            await asyncio.sleep(0.01)
            line.coming.put_nowait(piece)
        return await reading

    assert run(main()) == b"hello"


def test_a_body_that_is_too_large_too_slow_or_broken_off_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    half = b"x" * (LARGEST_BODY // 2 + 1)
    monkeypatch.setattr(peers, "BODY_SECONDS", 0.02)
    for events, length, status in (
        ((), str(LARGEST_BODY + 1), 413),
        ((part(half + half),), "0", 413),
        ((part(half, more=True), part(half)), "0", 413),
        ((part(b"he", more=True), GONE), "0", 400),
        ((GONE,), "0", 400),
        ((part(b"he", more=True),), "0", 408),
        ((), "0", 408),
    ):
        with pytest.raises(Rejected) as caught:
            run(body_of(*events, length=length))
        assert caught.value.status == status


def test_it_is_noticed_that_the_other_end_has_hung_up() -> None:
    async def main() -> None:
        line = Line(part(b"hello"))
        peer = Peer(line.receive)
        await peer.read_body({})
        assert not peer.has_left()
        await peer.leaves(0.01)
        assert not peer.has_left()
        line.coming.put_nowait(GONE)
        await peer.leaves(5)
        assert peer.has_left()
        peer.close()
        other = Line(part(b"hello"), GONE)
        peer = Peer(other.receive)
        await peer.read_body({})
        assert peer.has_left()

    run(main())


@given(st.one_of(st.text("ab=&%+1é", max_size=20), st.text(max_size=20)))
def test_a_query_is_read_as_the_standard_library_reads_it(text: str) -> None:
    query = text.encode("utf-8", "replace")
    assert read_query(query) == dict(parse_qsl(query.decode("latin-1"), keep_blank_values=True))
