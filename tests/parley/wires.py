"""Requests as the platforms make them, signed or forged, for the tests of the whole."""

from __future__ import annotations

import hashlib
import secrets
import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from bots.simulators.wechat.wire import Envelope, write_xml

TOKEN = "token-of-a-test"
AES_KEY = "QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVphYmNkZWY"
SAFE_APP = "wx00000000000000bb"
TELEGRAM_SECRET = {"x-telegram-bot-api-secret-token": "secret-of-a-test"}


def sign(*parts: str) -> str:
    """WeChat's signature."""
    return hashlib.sha1("".join(sorted(parts)).encode(), usedforsecurity=False).hexdigest()


def signed_query(token: str = TOKEN, at: float | None = None, **more: str) -> str:
    """The query of a plain push."""
    timestamp, nonce = str(int(at or time.time())), secrets.token_hex(5)
    query = {"signature": sign(token, timestamp, nonce), "timestamp": timestamp, "nonce": nonce}
    return urlencode(query | more)


def wechat_text(openid: str, text: str, message_id: int) -> dict[str, Any]:
    """A customer's text."""
    return {
        "ToUserName": "gh_000000000000",
        "FromUserName": openid,
        "CreateTime": int(time.time()),
        "MsgType": "text",
        "Content": text,
        "MsgId": message_id,
    }


def plain(message: Mapping[str, Any]) -> tuple[str, bytes]:
    """Query and body of a plain XML push."""
    return signed_query(), write_xml(message).encode()


def sealed(message: Mapping[str, Any]) -> tuple[str, bytes]:
    """Query and body of an encrypted XML push."""
    encrypted = Envelope(AES_KEY, SAFE_APP).seal(write_xml(message))
    timestamp, nonce = str(int(time.time())), secrets.token_hex(5)
    query = {
        "signature": sign(TOKEN, timestamp, nonce),
        "timestamp": timestamp,
        "nonce": nonce,
        "encrypt_type": "aes",
        "msg_signature": sign(TOKEN, timestamp, nonce, encrypted),
    }
    return urlencode(query), write_xml({"ToUserName": "gh_0", "Encrypt": encrypted}).encode()


def telegram_text(chat: int, text: str, update_id: int) -> dict[str, Any]:
    """An update with a customer's text."""
    person = {"id": chat, "is_bot": False, "first_name": "Mina", "language_code": "en"}
    return {
        "update_id": update_id,
        "message": {
            "message_id": update_id,
            "from": person,
            "chat": {"id": chat, "type": "private", "first_name": "Mina"},
            "date": int(time.time()),
            "text": text,
        },
    }
