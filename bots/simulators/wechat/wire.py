"""WeChat's wire: signatures, AES envelopes, and messages as XML or JSON.

Written from the platform's documents with plain cryptography, so that it can check another implementation.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import re
import secrets
import struct
from collections.abc import Mapping
from typing import Any
from xml.etree.ElementTree import Element, ParseError

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring

from crm_store.messages import ParleyError

BLOCK = 32
_NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


class Unreadable(ParleyError):
    """A body that is not what the wire asks for."""


def sign(*parts: str) -> str:
    """The SHA-1 in hex of the parts, sorted and joined."""
    return hashlib.sha1("".join(sorted(parts)).encode(), usedforsecurity=False).hexdigest()


class Envelope:
    """AES-256-CBC as the platform uses it: 16 random bytes, length, message, app id, padded to 32."""

    def __init__(self, aes_key: str, app_id: str) -> None:
        try:
            self._key = base64.b64decode(aes_key + "=")
        except binascii.Error as error:
            raise ValueError("expected an EncodingAESKey in base64") from error
        if len(self._key) != BLOCK:
            raise ValueError("expected an EncodingAESKey of 43 characters (32 bytes)")
        self._app_id = app_id.encode()

    def _cipher(self) -> Cipher[modes.CBC]:
        return Cipher(algorithms.AES(self._key), modes.CBC(self._key[:16]))

    def seal(self, text: str, random16: bytes | None = None) -> str:
        """The text encrypted, in base64."""
        message = text.encode()
        head = random16 or secrets.token_bytes(16)
        plain = head + struct.pack(">I", len(message)) + message + self._app_id
        missing = BLOCK - len(plain) % BLOCK
        encryptor = self._cipher().encryptor()
        sealed = encryptor.update(plain + bytes([missing]) * missing) + encryptor.finalize()
        return base64.b64encode(sealed).decode()

    def open(self, sealed: str) -> str:
        """The text inside; Unreadable if the key, the padding, the length or the app id does not fit."""
        try:
            data = base64.b64decode(sealed, validate=True)
        except (binascii.Error, ValueError) as error:
            raise Unreadable("Encrypt is not base64") from error
        if not data or len(data) % 16:
            raise Unreadable("Encrypt is not a whole number of AES blocks")
        decryptor = self._cipher().decryptor()
        plain = decryptor.update(data) + decryptor.finalize()
        filled = plain[-1]
        if not 1 <= filled <= BLOCK or plain[-filled:] != bytes([filled]) * filled:
            raise Unreadable("Encrypt does not end in PKCS#7 padding to 32 (wrong key?)")
        plain = plain[:-filled]
        if len(plain) < 20:
            raise Unreadable("Encrypt is too short to hold a message")
        (length,) = struct.unpack(">I", plain[16:20])
        if plain[20 + length :] != self._app_id:
            raise Unreadable("Encrypt ends in another app id")
        try:
            return plain[20 : 20 + length].decode()
        except UnicodeDecodeError as error:
            raise Unreadable("Encrypt holds no UTF-8") from error


def write_xml(message: Mapping[str, Any]) -> str:
    """The message as WeChat writes it: texts in CDATA, numbers bare, a list as repeated elements."""
    return "<xml>" + "\n".join(_element(name, value) for name, value in message.items()) + "</xml>"


def _element(name: str, value: Any) -> str:
    if isinstance(value, list):
        return "\n".join(_element(name, item) for item in value)
    if isinstance(value, Mapping):
        inner = "\n".join(_element(key, item) for key, item in value.items())
    elif isinstance(value, int | float):
        inner = str(value)
    else:
        # "]]>" would end the section: it is cut in two sections.
        inner = f"<![CDATA[{_NOT_XML.sub('', str(value)).replace(']]>', ']]]]><![CDATA[>')}]]>"
    return f"<{name}>{inner}</{name}>"


def write_json(message: Mapping[str, Any]) -> str:
    """The message as a JSON text in UTF-8, with no escapes for Chinese."""
    return json.dumps(message, ensure_ascii=False, separators=(",", ":"))


def read_xml(body: bytes) -> dict[str, Any]:
    """The elements below `<xml>`; Unreadable for broken XML, another root, or an element given twice."""
    try:
        root = fromstring(body)
    except (ParseError, DefusedXmlException, ValueError, LookupError) as error:
        raise Unreadable(f"not well-formed XML ({error})") from error
    if root.tag != "xml":
        raise Unreadable(f"expected the root <xml>, got <{root.tag}>")
    value = _value(root)
    if not isinstance(value, dict):
        raise Unreadable("<xml> is empty")
    return value


def _value(element: Element) -> Any:
    if not len(element):
        return element.text or ""
    found: dict[str, Any] = {}
    for child in element:
        if child.tag == "item":
            found.setdefault("item", []).append(_value(child))
        elif child.tag in found:
            raise Unreadable(
                f"<{child.tag}> stands twice in <{element.tag}>: a text that broke out of CDATA?"
            )
        else:
            found[child.tag] = _value(child)
    return found


def read_json(body: bytes) -> dict[str, Any]:
    """The JSON object in the body; Unreadable if it holds anything else."""
    try:
        value = json.loads(body)
    except ValueError as error:
        raise Unreadable(f"not JSON ({error})") from error
    if not isinstance(value, dict):
        raise Unreadable(f"expected a JSON object, got {type(value).__name__}")
    return value
