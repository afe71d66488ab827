"""1,500 hostile requests: every one is refused with 4xx, none leaves a row, the process does not grow."""

from __future__ import annotations

import json
import random
import secrets
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
import requests
from sqlmodel import select

from crm_store.db import Database
from crm_store.history import Message
from tests.parley.serving import Server
from tests.parley.wires import (
    AES_KEY,
    SAFE_APP,
    TELEGRAM_SECRET,
    plain,
    sealed,
    sign,
    signed_query,
    telegram_text,
    wechat_text,
)

COUNT = 1500
BOMB = b"""<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "aaaaaaaaaa">%s]>
<xml><FromUserName>&z;</FromUserName>
<MsgType>text</MsgType><Content>&z;</Content><MsgId>1</MsgId></xml>""" % b"".join(
    b'<!ENTITY %c "%s">' % (98 + n, (b"&%c;" % (97 + n)) * 10) for n in range(25)
)
Request = tuple[str, str, bytes, dict[str, str]]  # method, path with query, body, headers


def _forged(rng: random.Random) -> Iterator[Request]:
    message = wechat_text(f"o{rng.random()}", "hello", rng.randrange(10**15))
    wechat, telegram = "/webhooks/shop-wechat?", "/webhooks/shop-telegram"
    _, body = plain(message)
    update = json.dumps(telegram_text(7, "hello", rng.randrange(10**9))).encode()
    yield "POST", wechat + signed_query("another-token"), body, {}
    yield "POST", wechat + signed_query(at=time.time() - 3600), body, {}
    yield "POST", wechat + signed_query(at=time.time() + 3600), body, {}
    yield "POST", wechat, body, {}
    yield "POST", wechat + "signature=&timestamp=&nonce=", body, {}
    yield "POST", wechat + "signature=é&timestamp=٣&nonce=%00", body, {}
    yield "POST", "/webhooks/safe-wechat?" + signed_query(), body, {}
    yield "POST", telegram, update, {}
    yield "POST", telegram, update, {"x-telegram-bot-api-secret-token": "x" * rng.randrange(1, 3000)}
    query, encrypted = sealed(message)
    broken = bytearray(encrypted)
    broken[rng.randrange(60, len(broken) - 20)] ^= 1
    yield "POST", "/webhooks/safe-wechat?" + query, bytes(broken), {}


def _replayed(rng: random.Random) -> Iterator[Request]:
    """A true signature out of its time, or with another body than the encrypted one that it covers."""
    _, body = plain(wechat_text("replayed", "old", 1))
    yield (
        "POST",
        "/webhooks/shop-wechat?" + signed_query(at=time.time() - rng.randrange(660, 9000)),
        body,
        {},
    )
    query, _ = sealed(wechat_text("replayed", "bound", 1))
    _, other = sealed(wechat_text("replayed", "other", 2))
    yield "POST", "/webhooks/safe-wechat?" + query, other, {}
    yield "POST", "/webhooks/safe-wechat?" + query, body, {}


def _broken(rng: random.Random) -> Iterator[Request]:
    wechat, telegram = "/webhooks/shop-wechat?", "/webhooks/shop-telegram"
    deep = b"[" * 20000 + b"]" * 20000
    for body in (
        BOMB,
        deep,
        b'{"a":' * 5000 + b"1" + b"}" * 5000,
        rng.randbytes(rng.randrange(1, 4000)),
        b"",
        b"<xml></xml>",
        b"<xml><MsgType>text</MsgType></xml>",
        b"null",
        b'"text"',
        b"[1,2,3]",
        b'{"update_id": "x"}',
        b'{"update_id": 1e400}',
        b'{"message": {}}',
        "{\ud800}".encode("utf-8", "surrogatepass"),
        b"\xff\xfe" + "<xml/>".encode("utf-16-le"),
    ):
        yield "POST", wechat + signed_query(), body, {}
        yield "POST", telegram, body, TELEGRAM_SECRET
        timestamp, nonce = str(int(time.time())), secrets.token_hex(4)
        query = {"timestamp": timestamp, "nonce": nonce, "encrypt_type": "aes"}
        query["msg_signature"] = sign("token-of-a-test", timestamp, nonce, "AAAA")
        yield "POST", f"/webhooks/safe-wechat?{urlencode(query)}", b"<xml><Encrypt>AAAA</Encrypt></xml>", {}


def _oversize(rng: random.Random) -> Iterator[Request]:
    large = b"x" * 10_000_000
    yield "POST", "/webhooks/shop-wechat?" + signed_query(), large, {}
    yield "POST", "/webhooks/shop-telegram", large, TELEGRAM_SECRET
    yield "POST", "/api/v1/conversations/x/messages", large, {"authorization": "Bearer x"}
    yield "POST", "/chat/site/media", large, {}


def _paths(rng: random.Random) -> Iterator[Request]:
    for path in (
        "/webhooks/../etc/passwd",
        "/webhooks/%2e%2e%2fparley.db",
        "/webhooks/nobody",
        "/webhooks/",
        "/webhooks/site",
        "/webhooks/shop-wechat/",
        "/media/..%2fparley.db",
        "/media/%2e%2e/%2e%2e/etc/passwd",
        "/static/x/../../parley.toml",
        "/static/%00/style.css",
        "/chat/nobody",
        "/chat/site/%2e%2e/secret",
        "/api/v1/customers",
        "/api/v1/customers/' OR 1=1 --",
        "/api/v1/conversations?customer=%00",
        "/webhooks/shop-wechat?signature=x&timestamp=1&nonce=2&echostr=<script>",
    ):
        yield "GET", path, b"", {"x-forwarded-for": "' OR '1'='1"}
    for method in ("PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"):
        yield method, "/webhooks/shop-wechat?" + signed_query(), b"<xml/>", {}


def _visitors(rng: random.Random) -> Iterator[Request]:
    forged = {"authorization": "Bearer " + secrets.token_urlsafe(40)}
    for body in (b"{}", b"[" * 9000, rng.randbytes(300), b'{"type":"message","id":"1","text":"hi"}'):
        yield "POST", "/chat/site/messages", body, {"origin": "https://evil.example", **forged}
        yield "POST", "/chat/site/messages", body, forged
        yield "POST", "/chat/site/media", body, forged


def _hostile(seed: int) -> list[Request]:
    rng = random.Random(seed)
    kinds = (_forged, _replayed, _broken, _paths, _visitors)
    made: list[Request] = list(_oversize(rng))
    while len(made) < COUNT:
        for kind in kinds:
            made += kind(rng)
    return made[:COUNT]


def _send(session: requests.Session, base: str, request: Request) -> int:
    method, path, body, headers = request
    prepared = requests.Request(method, base, data=body, headers=headers).prepare()
    prepared.url = base + path
    try:
        return session.send(prepared, timeout=20, allow_redirects=False).status_code
    except requests.ConnectionError:
        # The server may hang up on what it refuses to read to its end.
        assert len(body) > 1_000_000, request[:2]
        return 413


@pytest.mark.timeout(300)
def test_hostile_requests_get_4xx_leave_no_row_and_no_growth(database_url: str, tmp_path: Path) -> None:
    hostile = _hostile(11)
    with Server(tmp_path, database_url) as server, requests.Session() as session:
        for request in hostile[:200]:
            _send(session, server.url, request)
        before = server.memory()
        answers = [(_send(session, server.url, request), request) for request in hostile]
        after = server.memory()
        wrong = [(status, request[:2]) for status, request in answers if not 400 <= status < 500]
        assert not wrong, Counter(wrong).most_common(10)
        assert after - before < 30_000_000
        log = server.log.read_text()
        assert "Traceback" not in log
        assert AES_KEY not in log
        assert SAFE_APP not in log
    assert _texts(database_url) == []


def test_hostile_names_and_texts_are_only_names_and_texts(database_url: str, tmp_path: Path) -> None:
    texts = [
        "'; DROP TABLE messages; --",
        "<script>alert(1)</script>",
        "{{ 7*7 }} {slot} %s ${x}",
        "]]><MsgType>event</MsgType><![CDATA[",
        '/opt_out{"phone": "1"}',
        "‮⁦ zero​width 𓀀 👨‍👩‍👧‍👦" * 20,
    ]
    with Server(tmp_path, database_url) as server, requests.Session() as session:
        for number, text in enumerate(texts):
            update: dict[str, Any] = telegram_text(1000 + number, text, number + 1)
            update["message"]["from"]["first_name"] = text
            status = session.post(
                f"{server.url}/webhooks/shop-telegram", json=update, headers=TELEGRAM_SECRET, timeout=20
            ).status_code
            assert status == 200
    assert sorted(_texts(database_url)) == sorted(texts)


def _texts(url: str) -> list[str]:
    database = Database(url)
    with database.reading() as session:
        texts = [m.text for m in session.exec(select(Message)) if m.direction == "in"]
    database.close()
    return texts
