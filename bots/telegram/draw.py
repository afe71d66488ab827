"""Telegram's wire, outward: a `Content` as the messages that draw it, within Telegram's limits. No I/O."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from telegram import InlineKeyboardButton, InlineKeyboardMarkup

from bots.telegram.wire import TITLE_PREFIX
from crm_store.messages import Button, Content

TEXT_LIMIT = 4096  # UTF-16 units, as in all of Telegram
CAPTION_LIMIT = 1024  # UTF-16 units
DATA_LIMIT = 64  # bytes of callback data
MAX_BUTTONS = 100

_BORDERS = (
    re.compile(r"\n\n+"),
    re.compile(r"\n"),
    re.compile(r"[。！？；]|[.!?;](?=\s)"),
    re.compile(r"\s|，"),
)
_JOINERS = re.compile("[\u200d\ufe00-\ufe0f\U0001f3fb-\U0001f3ff\U000e0020-\U000e007f]")


@dataclass(frozen=True, slots=True)
class Part:
    """One message on Telegram: a text, a photo with a caption, or a place."""

    text: str = ""
    photo: str = ""  # an address, or a file id of this bot
    place: tuple[float, float] | None = None  # latitude, longitude in degrees
    keys: InlineKeyboardMarkup | None = None

    def call(self) -> tuple[str, dict[str, Any]]:
        """The Bot API method that sends it, and its parameters but for the chat."""
        keys = {"reply_markup": self.keys.to_dict()} if self.keys else {}
        if self.photo:
            caption = {"caption": self.text} if self.text else {}
            return "sendPhoto", {"photo": self.photo} | caption | keys
        if self.place:
            return "sendLocation", {"latitude": self.place[0], "longitude": self.place[1]} | keys
        return "sendMessage", {"text": self.text} | keys

    def in_words(self) -> Part:
        """The same without the photo, for when Telegram cannot take it."""
        address = self.photo if _is_address(self.photo) else ""
        return Part(text="\n".join(filter(None, (self.text, address))) or "…", keys=self.keys)


def draw(content: Content) -> list[Part]:
    """The messages that show a content, in order; the buttons hang on the last. Empty: nothing to show."""
    buttons = content.buttons[:MAX_BUTTONS]
    rest = [button.title for button in content.buttons[MAX_BUTTONS:]]
    words = "\n".join([content.text, *rest]) if rest else content.text
    parts = (
        _picture(content, words) or _place(content, words) or _texts(in_words(replace(content, text=words)))
    )
    if buttons:
        parts = parts or [Part(text="…")]  # Telegram hangs buttons on nothing but a message
        parts[-1] = replace(parts[-1], keys=keyboard(buttons))
    return parts


def in_words(content: Content) -> str:
    """What a content says where it cannot be drawn: its text, and what a reader needs of its fields."""
    data, media = content.data, content.media
    words = [content.text]
    if content.kind == "link":
        words += [str(data.get(name, "")) for name in ("title", "description", "url")]
    elif content.kind == "contact":
        words += [str(data.get(name, "")) for name in ("name", "phone_number")]
    elif content.kind == "location":
        words += [str(data.get("label", ""))]
    if media:
        words += [media.name, media.url if _is_address(media.url) else ""]
    return "\n".join(dict.fromkeys(word for word in words if word.strip()))


def keyboard(buttons: Sequence[Button]) -> InlineKeyboardMarkup:
    """One button a row, so that long titles stay readable on a phone."""
    return InlineKeyboardMarkup([[_key(button)] for button in buttons])


def _key(button: Button) -> InlineKeyboardButton:
    """A payload that Telegram cannot carry gives way to the title, which then counts as said."""
    title = button.title.strip() or button.payload or "…"
    data = button.payload
    if not data or data.startswith(TITLE_PREFIX) or len(data.encode()) > DATA_LIMIT:
        data = (TITLE_PREFIX + title).encode()[:DATA_LIMIT].decode(errors="ignore")
    return InlineKeyboardButton(title, callback_data=data)


def _picture(content: Content, words: str) -> list[Part]:
    media = content.media
    photo = (media.url if _is_address(media.url) else media.platform_id) if media else ""
    if content.kind != "image" or not photo:
        return []
    if units(words) > CAPTION_LIMIT:
        return [Part(photo=photo), *_texts(words)]
    return [Part(text=words, photo=photo)]


def _place(content: Content, words: str) -> list[Part]:
    latitude, longitude = content.data.get("latitude"), content.data.get("longitude")
    if not isinstance(latitude, int | float) or not isinstance(longitude, int | float):
        return []
    if content.kind != "location" or abs(latitude) > 90 or abs(longitude) > 180:
        return []
    label = in_words(replace(content, text=words))
    return [*_texts(label), Part(place=(float(latitude), float(longitude)))]


def _texts(words: str) -> list[Part]:
    return [Part(text=piece) for piece in split_text(words)]


def units(text: str) -> int:
    """The length as Telegram counts it, in UTF-16 units."""
    return len(text) + sum(letter > "\uffff" for letter in text)


def split_text(text: str, limit: int = TEXT_LIMIT) -> list[str]:
    """Pieces of at most `limit` UTF-16 units, cut where a reader would pause; none for blank text."""
    pieces = []
    rest = text.strip()
    while units(rest) > limit:
        cut = _cut(rest, _fitting(rest, limit))
        pieces.append(rest[:cut].rstrip())
        rest = rest[cut:].lstrip()
    return [piece for piece in (*pieces, rest) if piece]


def _fitting(text: str, limit: int) -> int:
    """How many letters from the start on have at most `limit` units."""
    room = limit
    for index, letter in enumerate(text):
        room -= 2 if letter > "\uffff" else 1
        if room < 0:
            return index
    return len(text)


def _cut(text: str, fitting: int) -> int:
    """The best place to cut within `fitting`: behind the last pause in the second half, else mid-word."""
    for border in _BORDERS:
        pauses = [pause.end() for pause in border.finditer(text, fitting // 2, fitting)]
        if pauses:
            return pauses[-1]
    cut = fitting
    while cut > fitting // 2 and _belong_together(text[cut - 1], text[cut]):
        cut -= 1
    return cut


def _belong_together(left: str, right: str) -> bool:
    """Whether a cut between two letters would tear an emoji or an accented letter apart."""
    return bool(_JOINERS.match(right) or left == "\u200d" or unicodedata.combining(right))


def _is_address(url: str) -> bool:
    return url.startswith(("https://", "http://"))
