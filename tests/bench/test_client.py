"""The load knows a right answer from a wrong one, and a lost message from a slow one."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable

import pytest

from bench.callbacks import Callbacks
from bench.client import Heard, Load

Answer = Callable[[bytes], list[bytes]]


def _xml(openid: str, text: str = "from nine") -> bytes:
    to, content = f"<![CDATA[{openid}]]>", f"<![CDATA[{text}]]>"
    return f"<xml><ToUserName>{to}</ToUserName><Content>{content}</Content></xml>".encode()


def _http(body: bytes, status: str = "200 OK", version: str = "1.1") -> bytes:
    return f"HTTP/{version} {status}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body


def _asked_by(request: bytes) -> str:
    found = re.search(rb"<FromUserName><!\[CDATA\[(.*?)\]\]>", request)
    assert found
    return found[1].decode()


def _right(request: bytes) -> list[bytes]:
    return [_http(_xml(_asked_by(request)))]


async def _load(answer: Answer, *, rate: float = 0.0, hang_up: bool = False) -> Heard:
    """A little load on a server that answers each request with these pieces."""

    served: list[asyncio.Task[None]] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while head := await _head(reader):
            length = re.search(rb"Content-Length: (\d+)", head)
            assert length
            for piece in answer(head + await reader.readexactly(int(length[1]))):
                writer.write(piece)
                await asyncio.sleep(0.001)
            if hang_up:
                break
        writer.close()
        await writer.wait_closed()

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        served.append(asyncio.create_task(serve(reader, writer)))

    server = await asyncio.start_server(accept, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    heard = await Load([port], Callbacks("/hook", 5), 2, rate).run(0.1)
    server.close()
    await asyncio.gather(*served)
    return heard


async def _head(reader: asyncio.StreamReader) -> bytes:
    """The next request's head; empty when the other side has hung up."""
    try:
        return await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError:
        return b""


def _run(answer: Answer, *, rate: float = 0.0, hang_up: bool = False) -> Heard:
    return asyncio.run(_load(answer, rate=rate, hang_up=hang_up))


def test_right_answers_are_counted_and_nothing_is_wrong() -> None:
    heard = _run(_right)
    assert len(heard.acknowledged) == len(set(heard.acknowledged)) == len(heard.latencies) > 2
    assert (heard.wrong, heard.lost) == ([], 0)
    assert 0 < heard.milliseconds(0.5) <= heard.milliseconds(0.99)


@pytest.mark.parametrize(
    "wrong",
    [
        pytest.param(lambda _: [_http(_xml("somebody else"))], id="to another user"),
        pytest.param(lambda _: [_http(b"success")], id="no text"),
        pytest.param(lambda request: [_http(_xml(_asked_by(request), ""))], id="an empty text"),
        pytest.param(lambda request: [_http(_xml(_asked_by(request)), "503 Away")], id="another status"),
    ],
)
def test_each_wrong_answer_is_told(wrong: Answer) -> None:
    heard = _run(wrong)
    assert len(heard.wrong) == len(heard.latencies) > 2


def test_what_is_answered_with_another_status_counts_as_acknowledged_by_nobody() -> None:
    assert _run(lambda request: [_http(_xml(_asked_by(request)), "503 Away")]).acknowledged == []


def test_an_answer_in_pieces_is_put_together() -> None:
    def in_pieces(request: bytes) -> list[bytes]:
        whole = _right(request)[0]
        return [whole[:10], whole[10:60], whole[60:]]

    heard = _run(in_pieces)
    assert len(heard.acknowledged) > 2
    assert (heard.wrong, heard.lost) == ([], 0)


def test_a_server_that_hangs_up_after_each_answer_is_called_again() -> None:
    heard = _run(lambda request: [_http(_xml(_asked_by(request)), version="1.0")], hang_up=True)
    assert len(heard.acknowledged) > 2
    assert (heard.wrong, heard.lost) == ([], 0)


def test_a_message_that_is_never_answered_is_lost() -> None:
    heard = _run(lambda _: [], hang_up=True)
    assert heard.lost > 0
    assert heard.acknowledged == []


def test_a_steady_stream_asks_as_often_as_it_was_told() -> None:
    heard = _run(_right, rate=200)
    assert len(heard.acknowledged) in range(18, 22)


def test_nobody_is_unclear_twice_in_a_row() -> None:
    asked = [callback.wire for _, callback in zip(range(400), Callbacks("/hook", 10), strict=False)]
    strange = re.compile(
        "<Content><!\\[CDATA\\[(?:[锂铀辙幂熵膛磷轧钯噪螯榫铆汞]+|[a-z ]*(?:mur|ves|pel|gra)[a-z ]*)\\]\\]>"
    )
    unclear = [bool(strange.search(wire.decode())) for wire in asked]
    assert sum(unclear) > 30
    assert not any(unclear[n] and unclear[n + 10] for n in range(390))
