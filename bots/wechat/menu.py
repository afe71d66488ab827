"""Buttons as WeChat draws them: links in a text that send their title back when they are tapped.

The id in a link is the button's payload and a proof that we wrote it for this very customer, so no
table is kept and nobody can type a payload of their own.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from urllib.parse import quote

from bots.wechat.wire import printable
from crm_store.messages import Button

PAYLOAD_LIMIT = 96  # bytes; a longer payload is left out, its title is then understood as typed
TITLE_LIMIT = 60  # characters
_PROOF_BYTES = 9
_ASCII_PUNCTUATION = re.compile(r"[\x00-\x2c\x2f\x3a-\x40\x5b-\x5e\x60\x7b-\x7f]+")


class Menu:
    """Writes the links of one account's buttons, and reads back which one was tapped."""

    def __init__(self, token: str) -> None:
        self._key = hashlib.blake2b(token.encode()).digest()

    def link(self, button: Button, openid: str) -> str:
        """The button as a link for one customer, to stand in a text."""
        title = " ".join(printable(button.title).split()) or "…"
        if len(title) > TITLE_LIMIT:
            title = title[: TITLE_LIMIT - 1] + "…"
        # Other letters stay as they are: escaped, a Chinese title would be three times as long.
        said = _ASCII_PUNCTUATION.sub(lambda found: quote(found[0], safe=""), title)
        tapped = self.write_id(button.payload, openid)
        return f'<a href="weixin://bizmsgmenu?msgmenucontent={said}&msgmenuid={tapped}">{_shown(title)}</a>'

    def write_id(self, payload: str, openid: str) -> str:
        """The id that stands for a payload, or `0` for one that is too long."""
        data = payload.encode("utf-8", "replace")
        if not 0 < len(data) <= PAYLOAD_LIMIT:
            return "0"
        return f"{_encode(data)}.{_encode(self._proof(data, openid))}"

    def read_id(self, written: str, openid: str) -> str:
        """The payload that an id stands for; empty if we did not write it for this customer."""
        payload, _, proof = written.partition(".")
        if not proof:
            return ""  # As nearly always: it is what stands in a text that nobody tapped.
        try:
            data = _decode(payload)
            genuine = hmac.compare_digest(self._proof(data, openid), _decode(proof))
            return data.decode() if genuine else ""
        except ValueError:
            return ""

    def _proof(self, data: bytes, openid: str) -> bytes:
        covered = b"menu\n" + openid.encode("utf-8", "replace") + b"\n" + data
        # OpenSSL's HMAC takes thrice as long for so few bytes, and lets go of the interpreter meanwhile.
        return hashlib.blake2b(covered, digest_size=_PROOF_BYTES, key=self._key).digest()


def _shown(title: str) -> str:
    """The title without markup. WeChat shows an escaped `<` as its escape, so it becomes a wide one."""
    return title.translate({ord("<"): "＜", ord(">"): "＞"})


def _encode(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


def _decode(text: str) -> bytes:
    return urlsafe_b64decode(text.encode("ascii") + b"=" * (-len(text) % 4))
