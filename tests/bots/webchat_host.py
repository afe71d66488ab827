"""A house for the web chat under test: a real port, a bot that answers by script, a clock to turn."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Callable, Coroutine, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, TypeVar

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import BaseRoute, Route

import pages
from bots.webchat.channel import Webchat, WebchatSettings
from crm_store.messages import Address, Content, Incoming
from tests.bots.host import FakeHost

T = TypeVar("T")
Answer = Callable[[Incoming], Sequence[Content]]
LOCAL = "127.0.0.1"


def echo(incoming: Incoming) -> Sequence[Content]:
    """Answer a text with the same text."""
    return [Content(text=f"You said: {incoming.content.text}")]


class WebchatHost(FakeHost):
    """Records as the house does, each key once, and answers at once by `answer`."""

    def __init__(self, answer: Answer = echo) -> None:
        super().__init__(datetime.now(UTC))
        self.answer = answer
        self.recorded_event = threading.Event()
        self.typed: list[Address] = []
        self._keys: set[tuple[Address, str]] = set()

    async def record(self, incoming: Sequence[Incoming]) -> None:
        for one in incoming:
            if (one.address, one.key) in self._keys:
                continue
            self._keys.add((one.address, one.key))
            self.recorded.append(one)
            self.say(one.address, one.content, "customer", one.key)
            for content in self.answer(one):
                self.say(one.address, content)
        self.recorded_event.set()

    def typing(self, address: Address) -> None:
        self.typed.append(address)
        super().typing(address)

    def now(self) -> datetime:
        return self.time


class House:
    """One chat page on a real port, served from a thread; can be stopped and opened again there."""

    def __init__(self, host: WebchatHost | None = None, **settings: Any) -> None:
        self.host = host or WebchatHost()
        values = {"name": "site", "kind": "webchat", "title": "Tea House"} | settings
        self.channel = Webchat(WebchatSettings.model_validate(values), self.host)
        routes = [*self.channel.routes(), *pages.shared_routes(), Route("/media/{number:int}", self._media)]
        self._port = Port(routes)
        self.url = self._port.url

    @property
    def chat(self) -> str:
        """The address of the chat page."""
        return f"{self.url}/chat/site"

    def open(self) -> None:
        """Begin to serve."""
        self._port.open()

    def close(self) -> None:
        """Stop serving, as a crash would: all connections are cut."""
        self._port.close()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Do something in the server's event loop."""
        return self._port.run(work)

    def say(self, content: Content, sender: str = "bot") -> None:
        """Let the house write to the visitor who wrote first."""
        address = self.host.recorded[0].address

        async def say() -> None:
            self.host.say(address, content, sender)

        self.run(say())

    async def _media(self, request: Request) -> Response:
        data, content_type, _ = self.host.kept[request.path_params["number"] - 1]
        return Response(data, media_type=content_type)


class Port:
    """Some routes on a free local port, served from a thread."""

    def __init__(self, routes: Sequence[BaseRoute]) -> None:
        self._app = Starlette(routes=list(routes))
        self._socket = _listen(0)
        self._number = self._socket.getsockname()[1]
        self.url = f"http://{LOCAL}:{self._number}"

    def open(self) -> None:
        """Begin to serve; returns when the port answers."""
        if self._socket.fileno() < 0:
            self._socket = _listen(self._number)
        config = uvicorn.Config(
            self._app, log_level="critical", lifespan="off", timeout_graceful_shutdown=1
        )
        self._server = _Server(config)
        self._thread = threading.Thread(target=self._server.run, args=([self._socket],))
        self._thread.start()
        assert self._server.ready.wait(10), "the server did not start"

    def close(self) -> None:
        """Stop serving and cut all connections."""
        self._server.should_exit = True
        self._thread.join(10)
        self._socket.close()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Do something in the server's event loop."""
        return asyncio.run_coroutine_threadsafe(work, self._server.loop).result(10)


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.ready = threading.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.loop = asyncio.get_running_loop()
        self.ready.set()


def _listen(number: int) -> socket.socket:
    listening = socket.socket()
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listening.bind((LOCAL, number))
    return listening


@contextmanager
def open_house(host: WebchatHost | None = None, **settings: Any) -> Iterator[House]:
    """A house that serves until the block ends."""
    house = House(host, **settings)
    house.open()
    try:
        yield house
    finally:
        house.close()


class Shop:
    """A shop's own page on an origin of its own; `html` may be set at any time."""

    def __init__(self) -> None:
        self.html = ""
        self.port = Port([Route("/", self._page)])
        self.url = self.port.url

    async def _page(self, request: Request) -> Response:
        return HTMLResponse(self.html)


@contextmanager
def open_shop() -> Iterator[Shop]:
    """A shop that serves until the block ends."""
    shop = Shop()
    shop.port.open()
    try:
        yield shop
    finally:
        shop.port.close()
