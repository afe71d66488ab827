"""A shop with an official account under test: its webhook on a real port, the platform on another."""

from __future__ import annotations

import socket
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import aiohttp
import uvicorn
from aiohttp import web
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from bots.simulators.clock import Clock
from bots.simulators.wechat import WeChatSimulator, build
from bots.simulators.wechat.account import Account
from bots.simulators.wechat.wire import Envelope, read_json, read_xml, sign, write_json, write_xml

START = datetime(2026, 11, 21, 4, 0, tzinfo=UTC)  # noon in Shanghai
KEY = "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG"
OTHER_KEY = "ABCDEFGabcdefghijklmnopqrstuvwxyz0123456789"
LI, WANG = "oLiMing00000000000000000000x", "oWangFang0000000000000000000"


@dataclass(slots=True)
class Received:
    """One request at the webhook."""

    query: Mapping[str, str]
    body: bytes
    content_type: str

    def fields(self) -> dict[str, Any]:
        """The body as it came, XML or JSON."""
        return (
            read_json(self.body)
            if self.content_type.startswith("application/json")
            else read_xml(self.body)
        )


Answer = Callable[[Received], Awaitable[web.Response | bytes]]


async def silent(received: Received) -> bytes:
    """Answer every push with `success`."""
    return b"success"


@dataclass
class Shop:
    """The shop's side: what its webhook got, what it answers, and calls to the platform."""

    token: str
    answer: Answer = silent
    challenge: Callable[[str], web.Response] = lambda echo: web.Response(text=echo)
    received: list[Received] = field(default_factory=list)
    greetings: list[Mapping[str, str]] = field(default_factory=list)
    simulator: WeChatSimulator = field(init=False)
    http: aiohttp.ClientSession = field(init=False)
    address: str = ""
    access_token: str = ""

    async def webhook(self, request: web.Request) -> web.Response:
        if request.method == "GET":
            self.greetings.append(dict(request.query))
            return self.challenge(request.query["echostr"])
        received = Received(dict(request.query), await request.read(), request.content_type)
        self.received.append(received)
        answer = await self.answer(received)
        return answer if isinstance(answer, web.Response) else web.Response(body=answer)

    def opened(self, number: int = -1) -> dict[str, Any]:
        """The message of a push, decrypted where it is encrypted."""
        fields = self.received[number].fields()
        if "Encrypt" not in fields:
            return fields
        account = self.simulator.account
        plain = Envelope(account.aes_key, account.app_id).open(fields["Encrypt"]).encode()
        return read_json(plain) if account.format == "json" else read_xml(plain)

    def replies(self, **changes: Any) -> None:
        """Answer every push with a text reply; `changes` override its fields."""

        async def answer(received: Received) -> bytes:
            return self.reply(**changes)

        self.answer = answer

    def reply(self, **changes: Any) -> bytes:
        """A right passive reply to the last push, with some fields changed or (None) left out."""
        push = self.opened()
        fields = {
            "ToUserName": push["FromUserName"],
            "FromUserName": push["ToUserName"],
            "CreateTime": 1_700_000_000,
            "MsgType": "text",
            "Content": "您好！",
        } | changes
        return self.write({name: value for name, value in fields.items() if value is not None})

    def write(self, fields: Mapping[str, Any]) -> bytes:
        """A body as the account's format has it."""
        write = write_json if self.simulator.account.format == "json" else write_xml
        return write(fields).encode()

    def sealed(self, body: bytes, key: str = KEY, **changes: Any) -> bytes:
        """The body in an encrypted, signed reply, with some of its fields changed."""
        account = self.simulator.account
        sealed = Envelope(key, account.app_id).seal(body.decode())
        fields = {
            "Encrypt": sealed,
            "MsgSignature": sign(account.token, "1700000000", "42", sealed),
            "TimeStamp": 1_700_000_000,
            "Nonce": "42",
        }
        return self.write(fields | changes)

    def advance(self, seconds: float) -> None:
        """Move the clock; the calls that follow fetch a token of their own."""
        self.simulator.clock.advance(seconds)
        self.access_token = ""

    async def get(self, path: str, **query: str) -> Any:
        """Call an interface by GET; the access token comes along unless another is given."""
        return await self._call("GET", path, query)

    async def post(self, path: str, body: Any, **query: str) -> Any:
        """Call an interface by POST with a JSON body (or raw bytes)."""
        data = body if isinstance(body, bytes | aiohttp.FormData) else write_json(body).encode()
        return await self._call("POST", path, query, data=data)

    async def _call(self, method: str, path: str, query: dict[str, str], **more: Any) -> Any:
        if path not in ("/cgi-bin/token", "/cgi-bin/stable_token"):
            query = {"access_token": self.access_token or await self.fetch_token()} | query
        async with self.http.request(method, self.address + path, params=query, **more) as response:
            assert response.status == 200
            return await (response.json() if "json" in response.content_type else response.read())

    async def fetch_token(self) -> str:
        """A stable token, kept for the calls that follow."""
        self.access_token = (await self.stable_token())["access_token"]
        return self.access_token

    async def stable_token(self, **changes: Any) -> Any:
        account = self.simulator.account
        body = {"grant_type": "client_credential", "appid": account.app_id, "secret": account.secret}
        return await self.post("/cgi-bin/stable_token", body | changes)

    async def write_to(self, openid: str, text: str = "您好") -> int:
        """Send a customer-service text; the errcode that comes back."""
        body = {"touser": openid, "msgtype": "text", "text": {"content": text}}
        return int((await self.post("/cgi-bin/message/custom/send", body))["errcode"])

    def seen(self, openid: str) -> list[str]:
        """The texts on a customer's screen that are not their own."""
        return [seen.text for seen in self.simulator.screen(openid) if seen.by != "customer"]


@asynccontextmanager
async def serve(app: Any) -> AsyncIterator[str]:
    """An ASGI application on a free local port; the address."""
    config = uvicorn.Config(app, port=0, log_level="warning", timeout_graceful_shutdown=1)
    config.load()
    server = uvicorn.Server(config)
    server.lifespan = config.lifespan_class(config)
    # Named TCP, so that small answers are sent at once.
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listening.bind(("127.0.0.1", 0))
    await server.startup([listening])
    try:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    finally:
        # As `server.shutdown` does, without its wait of a tenth of a second.
        for each in server.servers:
            each.close()
        for connection in list(server.server_state.connections):
            connection.shutdown()
        await server.lifespan.shutdown()
        listening.close()


class _Server(uvicorn.Server):
    """Tells when it has started."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.up = threading.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.up.set()


@contextmanager
def open_site(**options: Any) -> Iterator[str]:
    """The simulator as the command builds it, with its webhook beside it, in a thread; its address.

    The webhook answers a text with itself and two choices.
    """
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP) as listening:
        listening.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{listening.getsockname()[1]}"
        given = {"app_id": "wx1", "secret": "s", "token": "t", "webhook": f"{address}/webhook"}
        app = build(given | options)
        app.router.routes.insert(0, Route("/webhook", _echo, methods=["GET", "POST"]))
        server = _Server(uvicorn.Config(app, log_level="warning", timeout_graceful_shutdown=1))
        thread = threading.Thread(target=server.run, args=([listening],))
        thread.start()
        assert server.up.wait(10)
        try:
            yield address
        finally:
            server.should_exit = True
            thread.join()


CHOICE = '<a href="weixin://bizmsgmenu?msgmenucontent={0}&msgmenuid={1}">{0}</a>'


async def _echo(request: Request) -> Response:
    if request.method == "GET":
        return Response(request.query_params["echostr"])
    push = read_xml(await request.body())
    if push["MsgType"] != "text" and push.get("Event") != "CLICK":
        return Response("success")
    words = push.get("Content") or push["EventKey"]
    reply = {
        "ToUserName": push["FromUserName"],
        "FromUserName": push["ToUserName"],
        "CreateTime": 1,
        "MsgType": "text",
        "Content": f"收到：{words}\n{CHOICE.format('地址', 1)} {CHOICE.format('电话', 2)}",
    }
    return Response(write_xml(reply), media_type="text/xml")


@asynccontextmanager
async def open_shop(**settings: Any) -> AsyncIterator[Shop]:
    """A shop and its account, the clock standing at noon in Shanghai until it is moved."""
    shop = Shop("fresh-tea")
    webhook = web.Application()
    webhook.router.add_route("*", "/webhooks/shop", shop.webhook)
    runner = web.AppRunner(webhook)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    chosen: dict[str, Any] = {
        "webhook": f"http://127.0.0.1:{port}/webhooks/shop",
        "app_id": "wx5823bf96d3bd56c7",
        "secret": "a-secret",
        "token": shop.token,
        "deadline": 2.0,
        "slow": 0.05,
        "hang": 0.3,
    }
    account = Account(**chosen | settings)
    async with aiohttp.ClientSession() as http:
        shop.http = http
        shop.simulator = WeChatSimulator(account, Clock(START), http)
        async with serve(shop.simulator.app) as shop.address:
            yield shop
            await http.close()
    await runner.cleanup()
