"""What words are about: `buy`, 购买 and 구매 are one concept. Ten examples an intent cannot teach that.

The words lie in `concepts.txt`: general knowledge, the same for every bot.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import ahocorasick

_WORDS = Path(__file__).with_name("concepts.txt")
_FIRST_CJK = "\u1100"
_ENDINGS = (
    ("ies", "y"), ("sses", "ss"), ("ing", ""), ("edly", ""), ("ed", ""), ("ly", ""), ("es", ""), ("s", ""),
)  # fmt: skip
_SHORTEST = 3  # letters of a stem
_KEPT_TWICE = "lsz"  # call, pass, buzz


def stem(word: str) -> str:
    """A rough stem of an English word: what `cancels`, `cancelled` and `cancelling` share."""
    if len(word) <= _SHORTEST:
        return word
    for ending, instead in _ENDINGS:
        looks_so = ending == "s" and word.endswith("ss")  # pass, less
        if word.endswith(ending) and len(word) - len(ending) >= _SHORTEST and not looks_so:
            word = word[: -len(ending)] + instead
            break
    if len(word) > _SHORTEST and word[-1] == word[-2] and word[-1] not in _KEPT_TWICE:
        word = word[:-1]
    if len(word) > _SHORTEST and word[-1] == "e":
        word = word[:-1]
    return word[:-1] + "i" if len(word) > _SHORTEST and word[-1] == "y" else word


def concepts_of(word: str) -> tuple[str, ...]:
    """The concepts of a word that blanks or marks set off."""
    return _read()[0].get(stem(word), ())


def concepts_in(run: str) -> list[str]:
    """The concepts of the words in a run of CJK, the longest that begin first: 开心 is not 开."""
    return [concept for _, some in _read()[1].iter_long(run) for concept in some]


@cache
def _read() -> tuple[Mapping[str, tuple[str, ...]], Any]:
    words: dict[str, list[str]] = {}
    for line in _WORDS.read_text(encoding="utf-8").splitlines():
        name, colon, listed = line.partition(": ")
        if not colon or line.startswith("#"):
            continue
        for word in listed.split():
            words.setdefault(word if word >= _FIRST_CJK else stem(word), []).append(name)
    automaton = ahocorasick.Automaton()
    spaced = {}
    for word, names in words.items():
        if word >= _FIRST_CJK:
            automaton.add_word(word, tuple(names))
        else:
            spaced[word] = tuple(dict.fromkeys(names))
    automaton.make_automaton()
    return spaced, automaton
