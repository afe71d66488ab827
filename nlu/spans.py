"""Spans of a text: one form that keeps every character's place, and which of several finds to believe."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterable

from crm_store.hanzi import SIMPLIFIED
from crm_store.messages import Entity

_HALF_WIDTH = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)} | {0x3000: 0x20}
_HALF_WIDTH |= {0xFFE0: 0xA2, 0xFFE1: 0xA3, 0xFFE5: 0xA5, 0xFFE6: 0x20A9}
_PLAIN = _HALF_WIDTH | SIMPLIFIED
# Most texts hold none of them: one look costs a tenth of translating.
_NOT_PLAIN = re.compile(f"[{''.join(map(chr, _PLAIN))}]")
# Only scripts that put blanks between words have word borders; `\b` would see none inside Chinese.
_ALPHABETIC = re.compile("[0-9A-Za-z\u00c0-\u024f\u0370-\u052f]")


def fold(text: str) -> str:
    """Half width, simplified and lower case, character by character: every place stays where it is."""
    if text.isascii():
        return text.lower()
    half = text.translate(_PLAIN) if _NOT_PLAIN.search(text) else text
    lower = half.lower()
    if len(lower) == len(text):
        return lower
    return "".join(c.lower() if len(c.lower()) == 1 else c for c in half)


def at_word_borders(text: str, start: int, end: int) -> bool:
    """True unless the span cuts a word of an alphabetic script in two."""
    return not (_joined(text, start) or _joined(text, end))


def _joined(text: str, place: int) -> bool:
    if not 0 < place < len(text):
        return False
    before, after = text[place - 1], text[place]
    return bool(_ALPHABETIC.match(before) and _ALPHABETIC.match(after))


def without_overlaps(entities: Iterable[Entity]) -> tuple[Entity, ...]:
    """Of finds that overlap the longest, of equally long ones the first given; in order of place."""
    starts: list[int] = []
    taken: list[Entity] = []
    for entity in sorted(entities, key=lambda e: e.start - e.end):
        place = bisect_left(
            starts, entity.end
        )  # of those that begin before its end the last may reach into it
        if place == 0 or taken[place - 1].end <= entity.start:
            starts.insert(place, entity.start)
            taken.insert(place, entity)
    return tuple(taken)
