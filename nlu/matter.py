"""What a customer wants to be reminded of: the text without the time and without the asking."""

from __future__ import annotations

import re

from crm_store.messages import Moment

LONGEST = 300  # characters
_ASKING = (
    re.compile(r"(?:can|could|would|will) you (?:please )?(?=remind)", re.IGNORECASE),
    re.compile(r"(?:please |pls )?remind me(?: again)?(?: (?:to|about|that|of))?", re.IGNORECASE),
    re.compile(
        r"(?:请|麻烦|帮忙|记得|能不能|可以|可否|到时候?|到点)*(?:你|您)?(?:再|要)?"
        r"(?:提醒|叫|喊|通知)(?:我|一下)+(?:一声|一下|要|去)*"
    ),
    re.compile(r"(?:麻烦|拜托)(?:你|您)?(?:帮忙)?"),
    re.compile(r"(?:帮我)?(?:设|定|设置)(?:一?个)?(?:提醒|闹钟)"),
    re.compile(
        r"(?:에|하라고|하게)? ?(?:나한테|저한테)? ?(?:알려|알림|리마인드)\S*(?: ?(?:줘|주세요|해줘))?"
    ),
)
_LEFT_OVER = " \t\n,.;:!?，。；：！？、~～-—"
_LEADING = re.compile(r"^(?:at|on|to|that|about|的时候?|时候?|要|去|에)\s*", re.IGNORECASE)
_TRAILING = re.compile(r"\s*(?:at|on|please|pls|thanks|吗|好吗|谢谢|吧|에)$", re.IGNORECASE)


def read_matter(text: str, moment: Moment | None) -> str:
    """The matter of "remind me tomorrow at ten to call Lin": call Lin. Empty if there is none."""
    for start, end in sorted(moment.places if moment else (), reverse=True):
        text = text[:start] + " " + text[end:]
    for asking in _ASKING:
        text = asking.sub(" ", text)
    text, before = " ".join(text.split()).strip(_LEFT_OVER), ""
    while before != text:
        before = text
        text = _TRAILING.sub("", _LEADING.sub("", text)).strip(_LEFT_OVER)
    return text[:LONGEST]
