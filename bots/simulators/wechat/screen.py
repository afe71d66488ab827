"""What a customer sees in the conversation: texts with their tappable links, pictures, cards, notices."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import unquote

UNAVAILABLE = "该公众号暂时无法提供服务，请稍后再试"

_MENU_LINK = "weixin://bizmsgmenu?"
_LINK = re.compile(
    r"""<a\s[^<>]*?href\s*=\s*(?:"(?P<double>[^"]*)"|'(?P<single>[^']*)')[^<>]*>(?P<title>.*?)</a>"""
    r"""|(?P<bare>https?://[\w.~:/?\#\[\]@!$&'()*+,;=%-]+)""",
    re.IGNORECASE | re.DOTALL | re.ASCII,
)


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of text: plain, a link (`url`), or a choice that sends a message (`sends`, `menu_id`)."""

    text: str
    url: str = ""
    sends: str = ""
    menu_id: str = ""


@dataclass(frozen=True, slots=True)
class Seen:
    """One thing on a customer's screen."""

    kind: str  # "text", "image", "voice", "video", "music", "news", "menu", "template", "location", …
    text: str = ""
    by: str = "account"  # "customer", "account", "platform"
    how: str = "custom"  # "push", "passive", "custom", "template", "mass", "notice"
    pieces: tuple[Piece, ...] = ()
    media: str = ""  # the address of a picture, voice or video
    data: Mapping[str, Any] = field(default_factory=dict)
    at: datetime | None = None
    seq: int = 0  # counts up on each screen

    @property
    def buttons(self) -> tuple[Piece, ...]:
        """The choices that send a message when tapped."""
        return tuple(piece for piece in self.pieces if piece.sends)

    def to_json(self) -> dict[str, Any]:
        """A JSON object with all fields and `buttons`."""
        return asdict(self) | {
            "at": self.at.isoformat() if self.at else None,
            "buttons": [asdict(piece) for piece in self.buttons],
        }


def draw_text(text: str, how: str = "custom") -> Seen:
    """A text as the app draws it: `<a href>` and bare addresses can be tapped, all else is as written."""
    pieces: list[Piece] = []
    end = 0
    for found in _LINK.finditer(text):
        piece = _link(found)
        if piece is None:
            continue
        if found.start() > end:
            pieces.append(Piece(text[end : found.start()]))
        pieces.append(piece)
        end = found.end()
    if end < len(text):
        pieces.append(Piece(text[end:]))
    return Seen("text", "".join(piece.text for piece in pieces), how=how, pieces=tuple(pieces))


def _link(found: re.Match[str]) -> Piece | None:
    if bare := found["bare"]:
        return Piece(bare, url=bare)
    href, title = found["double"] or found["single"] or "", found["title"]
    if href.startswith(_MENU_LINK):
        pairs = (pair.partition("=") for pair in href[len(_MENU_LINK) :].split("&"))
        fields = {name: unquote(value) for name, _, value in pairs}
        if fields.get("msgmenucontent") and "msgmenuid" in fields:
            return Piece(title, sends=fields["msgmenucontent"], menu_id=fields["msgmenuid"])
        return None
    return Piece(title, url=href) if href.startswith(("http://", "https://")) else None


def draw_menu(menu: Mapping[str, Any], how: str = "custom") -> Seen:
    """A menu message: a head, choices one below the other, a tail."""
    head, tail = str(menu.get("head_content", "")), str(menu.get("tail_content", ""))
    choices = tuple(
        Piece(str(item["content"]), sends=str(item["content"]), menu_id=str(item["id"]))
        for item in menu["list"]
    )
    pieces = (*draw_text(head).pieces, *choices, *draw_text(tail).pieces)
    return Seen("menu", "\n".join(piece.text for piece in pieces), how=how, pieces=pieces)
