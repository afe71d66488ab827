"""What a WeChat webhook lets in: signatures, clocks, replays, keys, and bodies of every shape."""

from __future__ import annotations

import base64
import json
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from structlog.testing import capture_logs

from bots.base import Rejected
from bots.simulators.wechat.wire import sign
from bots.wechat import Wechat
from bots.wechat.read import Pushed
from tests.bots.host import FakeHost
from tests.bots.wechat_account import (
    AES_KEY,
    OLD_KEY,
    OPENID,
    SECRET,
    TOKEN,
    open_account,
    payload,
    receive,
    sealed,
    signed,
    text_push,
)


def refused(channel: Wechat, query: dict[str, str], body: bytes) -> Rejected:
    with pytest.raises(Rejected) as caught:
        receive(channel, query, body)
    assert 400 <= caught.value.status < 500
    return caught.value


def passes(channel: Wechat, query: dict[str, str], body: bytes) -> Pushed | None:
    """What is made of a request, None if it is refused; anything else than these two is a failure."""
    try:
        return receive(channel, query, body)
    except Rejected as rejected:
        return None if 400 <= rejected.status < 500 else pytest.fail(f"status {rejected.status}")


@pytest.fixture
def plain() -> Wechat:
    return open_account()


@pytest.fixture
def safe() -> Wechat:
    return open_account(encoding_aes_key=AES_KEY, previous_encoding_aes_key=OLD_KEY)


# The handshake


def test_the_handshake_is_answered_with_the_echo(plain: Wechat) -> None:
    reply = plain.challenge(signed(plain, echostr="4375120948345356249"))
    assert reply.body == b"4375120948345356249"
    assert reply.media_type.startswith("text/plain")


def test_an_encrypted_account_is_shaken_hands_with_by_the_plain_signature(safe: Wechat) -> None:
    assert safe.challenge(signed(safe, echostr="77")).body == b"77"


@pytest.mark.parametrize("broken", ["signature", "timestamp", "nonce"])
def test_a_forged_handshake_is_refused(plain: Wechat, broken: str) -> None:
    with pytest.raises(Rejected):
        plain.challenge(signed(plain, echostr="77") | {broken: "1"})
    query = signed(plain, echostr="77")
    del query[broken]
    with pytest.raises(Rejected):
        plain.challenge(query)


@pytest.mark.parametrize("late", [601, -601])
def test_an_old_handshake_is_refused(plain: Wechat, late: int) -> None:
    with pytest.raises(Rejected):
        plain.challenge(signed(plain, late=late, echostr="77"))


# Plain pushes


def test_a_signed_push_is_accepted(plain: Wechat) -> None:
    assert receive(plain, signed(plain), text_push("早上好")).content.text == "早上好"


@pytest.mark.parametrize("signature", ["", "0" * 40, "é" * 40, "\udcff"])
def test_a_forged_push_is_refused(plain: Wechat, signature: str) -> None:
    assert refused(plain, signed(plain) | {"signature": signature}, text_push()).status == 403


def test_a_push_signed_with_another_token_is_refused(plain: Wechat) -> None:
    query = signed(plain)
    query["signature"] = sign("another-token", query["timestamp"], query["nonce"])
    refused(plain, query, text_push())


@pytest.mark.parametrize("late", [601, -601])
def test_a_push_from_another_time_is_refused_and_the_difference_is_logged(plain: Wechat, late: int) -> None:
    with capture_logs() as logs:
        refused(plain, signed(plain, late=late), text_push())
    assert [(entry["event"], entry["seconds"]) for entry in logs] == [("clock.differed", late)]


@pytest.mark.parametrize("late", [600, -600])
def test_a_clock_may_be_ten_minutes_off(plain: Wechat, late: int) -> None:
    receive(plain, signed(plain, late=late), text_push())


@pytest.mark.parametrize("timestamp", ["", "soon", "１７７２４２４０００", "9" * 40, "-1", "1e9"])
def test_a_timestamp_is_a_number_of_seconds(plain: Wechat, timestamp: str) -> None:
    query = {"timestamp": timestamp, "nonce": "5", "signature": sign(TOKEN, timestamp, "5")}
    refused(plain, query, text_push())


def test_two_pushes_of_one_second_may_share_nonce_and_signature(plain: Wechat) -> None:
    query = signed(plain)
    assert receive(plain, query, text_push("first")).content.text == "first"
    assert receive(plain, query, text_push("second")).content.text == "second"


# Encrypted pushes


def test_the_recorded_vector_opens(safe: Wechat) -> None:
    vector = json.loads(payload("aes_vector.json"))
    query = {name: vector[name] for name in ("timestamp", "nonce", "msg_signature")}
    body = f"<xml><Encrypt>{vector['encrypt']}</Encrypt></xml>".encode()
    channel = open_account(**{name: vector[name] for name in ("app_id", "token", "encoding_aes_key")})
    opened = receive(channel, query, body)
    assert opened.content == receive(open_account(), signed(safe), payload(vector["opened"])).content
    assert opened.content.text == "请问周日几点开门？🙂"


@pytest.mark.parametrize("key", [AES_KEY, OLD_KEY])
def test_the_current_and_the_previous_key_open_a_push(safe: Wechat, key: str) -> None:
    assert receive(safe, *sealed(safe, text_push("密"), key)).content.text == "密"


def test_an_encrypted_push_in_json_opens(safe: Wechat) -> None:
    assert (
        receive(safe, *sealed(safe, payload("text_as_json.json"))).content.text == "배송은 얼마나 걸려요?"
    )


def test_a_third_key_opens_nothing(safe: Wechat) -> None:
    third = base64.b64encode(b"a key that nobody has configured")[:43].decode()
    refused(safe, *sealed(safe, text_push(), third))


def test_a_push_to_another_account_is_refused(safe: Wechat) -> None:
    refused(safe, *sealed(safe, text_push(), app_id="wx0000000000000000"))


def test_the_plain_signature_does_not_open_an_encrypted_account(safe: Wechat) -> None:
    assert refused(safe, signed(safe), text_push()).status == 403
    query, body = sealed(safe, text_push())
    del query["msg_signature"]
    refused(safe, query, body)
    refused(safe, query | {"msg_signature": query["signature"]}, body)


def test_an_old_encrypted_push_is_refused() -> None:
    host = FakeHost()
    safe = open_account(host, encoding_aes_key=AES_KEY)
    query, body = sealed(safe, text_push())
    host.advance(timedelta(minutes=11))
    refused(safe, query, body)


def test_of_a_compatible_push_only_the_decrypted_part_counts(safe: Wechat) -> None:
    forged = b"<FromUserName>oSomebodyElse</FromUserName><MsgType>text</MsgType><Content>pay me</Content>"
    incoming = receive(safe, *sealed(safe, text_push("mine"), plain=forged))
    assert (incoming.address.external_id, incoming.content.text) == (OPENID, "mine")


def test_without_a_key_the_plain_part_of_a_compatible_push_is_read(plain: Wechat) -> None:
    fields = f"<FromUserName>{OPENID}</FromUserName><MsgType>text</MsgType><Content>hi</Content>"
    query, body = sealed(plain, text_push(), plain=fields.encode())
    assert receive(plain, query, body).content.text == "hi"
    refused(plain, signed(plain, encrypt_type="aes") | {"signature": "0" * 40}, body)


def test_without_a_key_an_encrypted_push_is_refused(plain: Wechat) -> None:
    refused(plain, *sealed(plain, text_push()))


@pytest.mark.parametrize("text", ["", "!", "AAAA", "A" * 43, base64.b64encode(bytes(32)).decode(), "密文"])
def test_a_signed_ciphertext_that_is_noise_is_refused(safe: Wechat, text: str) -> None:
    query = signed(safe)
    query["msg_signature"] = sign(TOKEN, query["timestamp"], query["nonce"], text)
    refused(safe, query, f"<xml><Encrypt>{text}</Encrypt></xml>".encode())


@settings(max_examples=60, deadline=None)
@given(data=st.binary(max_size=200), whole=st.booleans())
def test_no_ciphertext_breaks_the_webhook(data: bytes, whole: bool) -> None:
    channel = open_account(encoding_aes_key=AES_KEY)
    text = base64.b64encode(data.ljust(-(-len(data) // 32) * 32) if whole else data).decode()
    query = signed(channel)
    query["msg_signature"] = sign(TOKEN, query["timestamp"], query["nonce"], text)
    refused(channel, query, f"<xml><Encrypt>{text}</Encrypt></xml>".encode())


# Bodies


BOMB = '<!ENTITY b "c"><!ENTITY d "&b;&b;">'


def test_a_body_of_more_than_64_kilobytes_is_refused(plain: Wechat) -> None:
    assert refused(plain, signed(plain), text_push("a" * 65_536)).status == 413


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\x00",
        b"hello",
        b"<xml>",
        b"<xml></xml>",
        b"{}",
        b"{",
        b"[]",
        b'{"a":' * 9000,
        b'{"a":' + b"[" * 200 + b"]" * 200 + b"}",
        b'{"FromUserName": {"a": 1}, "MsgType": "text"}',
        b'{"FromUserName": "o1", "MsgType": ["text"]}',
        b'{"FromUserName": "o 1\\u0000", "MsgType": "text"}',
        b"<xml><FromUserName>o1</FromUserName></xml>",
        b"<xml><MsgType>text</MsgType></xml>",
        b"<xml><FromUserName>a</FromUserName><FromUserName>b</FromUserName><MsgType>text</MsgType></xml>",
        b"<xml>" + b"<a>" * 6000 + b"</a>" * 6000 + b"</xml>",
        b'<?xml version="1.0" encoding="utf-7"?><xml/>',
        b'<?xml version="1.0" encoding="klingon"?><xml/>',
        b'<!DOCTYPE a [<!ENTITY b "c"><!ENTITY d "&b;&b;">]><xml><FromUserName>&d;</FromUserName></xml>',
        b'<!DOCTYPE a SYSTEM "file:///etc/passwd"><xml><FromUserName>a</FromUserName></xml>',
        f"<!DOCTYPE a [{BOMB}]><xml><FromUserName>&d;</FromUserName></xml>".encode("utf-16"),
        b'<?xml version="1.0" encoding="cp037"?>'
        + f"<!DOCTYPE a [{BOMB}]><xml><FromUserName>&d;</FromUserName></xml>".encode("cp037"),
        b'\xff\xfe{"MsgType": "text"}',
        b'{"Encrypt": 5}',
    ],
)
@pytest.mark.parametrize("encrypted", [False, True])
def test_a_broken_body_is_refused(plain: Wechat, safe: Wechat, body: bytes, encrypted: bool) -> None:
    refused(plain, signed(plain), body)
    refused(safe, signed(safe), body)
    try:
        text = body.decode()
    except UnicodeDecodeError:
        return
    refused(safe, *sealed(safe, text.encode()))


def test_a_push_that_is_verified_but_says_nonsense_is_kept_raw(plain: Wechat) -> None:
    for body in (
        {"FromUserName": OPENID, "MsgType": "text", "Content": {"a": [1, None, True]}, "MsgId": 7},
        {"FromUserName": OPENID, "MsgType": "image", "CreateTime": "yesterday"},
        {"FromUserName": OPENID, "MsgType": "location", "Location_X": 91, "Location_Y": 1e999},
    ):
        incoming = receive(plain, signed(plain), json.dumps(body).encode())
        assert incoming.content.kind == "unknown"
        assert incoming.content.data["raw"]["FromUserName"] == OPENID
        json.dumps(incoming.content.to_json())


_names = st.sampled_from(
    [
        "ToUserName",
        "FromUserName",
        "CreateTime",
        "MsgType",
        "Content",
        "MsgId",
        "Event",
        "EventKey",
        "MsgID",
        "Status",
        "List",
        "Location_X",
        "Location_Y",
        "bizmsgmenuid",
        "ScanCodeInfo",
        "Encrypt",
        "Format",
    ]
)
_kinds = ["text", "image", "voice", "video", "location", "link", "event", "subscribe", "SCAN", "CLICK"]
_kinds += [
    "TEMPLATESENDJOBFINISH",
    "subscribe_msg_sent_event",
    "scancode_push",
    "VIEW",
    OPENID,
    "1772424000",
]
_leaves = st.one_of(
    st.sampled_from(_kinds), st.text(max_size=20), st.none(), st.booleans(), st.integers(), st.floats()
)
_fields = st.dictionaries(
    _names,
    st.recursive(
        _leaves, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_names, inner, max_size=3)
    ),
    max_size=10,
)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(fields=_fields)
@example(
    fields={"FromUserName": OPENID, "MsgType": "event", "Event": "subscribe_msg_sent_event", "List": {}}
)
def test_no_json_object_breaks_the_webhook(fields: dict[str, Any]) -> None:
    channel = open_account()
    incoming = passes(channel, signed(channel), json.dumps(fields).encode())
    if incoming:
        assert incoming.key
        json.dumps(incoming.content.to_json(), ensure_ascii=False).encode()


@settings(max_examples=300, deadline=None)
@given(
    body=st.binary(max_size=300)
    | st.text(max_size=300).map(lambda text: f"<xml>{text}</xml>".encode("utf-8", "replace"))
    | st.tuples(st.integers(0, 300), st.binary(max_size=5)).map(
        lambda cut: text_push()[: cut[0]] + cut[1] + text_push()[cut[0] :]
    ),
    query=st.dictionaries(
        st.sampled_from(["signature", "timestamp", "nonce", "msg_signature", "encrypt_type"]),
        st.text(max_size=12),
    ),
    signs=st.booleans(),
)
def test_no_request_breaks_the_webhook(body: bytes, query: dict[str, str], signs: bool) -> None:
    for channel in (open_account(), open_account(encoding_aes_key=AES_KEY)):
        assert not passes(channel, signed(channel) if signs else query, body) or signs


# Settings


@pytest.mark.parametrize(
    "wrong",
    [
        {"encoding_aes_key": "too-short"},
        {"encoding_aes_key": "!" * 43},
        {"previous_encoding_aes_key": OLD_KEY},
        {"token": ""},
        {"app_id": ""},
        {"api_base_url": "api.weixin.qq.com"},
        {"aes_key": AES_KEY},
    ],
)
def test_wrong_settings_are_refused_without_showing_them(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError) as caught:
        open_account(**wrong)
    assert all(not value or value not in str(caught.value) for value in wrong.values())


def test_secrets_are_not_shown() -> None:
    channel = open_account(encoding_aes_key=AES_KEY)
    incoming = receive(channel, *sealed(channel, text_push()))
    secrets = (TOKEN, AES_KEY, SECRET)
    assert not [secret for secret in secrets if secret in repr(channel.settings) + repr(incoming)]
