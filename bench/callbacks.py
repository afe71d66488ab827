"""WeChat's callbacks as bytes on the wire: signed, serialised, each with a MsgId of its own."""

from __future__ import annotations

import secrets
import time
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

from bench.questions import Questions
from bots.simulators.wechat.wire import sign, write_xml

TOKEN = "token-of-a-bench"
ACCOUNT = "gh_000000000000"
_FIRST_ID = 24_000_000_000_000_000  # as many digits as WeChat's own


@dataclass(frozen=True, slots=True)
class Callback:
    """One request, and what tells whether its answer is right."""

    key: str  # its MsgId
    wire: bytes
    addressee: bytes  # stands in an answer to the one who asked, and in no other


class Callbacks:
    """An endless stream of texts of `customers` in turn, so that nobody asks twice at a time."""

    def __init__(self, path: str, customers: int = 1000, seed: int = 1) -> None:
        self.customers = customers
        self._path = path
        self._texts = Questions(seed)
        self._made = 0
        self._ready: deque[Callback] = deque()

    def __iter__(self) -> Iterator[Callback]:
        return self

    def __next__(self) -> Callback:
        return self._ready.popleft() if self._ready else self._make()

    def prepare(self, number: int) -> None:
        """Make that many now, so that the load costs next to nothing later."""
        self._ready.extend(self._make() for _ in range(number - len(self._ready)))

    def _make(self) -> Callback:
        turn, customer = divmod(self._made, self.customers)
        openid, key = f"o{customer:027}", str(_FIRST_ID + self._made)
        text = self._texts.ask(may_be_unclear=(turn + customer) % 2 == 0)
        self._made += 1
        timestamp, nonce = str(int(time.time())), secrets.token_hex(5)
        signature = sign(TOKEN, timestamp, nonce)
        query = f"signature={signature}&timestamp={timestamp}&nonce={nonce}&openid={openid}"
        message = {
            "ToUserName": ACCOUNT,
            "FromUserName": openid,
            "CreateTime": int(timestamp),
            "MsgType": "text",
            "Content": text,
            "MsgId": int(key),
        }
        body = write_xml(message).encode()
        head = (
            f"POST {self._path}?{query} HTTP/1.1\r\nHost: shop\r\nContent-Type: text/xml\r\n"
            f"Content-Length: {len(body)}\r\n\r\n"
        )
        return Callback(key, head.encode() + body, f"<ToUserName><![CDATA[{openid}]]>".encode())
