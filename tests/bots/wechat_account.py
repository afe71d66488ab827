"""An official account for tests: its secrets, and requests signed as WeChat signs them."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bots.base import Host
from bots.simulators.wechat.wire import Envelope, sign
from bots.wechat import Wechat
from bots.wechat.read import Pushed
from tests.bots.host import FakeHost

PAYLOADS = Path(__file__).parent / "wechat"
APP_ID, SECRET, TOKEN = "wx5e1f0a9b7c3d2e14", "0f1e2d3c4b5a69788796a5b4c3d2e1f0", "weather-vane"
AES_KEY = "cGFybGV5LWZvci10ZXN0cy1hZXMta2V5LTMyYnl0ZXM"
OLD_KEY = "YW4tb2xkZXIta2V5LW9mLXRoaXJ0eS10d28tYnl0ZXM"
OPENID, ACCOUNT = "oPc9k6b7RzWq2LmYtUx41sVnHd3E", "gh_5a1e0f2b7c93"

_nonces = itertools.count(100_000)


def open_account(host: Host | None = None, **settings: Any) -> Wechat:
    """The channel of the account."""
    keys = {"name": "shop", "kind": "wechat", "app_id": APP_ID, "app_secret": SECRET, "token": TOKEN}
    return Wechat(Wechat.Settings(**(keys | settings)), host or FakeHost())


def signed(channel: Wechat, *, late: int = 0, **more: str) -> dict[str, str]:
    """The query of a plain request that WeChat sent `late` seconds ago."""
    timestamp = str(int(channel.host.now().timestamp()) - late)
    nonce = str(next(_nonces))
    return {
        "signature": sign(TOKEN, timestamp, nonce),
        "timestamp": timestamp,
        "nonce": nonce,
        "openid": OPENID,
        **more,
    }


def sealed(
    channel: Wechat, body: bytes, key: str = AES_KEY, *, app_id: str = APP_ID, plain: bytes = b""
) -> tuple[dict[str, str], bytes]:
    """Query and body of an encrypted push; `plain` are the fields beside it in compatible mode."""
    text = Envelope(key, app_id).seal(body.decode())
    query = signed(channel, encrypt_type="aes")
    query["msg_signature"] = sign(TOKEN, query["timestamp"], query["nonce"], text)
    if body.startswith(b"{"):
        return query, f'{{"ToUserName": "{ACCOUNT}", "Encrypt": "{text}"}}'.encode()
    envelope = f"<xml>{plain.decode()}<Encrypt><![CDATA[{text}]]></Encrypt></xml>"
    return query, envelope.encode()


def payload(name: str) -> bytes:
    """A recorded push."""
    return (PAYLOADS / name).read_bytes()


def receive(channel: Wechat, query: Mapping[str, str], body: bytes) -> Pushed:
    """What the channel makes of a push."""
    (incoming,) = asyncio.run(channel.receive({}, query, body))
    assert isinstance(incoming, Pushed)
    return incoming


def text_push(text: str = "你好", message: str = "24810733019552200") -> bytes:
    """A plain text message in XML."""
    return (
        f"<xml><ToUserName>{ACCOUNT}</ToUserName><FromUserName>{OPENID}</FromUserName>"
        f"<CreateTime>1772424000</CreateTime><MsgType>text</MsgType>"
        f"<Content><![CDATA[{text}]]></Content><MsgId>{message}</MsgId></xml>"
    ).encode()
