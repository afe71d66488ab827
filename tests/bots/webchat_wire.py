"""A chat page's side of the wire, without a browser: frames over a socket, plain requests."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any
from urllib.parse import urlsplit

from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Origin

from tests.bots.webchat_host import House

Frame = dict[str, Any]


class Wire:
    """An open socket."""

    def __init__(self, connection: ClientConnection) -> None:
        self.connection = connection
        self.token = ""
        self._unheard: list[Frame] = []

    def say(self, **frame: Any) -> None:
        """Send one frame."""
        self.connection.send(json.dumps(frame))

    def hear(self, *types: str) -> Frame:
        """The next frame that was not heard yet, or the next of one of these types."""
        for index, unheard in enumerate(self._unheard):
            if not types or unheard["type"] in types:
                return self._unheard.pop(index)
        while True:
            frame: Frame = json.loads(self.connection.recv(timeout=30))
            if not types or frame["type"] in types:
                return frame
            self._unheard.append(frame)

    def hear_lines(self, count: int) -> list[Frame]:
        """The next `count` lines."""
        return [self.hear("line") for _ in range(count)]

    def hello(self, token: str = "", after: int = 0, language: str = "en") -> list[Frame]:
        """Introduce the page; returns the lines that it has missed."""
        self.say(type="hello", token=token, after=after, language=language)
        self.token = self.hear("welcome")["token"]
        lines = []
        while (frame := self.hear("line", "ready"))["type"] == "line":
            lines.append(frame)
        return lines

    def close_code(self) -> int:
        """The code with which the house closes."""
        with suppress(ConnectionClosed):
            while True:
                self.connection.recv(timeout=30)
        return self.connection.close_code or 0


@contextmanager
def open_wire(house: House, origin: str | None = "") -> Iterator[Wire]:
    """A socket to the house; by default from its own page, `None` names no origin."""
    url = house.chat.replace("http", "ws", 1) + "/socket"
    named = house.url if origin == "" else origin
    with connect(url, origin=Origin(named) if named else None, proxy=None) as connection:
        yield Wire(connection)


def request(
    house: House, method: str, path: str, body: bytes = b"", **headers: str
) -> tuple[int, Frame, http.client.HTTPMessage]:
    """A request to `/chat/site{path}`: status, JSON, headers. Header names with _ for -."""
    connection = http.client.HTTPConnection(urlsplit(house.url).netloc, timeout=10)
    try:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        connection.request(method, f"/chat/site{path}", body or None, {"Origin": house.url} | named)
        response = connection.getresponse()
        text = response.read()
        is_json = response.getheader("content-type") == "application/json"
        return response.status, json.loads(text) if is_json else {"text": text.decode()}, response.headers
    finally:
        connection.close()
