"""The envelope of WeChat's pushes and passive replies: signatures, clocks, AES, XML and JSON.

What a push says is read in `wechat_read.py`. AES and the signature's recipe are wechatpy's.
"""

from __future__ import annotations

import hmac
import json
import re
import secrets
import struct
from base64 import b64decode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from xml.etree.ElementTree import Element, ParseError
from xml.etree.ElementTree import fromstring as plainly

import structlog
from defusedxml.ElementTree import fromstring
from wechatpy.exceptions import WeChatException
from wechatpy.utils import WeChatSigner

from bots.base import Rejected, Reply
from crm_store.messages import clean_json

BODY_LIMIT = 64 * 1024  # bytes
CLOCK_LIMIT = timedelta(minutes=10)
DEPTH_LIMIT = 16  # of nested elements or objects; WeChat's deepest push has four

_TIMESTAMP = re.compile(r"[0-9]{1,11}")
_SUSPECT = (b"<!DOCTYPE", b"<!ENTITY", b"<?", b"\0")
# What nearly all pushes are: one level of names, each with a CDATA section or a plain text.
_FIELD = r"<([A-Za-z_]\w*)>(?:<!\[CDATA\[([^\]]*(?:\](?!\]>)[^\]]*)*)\]\]>|([^<>&\]]*))</\1>\s*"
_FLAT = re.compile(rf"<xml>\s*(?:{_FIELD})*</xml>\s*", re.ASCII)
_FIELDS = re.compile(_FIELD, re.ASCII)
_NOT_IN_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Push:
    """One verified and opened push. Leaves of `fields` are texts, whether XML or JSON came in."""

    fields: Mapping[str, Any]
    as_json: bool
    nonce: str
    cipher: Any = None  # the key that opened it, None for a plain push

    def text(self, path: str) -> str:
        """The text under a field, or under `Outer.Inner`; empty where there is none."""
        value: Any = self.fields.get(path)
        if value is None and "." in path:
            value = self.fields
            for name in path.split("."):
                value = value.get(name) if isinstance(value, Mapping) else None
        return value if isinstance(value, str) else ""


class Wire:
    """The shared secrets of one account: opens what WeChat pushes, closes what it is answered."""

    def __init__(self, channel: str, app_id: str, token: str, aes_keys: Sequence[str] = ()) -> None:
        self._channel = channel
        self._app_id = app_id
        self._token = token
        self._ciphers = [_cipher(key) for key in aes_keys]

    def open(self, query: Mapping[str, str], body: bytes, now: datetime) -> Push:
        """The push in a request; `Rejected` if it is forged, replayed, broken or too large."""
        if len(body) > BODY_LIMIT:
            raise Rejected(f"a push has at most {BODY_LIMIT} bytes, got {len(body)}", 413)
        if self._ciphers:
            return self._open_encrypted(query, body, now)
        self.check_plain(query, now)
        fields, as_json = parse(body)
        if "Encrypt" in fields and "MsgType" not in fields:
            raise Rejected("the push is encrypted and this channel has no encoding_aes_key")
        return Push(fields, as_json, query.get("nonce", ""))

    def check_plain(self, query: Mapping[str, str], now: datetime) -> None:
        """Check `signature`, which covers the time of the request, not its body."""
        timestamp, nonce = query.get("timestamp", ""), query.get("nonce", "")
        signature = self._sign(timestamp, nonce)
        if not (nonce and _same(signature, query.get("signature", ""))):
            raise Rejected("the signature does not match")
        self._check_clock(timestamp, now)

    def close(self, push: Push, fields: Mapping[str, str | int], now: datetime) -> Reply:
        """The passive reply with these fields, in the format and under the key of the push."""
        if push.cipher:
            stamp = int(now.timestamp())
            text = push.cipher.encrypt(_render(fields, push.as_json), self._app_id).decode("ascii")
            fields = {
                "Encrypt": text,
                "MsgSignature": self._sign(str(stamp), push.nonce, text),
                "TimeStamp": stamp,
                "Nonce": push.nonce,
            }
        media_type = "application/json" if push.as_json else "application/xml"
        body = _render(fields, push.as_json).encode()
        return Reply(body=body, media_type=f"{media_type}; charset=utf-8")

    def _open_encrypted(self, query: Mapping[str, str], body: bytes, now: datetime) -> Push:
        timestamp, nonce = query.get("timestamp", ""), query.get("nonce", "")
        encrypted = parse(body)[0].get("Encrypt")
        if not isinstance(encrypted, str):
            raise Rejected("this channel accepts encrypted pushes only")
        if not _same(self._sign(timestamp, nonce, encrypted), query.get("msg_signature", "")):
            raise Rejected("the msg_signature does not match")
        self._check_clock(timestamp, now)
        for cipher in self._ciphers:
            opened = _decrypt(cipher, encrypted, self._app_id)
            if opened is not None:
                # The plain fields of a compatible-mode push are signed by nobody: they do not count.
                fields, as_json = parse(opened.encode())
                return Push(fields, as_json, nonce, cipher)
        raise Rejected("neither encoding_aes_key nor previous_encoding_aes_key opens the push")

    def _sign(self, *parts: str) -> str:
        signer = WeChatSigner()
        signer.add_data(*(part.encode("utf-8", "replace") for part in (self._token, *parts)))
        return str(signer.signature)

    def _check_clock(self, timestamp: str, now: datetime) -> None:
        if not _TIMESTAMP.fullmatch(timestamp):
            raise Rejected("the timestamp is not a Unix time in seconds")
        sent_at = datetime.fromtimestamp(int(timestamp), now.tzinfo)
        if abs(now - sent_at) > CLOCK_LIMIT:
            seconds = round((now - sent_at).total_seconds())
            log.warning("clock.differed", channel=self._channel, seconds=seconds)
            raise Rejected(f"the request is {seconds} seconds old by our clock, ten minutes are allowed")


def is_aes_key(text: str) -> bool:
    """Whether a text is an EncodingAESKey: 43 characters that stand for 32 bytes."""
    try:
        return len(text) == 43 and len(b64decode(text + "=", validate=True)) == 32
    except ValueError:
        return False


def printable(text: str) -> str:
    """The text without the characters that XML has no place for."""
    return text if text.isprintable() else _NOT_IN_XML.sub("", text)


def parse(body: bytes) -> tuple[dict[str, Any], bool]:
    """The fields of an XML or JSON body, and whether it was JSON; `Rejected` (400) if it is neither."""
    body = body.removeprefix(b"\xef\xbb\xbf").lstrip()
    as_json = body.startswith(b"{")
    try:
        fields = _from_json(body) if as_json else _from_xml(body)
    except (ValueError, LookupError, RecursionError, ParseError):
        kind = "JSON" if as_json else "XML"
        raise Rejected(f"the body is not {kind} as WeChat sends it", 400) from None
    return fields, as_json


def _from_json(body: bytes) -> dict[str, Any]:
    loaded = json.loads(body.decode(), parse_int=str, parse_float=str, parse_constant=str)
    _check_depth(loaded)
    fields: dict[str, Any] = clean_json(loaded)
    return fields


def _check_depth(value: Any, depth: int = 0) -> None:
    if depth > DEPTH_LIMIT:
        raise ValueError("nested too deeply")
    if isinstance(value, dict | list):
        for item in value.values() if isinstance(value, dict) else value:
            _check_depth(item, depth + 1)


def _from_xml(body: bytes) -> dict[str, Any]:
    flat = _from_flat(body)
    if flat is not None:
        return flat
    # The guarded parser takes ten times as long: it is for what might define something, or is written
    # in an encoding in which that would not be seen. WeChat's own pushes do neither.
    guarded = any(sign in body for sign in _SUSPECT)
    root = fromstring(body, forbid_dtd=True) if guarded else plainly(body)  # noqa: S314  (see above)
    value = _from_element(root)
    return value if isinstance(value, dict) else {}


def _from_flat(body: bytes) -> dict[str, Any] | None:
    """The fields of a push in the simplest form, in a third of the parser's time; None for any other."""
    try:
        text = body.decode()
    except UnicodeDecodeError:
        return None
    # A parser would make one line end of two characters.
    if "\r" in text or _NOT_IN_XML.search(text) or not _FLAT.fullmatch(text):
        return None
    found = _FIELDS.findall(text, text.index(">") + 1)
    fields = {name: section or plain for name, section, plain in found}
    return fields if len(fields) == len(found) else None  # Twice the same name makes a list.


def _from_element(element: Element, depth: int = 0) -> Any:
    """The text of a leaf, otherwise its children by name; children of one name make a list."""
    if depth > DEPTH_LIMIT:
        raise ValueError("nested too deeply")
    if not len(element):
        return element.text or ""
    children: dict[str, list[Any]] = {}
    for child in element:
        children.setdefault(child.tag, []).append(_from_element(child, depth + 1))
    return {name: values if len(values) > 1 else values[0] for name, values in children.items()}


def _render(fields: Mapping[str, str | int], as_json: bool) -> str:
    if as_json:
        return json.dumps(clean_json(fields), ensure_ascii=False)
    return f"<xml>{''.join(f'<{name}>{_cdata(value)}</{name}>' for name, value in fields.items())}</xml>"


def _cdata(value: str | int) -> str:
    if isinstance(value, int):
        return str(value)
    # A bare "]]>" would end the section, and what follows it would be read as markup.
    text = printable(value).replace("]]>", "]]]]><![CDATA[>")
    return f"<![CDATA[{text}]]>"


def _cipher(aes_key: str) -> Any:
    from wechatpy.crypto import PrpCrypto  # 7 MB, where an account has a key

    cipher = PrpCrypto(b64decode(aes_key + "="))
    # wechatpy draws the sixteen random characters from a predictable source.
    cipher.get_random_string = lambda: secrets.token_hex(8)
    return cipher


def _decrypt(cipher: Any, encrypted: str, app_id: str) -> str | None:
    """The text under the key if it is meant for this account, otherwise None."""
    try:
        opened: str = cipher.decrypt(encrypted, app_id)
    except (WeChatException, ValueError, IndexError, struct.error):
        return None  # what wechatpy raises under a wrong key depends on the noise that comes out
    return opened


def _same(expected: str, given: str) -> bool:
    return hmac.compare_digest(expected.encode(), given.encode("utf-8", "replace"))
