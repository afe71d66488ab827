"""The limit: an ASGI function that reads a push, checks its signature, answers, and stores nothing."""

from __future__ import annotations

import hashlib
import hmac
import os
import time
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import parse_qsl

from defusedxml.ElementTree import fromstring

Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]

TOKEN = os.environ["BENCH_TOKEN"]
_ANSWER = (
    "<xml><ToUserName><![CDATA[{}]]></ToUserName><FromUserName><![CDATA[{}]]></FromUserName>"
    "<CreateTime>{}</CreateTime><MsgType><![CDATA[text]]></MsgType><Content><![CDATA[{}]]></Content></xml>"
)


async def app(scope: dict[str, Any], receive: Receive, send: Send) -> None:
    """One request."""
    if scope["type"] != "http":
        return
    body, more = b"", True
    while more:
        event = await receive()
        body, more = body + event.get("body", b""), event.get("more_body", False)
    query = dict(parse_qsl(scope["query_string"].decode()))
    parts = sorted((TOKEN, query["timestamp"], query["nonce"]))
    signature = hashlib.sha1("".join(parts).encode(), usedforsecurity=False).hexdigest()
    if not hmac.compare_digest(signature, query["signature"]):
        await _answer(send, 403, b"")
        return
    said = {element.tag: element.text or "" for element in fromstring(body)}
    text = _ANSWER.format(said["FromUserName"], said["ToUserName"], int(time.time()), said["Content"])
    await _answer(send, 200, text.encode())


async def _answer(send: Send, status: int, body: bytes) -> None:
    headers = [(b"content-type", b"application/xml"), (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
