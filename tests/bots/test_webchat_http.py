from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from typing import Any
from urllib.parse import quote

import pytest
from PIL import Image

from bots.base import Line
from crm_store.messages import Address, Content, Media
from tests.bots.webchat_host import House, WebchatHost, open_house
from tests.bots.webchat_wire import open_wire, request


@pytest.fixture
def house() -> Iterator[House]:
    with open_house(image_max_mb=1) as opened:
        yield opened


@pytest.fixture
def bearer(house: House) -> str:
    return f"Bearer {request(house, 'GET', '/messages?wait=0')[1]['token']}"


def picture(kind: str, size: tuple[int, int] = (40, 30)) -> bytes:
    data = BytesIO()
    Image.new("RGB", size, "teal").save(data, kind)
    return data.getvalue()


def post(house: House, bearer: str, **frame: Any) -> tuple[int, dict[str, Any]]:
    status, answer, _ = request(
        house, "POST", "/messages?language=en", json.dumps(frame).encode(), Authorization=bearer
    )
    return status, answer


def test_without_a_socket_messages_go_and_lines_come(house: House, bearer: str) -> None:
    assert post(house, bearer, type="message", id="m1", text="你好") == (200, {"type": "kept", "id": "m1"})
    status, answer, headers = request(house, "GET", "/messages?after=0", Authorization=bearer)
    assert status == 200
    assert headers["cache-control"] == "no-store"
    assert [line["content"]["text"] for line in answer["lines"]] == ["你好", "You said: 你好"]
    assert f"Bearer {answer['token']}" == bearer
    assert answer["new"] is False


class _WatchedHost(WebchatHost):
    """Tells when the history has been asked for."""

    def __init__(self) -> None:
        super().__init__()
        self.asked = threading.Event()

    async def history(self, address: Address, after: int = 0, limit: int = 50) -> list[Line]:
        self.asked.set()
        return await super().history(address, after, limit)


def test_a_poll_waits_for_the_next_line() -> None:
    host = _WatchedHost()
    with open_house(host) as house, ThreadPoolExecutor() as pool:
        bearer = f"Bearer {request(house, 'GET', '/messages?wait=0')[1]['token']}"
        post(house, bearer, type="message", id="m1", text="hello")
        last = request(house, "GET", "/messages", Authorization=bearer)[1]["lines"][-1]["seq"]
        host.asked.clear()
        asking = pool.submit(request, house, "GET", f"/messages?after={last}", Authorization=bearer)
        assert host.asked.wait(5)
        house.say(Content(text="later"))
        assert [line["content"]["text"] for line in asking.result(10)[1]["lines"]] == ["later"]


@pytest.mark.parametrize("after", ["-1", "x", "９", "1e3", "9" * 17, "9007199254740992"])
def test_a_poll_behind_nonsense_is_refused(house: House, after: str) -> None:
    assert request(house, "GET", f"/messages?after={quote(after)}")[0] == 400


@pytest.mark.parametrize("path", ["/messages", "/media"])
def test_a_post_without_a_valid_token_or_from_elsewhere_is_refused(
    house: House, bearer: str, path: str
) -> None:
    body = b'{"type":"message","id":"m1","text":"x"}'
    assert request(house, "POST", path, body)[0] == 401
    assert request(house, "POST", path, body, Authorization="Bearer v1.e30.forged")[0] == 401
    assert request(house, "POST", path, body, Authorization=bearer, Origin="https://evil.example")[0] == 403
    assert request(house, "GET", "/messages", Authorization=bearer, Origin="https://evil.example")[0] == 403
    assert house.host.recorded == []
    assert house.host.kept == []


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"{", 400),
        (b"[" * 16_000, 400),
        (b"\xff\xfe", 400),
        (b"null", 400),
        (b'{"type":"hello"}', 400),
        (b'{"type":"message","id":"m1","text":[]}', 400),
        (b'{"type":"message","id":"m1","text":"' + b"x" * 4_001 + b'"}', 413),
        (b'{"type":"message","id":"m1","text":"' + b"x" * 20_000 + b'"}', 413),
    ],
)
def test_a_broken_post_is_refused_and_leaves_no_row(
    house: House, bearer: str, body: bytes, status: int
) -> None:
    assert request(house, "POST", "/messages", body, Authorization=bearer)[0] == status
    assert house.host.recorded == []


def test_too_many_posts_are_told_when_to_come_back(house: House, bearer: str) -> None:
    for number in range(20):
        assert post(house, bearer, type="message", id=f"m{number}", text="x")[0] == 200
    body = b'{"type":"message","id":"m20","text":"x"}'
    status, answer, headers = request(house, "POST", "/messages", body, Authorization=bearer)
    assert (status, answer["why"], headers["retry-after"]) == (429, "rate", "11")


@pytest.mark.parametrize(
    ("kind", "content_type"),
    [("PNG", "image/png"), ("JPEG", "image/jpeg"), ("GIF", "image/gif"), ("WEBP", "image/webp")],
)
def test_a_picture_is_known_by_its_bytes_and_sent_by_its_ticket(
    house: House, bearer: str, kind: str, content_type: str
) -> None:
    data = picture(kind)
    status, answer, _ = request(
        house, "POST", "/media", data, Authorization=bearer, Content_Type="text/html"
    )
    assert status == 201
    assert house.host.kept == [(data, content_type, f"picture.{content_type[6:]}")]
    assert post(house, bearer, type="image", id="m1", ticket=answer["ticket"])[0] == 200
    media = Media("/media/1", content_type=content_type, size=len(data))
    assert house.host.recorded[0].content == Content("image", media=media)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>",
        b"<!doctype html><script>alert(1)</script>",
        b"\x89PNG\r\n\x1a\n",
        picture("PNG")[:60],
        picture("BMP"),
        picture("TIFF"),
        b"%PDF-1.7\n",
        picture("PNG", (8_000, 6_000)),
    ],
    ids=["nothing", "svg", "html", "only a signature", "cut off", "bmp", "tiff", "pdf", "bomb"],
)
def test_what_is_no_picture_is_not_kept(house: House, bearer: str, data: bytes) -> None:
    status, answer, _ = request(
        house, "POST", "/media", data, Authorization=bearer, Content_Type="image/png"
    )
    assert (status, answer["why"]) == (415, "type")
    assert house.host.kept == []


def test_a_picture_beyond_the_limit_is_not_kept(house: House, bearer: str) -> None:
    data = picture("PNG") + b"\x00" * 1024 * 1024
    status, answer, _ = request(house, "POST", "/media", data, Authorization=bearer)
    assert (status, answer["why"]) == (413, "too_long")
    assert house.host.kept == []


def test_a_ticket_is_worth_nothing_to_another_visitor(house: House, bearer: str) -> None:
    ticket = request(house, "POST", "/media", picture("PNG"), Authorization=bearer)[1]["ticket"]
    with open_wire(house) as wire:
        wire.hello()
        wire.say(type="image", id="m1", ticket=ticket)
        assert wire.hear() == {"type": "refused", "why": "image", "id": "m1"}
        wire.say(type="image", id="m2", ticket=wire.token)
        assert wire.hear()["why"] == "image"
    assert house.host.recorded == []
