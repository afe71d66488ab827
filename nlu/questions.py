"""More than one question in a message, such as "几点开门?还有能退货吗": each is understood and answered."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from crm_store.messages import Answer, Understanding

_PIECE = re.compile("[^?!.,;\n？！。，；、]+[?!.;\n？！。；]*")
_MARK = re.compile("[?!.,;\n？！。，；、]\\W*\\w")
_TWICE = re.compile("[?？]\\W*\\w.*[?？]", re.DOTALL)
_LONGEST = 300  # characters: a long text tells a story, it does not ask several things
_MOST = 3
_PERHAPS = 0.005  # a second entry with less is not what a text asks besides
_SURE = 0.6  # a piece is a question of its own from this score on


def may_ask_more(whole: Understanding) -> bool:
    """Whether it is worth the time to look at the pieces: two entries may be meant, or two marks ask."""
    likely = sum(answer.score > _PERHAPS for answer in whole.answers)
    return likely > 1 or (bool(whole.answers) and bool(_TWICE.search(whole.text)))


def pieces(text: str) -> list[str]:
    """What may be questions of their own; none where the text is of one piece."""
    if len(text) > _LONGEST or not _MARK.search(text):
        return []
    return [piece.strip() for piece in _PIECE.findall(text) if piece.strip()]


def told_apart(whole: Understanding, parts: Sequence[Understanding]) -> Understanding:
    """The text as its first question, and the entries that answer the others.

    Only where two pieces each ask for an FAQ entry of their own; else the text as it was.
    """
    if whole.answers and whole.answers[0].exact:
        return whole
    asked: dict[str, tuple[Answer, Understanding]] = {}
    for part in parts:
        best = part.answers[0] if part.answers else None
        if best and (best.exact or (best.score >= _SURE and best.entry.partition("/")[0] == part.intent)):
            asked.setdefault(best.entry, (best, part))
    if len(asked) < 2:
        return whole
    first, *others = list(asked.values())[:_MOST]
    return replace(
        whole,
        intent=first[1].intent,
        confidence=first[1].confidence,
        ranking=first[1].ranking,
        answers=first[1].answers,
        more=tuple(answer for answer, _ in others),
    )
