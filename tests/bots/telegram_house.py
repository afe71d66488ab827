"""A local Telegram on a real port, and a channel that talks to it."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any, Self

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from bots.base import Host, Rejected
from bots.simulators.clock import Clock
from bots.simulators.telegram import telegram_simulator
from bots.simulators.telegram.platform import TelegramPlatform
from bots.telegram import Telegram
from crm_store.messages import Content, Sent
from tests.bots.host import FakeHost

TOKEN, SECRET = "700100:local-TOKEN_x", "weather-vane_7"
NOWHERE = "http://127.0.0.1:9"
CUSTOMER, GROUP = 5550101, -1002200330044
HELLO = Content(text="您好")
START = datetime(2026, 3, 2, 4, 0, tzinfo=UTC)


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.ready = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.ready.set()


@asynccontextmanager
async def served(app: Starlette) -> AsyncIterator[str]:
    """The application on a free port of this machine; yields its address."""
    listening = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(app, log_level="critical", timeout_graceful_shutdown=1, ws="none")
    server = _Server(config)
    serving = asyncio.create_task(server.serve([listening]))
    try:
        await server.ready.wait()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    finally:
        server.should_exit = True
        await serving
        listening.close()


@asynccontextmanager
async def local_telegram(clock: Clock | None = None) -> AsyncIterator[tuple[TelegramPlatform, str]]:
    """A platform whose clock stands still unless another is given, and its address."""
    app = telegram_simulator(TOKEN, clock or Clock(START))
    async with served(app) as url:
        yield app.state.platform, url


def open_bot(host: Host, url: str, **settings: Any) -> Telegram:
    """The channel of the bot."""
    keys = {"name": "shop", "kind": "telegram", "bot_token": TOKEN, "webhook_secret": SECRET}
    return Telegram(Telegram.Settings(**(keys | {"api_base_url": url} | settings)), host)


class Shop(FakeHost):
    """A house that tells when something has been recorded, and may lose its database for a while."""

    def __init__(self) -> None:
        super().__init__(START)
        self.broken = 0  # how many of the next records fail
        self._recorded = asyncio.Condition()

    async def record(self, incoming: Any) -> None:
        """Keep the messages, or fail."""
        async with self._recorded:
            self._recorded.notify_all()
            if self.broken:
                self.broken -= 1
                raise ConnectionError("the database is away")
            await super().record(incoming)

    async def until_recorded(self, count: int) -> None:
        """Wait for that many messages in all."""
        async with asyncio.timeout(10), self._recorded:
            await self._recorded.wait_for(lambda: len(self.recorded) >= count)


@asynccontextmanager
async def bot_and_customer(**settings: Any) -> AsyncIterator[tuple[Telegram, TelegramPlatform, Shop]]:
    """A channel on a local Telegram where one person has pressed Start."""
    async with Shop() as host, local_telegram() as (platform, url):
        platform.chats.join(CUSTOMER, first_name="小雨")
        yield open_bot(host, url, **settings), platform, host


async def send_to(channel: Telegram, content: Content = HELLO, chat: int | str = CUSTOMER) -> Sent:
    """Send something to a chat."""
    return await channel.send(channel.address(str(chat)), content)


def seen(platform: TelegramPlatform, chat: int = CUSTOMER) -> list[dict[str, Any]]:
    """What the bot has said in a chat."""
    found = platform.chats.find(chat)
    assert found
    return [message for message in found.messages if message["from"]["is_bot"]]


@asynccontextmanager
async def webhook_of(channel: Telegram, host: FakeHost) -> AsyncIterator[str]:
    """The channel's webhook on a port, as the house serves it; yields the house's address."""

    async def take(request: Request) -> Response:
        try:
            body = await request.body()
            incoming = await channel.receive(dict(request.headers), dict(request.query_params), body)
        except Rejected as rejected:
            return Response(status_code=rejected.status)
        await host.record(incoming)
        reply, _ = channel.answer({}, incoming, ())
        return Response(reply.body, reply.status, media_type=reply.media_type)

    async with served(Starlette(routes=[Route("/webhooks/shop", take, methods=["POST"])])) as url:
        yield url


class Aside:
    """A local Telegram served from a thread, for tests that drive a browser."""

    def __init__(self) -> None:
        self._ready = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()))

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._ready.wait(10), "the server did not start"
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._over.set)
        self._thread.join(10)

    async def _serve(self) -> None:
        self._loop, self._over = asyncio.get_running_loop(), asyncio.Event()
        async with local_telegram(Clock()) as (self.platform, self.url):
            self._ready.set()
            await self._over.wait()

    def call(self, method: str, **asked: Any) -> Any:
        """Call a method of the Bot API, as the bot."""
        work = self.platform.api.methods.call(method, asked)
        result = asyncio.run_coroutine_threadsafe(work, self._loop).result(10)
        self._loop.call_soon_threadsafe(self.platform.updates.changed.ring)
        return result
