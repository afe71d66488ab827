"""The tone of a message: pleased or displeased, urgent, abusive, spam. Cheap enough for every message.

Words tell it (`nlu/tone_words.py`). Where a company has labelled messages of its own, its labels tell how
pleased a text sounds (`nlu/sentiment.py`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from math import tanh
from typing import Any

import ahocorasick

from nlu import tone_words
from nlu.spans import at_word_borders

_GOOD, _BAD, _NOT, _VERY, _URGENT, _CALM, _ABUSE, _SPAM = range(8)
_KINDS = (
    (_GOOD, tone_words.GOOD), (_BAD, tone_words.BAD), (_NOT, tone_words.NOT), (_VERY, tone_words.VERY),
    (_URGENT, tone_words.URGENT), (_CALM, tone_words.CALM), (_ABUSE, tone_words.ABUSE),
    (_SPAM, tone_words.SPAM),
)  # fmt: skip
# How many characters a "not" or a "very" reaches ahead: 不太好吃, "not a very good".
_REACH_HAN, _REACH_LATIN = 3, 14
_PAUSE = re.compile("[,，。.!！?？;；~、]")
_HANGUL = re.compile("[\uac00-\ud7a3]")
_NOT_BEHIND = re.compile("[가-힣]{0,3}지 ?(?:않|못)|(?<=지) ?(?:않|못)")  # 좋지 않아요: said behind
_LINK = re.compile(r"https?://|www\.|t\.me/|(?:微信|vx|qq)\W{0,3}[a-z0-9_]{5,}")
_MAYBE_LINK = ("://", "www.", "t.me", "微信", "vx", "qq")
_FLOOD = 40  # characters from which a text of hardly any different ones is a flood


@dataclass(frozen=True, slots=True)
class Tone:
    """How a text sounds: `sentiment` from -1 (displeased) to 1 (pleased), 0 where nothing tells."""

    sentiment: float = 0.0
    urgent: bool = False
    flags: tuple[str, ...] = ()  # "abuse", "spam"


def _built(kinds: Iterable[tuple[int, Iterable[str]]]) -> Any:
    automaton = ahocorasick.Automaton()
    for kind, listed in kinds:
        for word in listed:
            automaton.add_word(word, (len(word), kind))
    automaton.make_automaton()
    return automaton


_AUTOMATON = _built(_KINDS)
_PLAIN = Tone()


def read_tone(normal: str, sentiment: float | None = None) -> Tone:
    """The tone of a normalised text. `sentiment`: what a company's own labels say of it, if any."""
    hits = [*_hits(normal)]
    if not hits and len(normal) < _FLOOD and sentiment is None:
        return _PLAIN
    kinds = {kind for _, _, kind in hits}
    felt = _felt(normal, hits) if sentiment is None and (_GOOD in kinds or _BAD in kinds) else 0.0
    flags = []
    if _ABUSE in kinds:
        flags.append("abuse")
    if _is_spam(normal, sum(kind == _SPAM for _, _, kind in hits)):
        flags.append("spam")
    urgent = _URGENT in kinds and _CALM not in kinds
    return Tone(round(felt if sentiment is None else sentiment, 3), urgent, tuple(flags))


def _hits(normal: str) -> Iterator[tuple[int, int, int]]:
    """Start, end and kind of the words, the longest where they overlap, whole words in alphabets."""
    for last, (length, kind) in _AUTOMATON.iter_long(normal):
        start, end = last + 1 - length, last + 1
        if normal[start] > "\u024f" or at_word_borders(normal, start, end):
            yield start, end, kind


def _felt(normal: str, hits: Iterable[tuple[int, int, int]]) -> float:
    """The sum of what the words feel, turned by a "not" and strengthened by a "very" before them."""
    total = 0.0
    not_end = very_end = -100
    for start, end, kind in hits:
        if kind == _NOT:
            not_end = end
        elif kind == _VERY:
            very_end = end
        elif kind in (_GOOD, _BAD):
            weight = 1.0 if kind == _GOOD else -1.0
            if _reaches(normal, very_end, start):
                weight *= 1.5
            if _reaches(normal, not_end, start) or _NOT_BEHIND.match(normal, end):
                weight *= -0.8
            total += weight
    return tanh(total / 2)


def _reaches(normal: str, before: int, start: int) -> bool:
    if before < 0:
        return False
    reach = _REACH_LATIN if normal[start].isascii() or _HANGUL.match(normal, start) else _REACH_HAN
    return start - before <= reach and not _PAUSE.search(normal, before, start)


def _is_spam(normal: str, words: int) -> bool:
    if words > 1:
        return True
    if len(normal) >= _FLOOD and len(set(normal)) <= 4:
        return True
    links = len(_LINK.findall(normal)) if any(hint in normal for hint in _MAYBE_LINK) else 0
    return links > 2 or (links > 0 and words > 0)
