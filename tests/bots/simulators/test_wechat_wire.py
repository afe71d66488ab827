"""The wire of the local WeChat, against the platform's own published vectors."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from bots.simulators.wechat.wire import Envelope, Unreadable, read_json, read_xml, sign, write_xml
from tests.bots.simulators.wechat_shop import KEY, OTHER_KEY

VECTORS = json.loads((Path(__file__).parent / "wechat_vectors.json").read_text("utf-8"))


def test_the_published_handshake_has_the_published_signature() -> None:
    vector = VECTORS["verify"]
    assert sign(vector["token"], vector["timestamp"], vector["nonce"]) == vector["signature"]


@pytest.mark.parametrize("vector", VECTORS["sealed"])
def test_the_published_envelopes_are_sealed_opened_and_signed_byte_for_byte(vector: dict[str, Any]) -> None:
    envelope = Envelope(vector["aes_key"], vector["app_id"])
    assert envelope.open(vector["encrypt"]) == vector["plain"]
    assert envelope.seal(vector["plain"], vector["random16"].encode()) == vector["encrypt"]
    signature = sign(vector["token"], vector["timestamp"], vector["nonce"], vector["encrypt"])
    assert signature == vector["msg_signature"]


@pytest.mark.parametrize("sealed", ["", "%%%", "AAAA", "A" * 64, "é"])
def test_an_envelope_that_is_none_is_unreadable(sealed: str) -> None:
    with pytest.raises(Unreadable):
        Envelope(KEY, "wx1").open(sealed)


def test_an_envelope_of_another_key_or_another_account_is_unreadable() -> None:
    sealed = Envelope(KEY, "wx1").seal("你好 👋 안녕")
    assert Envelope(KEY, "wx1").open(sealed) == "你好 👋 안녕"
    with pytest.raises(Unreadable):
        Envelope(OTHER_KEY, "wx1").open(sealed)
    with pytest.raises(Unreadable, match="another app id"):
        Envelope(KEY, "wx2").open(sealed)


@pytest.mark.parametrize("key", ["", "short", KEY + "A", "%" * 43])
def test_a_key_of_another_length_is_refused(key: str) -> None:
    with pytest.raises(ValueError, match="EncodingAESKey"):
        Envelope(key, "wx1")


@pytest.mark.parametrize(
    "text", ["你好", "]]>", "a]]>b]]>c", "<b>&amp;</b>", "😀\n안녕", "]]><MsgType>x</MsgType>"]
)
def test_every_text_comes_back_from_xml_as_it_was(text: str) -> None:
    assert read_xml(write_xml({"Content": text, "MsgId": 7}).encode()) == {"Content": text, "MsgId": "7"}


def test_characters_that_xml_cannot_hold_are_left_out() -> None:
    assert read_xml(write_xml({"Content": "a\x00\x08b\uffffc"}).encode()) == {"Content": "abc"}


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"hello",
        b"<xml>",
        b"<xml></xml>",
        b"<html><a>1</a></html>",
        b"<xml><MsgType>text</MsgType><MsgType>news</MsgType></xml>",
        b'<!DOCTYPE a [<!ENTITY b "c">]><xml><Content>&b;</Content></xml>',
        b"<xml><Content><![CDATA[a]]>]]></Content></xml>",
    ],
)
def test_xml_that_breaks_a_rule_is_unreadable(body: bytes) -> None:
    with pytest.raises(Unreadable):
        read_xml(body)


@pytest.mark.parametrize("body", [b"", b"<xml/>", b"[1]", b"\xff"])
def test_json_that_is_no_object_is_unreadable(body: bytes) -> None:
    with pytest.raises(Unreadable):
        read_json(body)
