"""Content as WeChat texts of at most 2048 bytes: put in words, split where a reader would pause."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable

from bots.wechat.wire import printable
from crm_store.messages import Button, Content

TEXT_LIMIT = 2048  # bytes of UTF-8

# Best first. A border in the first half of what fits would make needlessly short messages.
_BORDERS = tuple(
    map(re.compile, (r"\n\s*\n", r"\n", r"[。！？!?…；;]+[”’」』）)]*|[.]+(?=\s)", r"[，、,]|\s"))
)
_JOINER = "\u200d"

Link = Callable[[Button], str]


def size(text: str) -> int:
    """The length in bytes of UTF-8."""
    return len(text.encode("utf-8", "replace"))


def words(content: Content) -> str:
    """A content in words: what it says, and where its file, page or place is to be found."""
    data = content.data
    lines = [content.text or str(data.get("title") or data.get("label") or "")]
    if content.kind == "link":
        lines += [str(data.get("description") or ""), str(data.get("url") or "")]
    elif content.kind == "location" and "latitude" in data and "longitude" in data:
        lines.append(f"{data['latitude']}, {data['longitude']}")
    elif content.kind == "contact":
        lines += [str(data.get("name") or ""), str(data.get("phone_number") or "")]
    if content.media:
        lines += ["" if content.text else content.media.name, content.media.url]
    return "\n".join(dict.fromkeys(filter(None, (printable(line).strip() for line in lines))))


def draw(content: Content, link: Link) -> list[str]:
    """A content as texts, one message each; its buttons are links under the last one."""
    parts = split(words(content))
    for choice in map(link, content.buttons):
        if parts and size(parts[-1]) + 1 + size(choice) <= TEXT_LIMIT:
            parts[-1] += f"\n{choice}"
        else:
            parts.append(choice)
    return parts


def draw_short(content: Content, link: Link) -> str:
    """A content as a single text that ends in `…` where it had to be cut; buttons that fit stay."""
    choices = ""
    for choice in map(link, content.buttons):
        if size(choices) + 1 + size(choice) <= TEXT_LIMIT // 2:
            choices += f"\n{choice}"
    room = TEXT_LIMIT - size(choices)
    text = words(content)
    if size(text) > room:
        text = split(text, room - size("…"))[0] + "…"
    return (text + choices).strip()


def split(text: str, limit: int = TEXT_LIMIT) -> list[str]:
    """The text in parts of at most `limit` bytes (4 or more), cut after paragraphs, lines or sentences."""
    parts = []
    rest = text.strip()
    while len(rest) > limit or size(rest) > limit:
        cut = _border(rest, limit)
        parts.append(rest[:cut].rstrip())
        rest = rest[cut:].lstrip()
    return [part for part in (*parts, rest) if part]


def _border(text: str, limit: int) -> int:
    """How many characters of the text to take."""
    fits = text[:limit].encode("utf-8", "replace")[:limit].decode("utf-8", "ignore")
    for border in _BORDERS:
        ends = [found.end() for found in border.finditer(fits, len(fits) // 2)]
        if ends:
            return ends[-1]
    cut = len(fits)
    while cut > 1 and _clings(text, cut):
        cut -= 1
    return cut if cut > 1 else len(fits)


def _clings(text: str, at: int) -> bool:
    """Whether the character there is drawn together with the one before, as in a composed emoji."""
    after = text[at : at + 1]
    return (
        text[at - 1] == _JOINER
        or after == _JOINER
        or unicodedata.category(after or " ") in {"Mn", "Mc", "Me"}
        or "\U0001f3fb" <= after <= "\U0001f3ff"
    )
