"""Signed texts that a browser keeps for us: who a visitor is, which picture is theirs.

A sealed text is `v1.PAYLOAD.SIGNATURE`. The signature covers purpose and channel, so that a token of
one page is worth nothing on another and a picture's ticket is no token.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import json
import secrets
from collections.abc import Mapping
from typing import Any

VERSION = "v1"
LONGEST = 2_000


def new_key() -> str:
    """A fresh signing key of 256 bits, as text."""
    return secrets.token_urlsafe(32)


class Seal:
    """Signs and verifies with one channel's key (HMAC-SHA256)."""

    def __init__(self, key: bytes, channel: str) -> None:
        self._key = key
        self._channel = channel

    def close(self, purpose: str, value: Mapping[str, Any]) -> str:
        """The value as a sealed text."""
        payload = _encode(json.dumps(value, separators=(",", ":")).encode())
        return f"{VERSION}.{payload}.{self._sign(purpose, payload)}"

    def open(self, purpose: str, sealed: str) -> dict[str, Any] | None:
        """The value that was sealed for this purpose; None if it was not sealed by us."""
        version, _, rest = sealed[: LONGEST + 1].partition(".")
        payload, _, signature = rest.partition(".")
        if version != VERSION or len(sealed) > LONGEST or not sealed.isascii():
            return None
        if not hmac.compare_digest(signature.encode(), self._sign(purpose, payload).encode()):
            return None
        try:
            value = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
        except (ValueError, binascii.Error):
            return None
        return value if isinstance(value, dict) else None

    def _sign(self, purpose: str, payload: str) -> str:
        signed = "\n".join((VERSION, self._channel, purpose, payload))
        return _encode(hmac.digest(self._key, signed.encode(), "sha256"))


def _encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
