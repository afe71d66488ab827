"""What a tagger sees of a text: tokens, and for each of them the names of its features.

A token is a word of an alphabet, a run of digits, or one character of any other script.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

_TOKEN = re.compile("[a-z\u00c0-\u024f\u0370-\u052f]+(?:['’][a-z]+)?|[0-9]+|[^\\s]")
_START, _END, _AND = "\x02", "\x03", "\x01"
MOST = 200  # tokens of a text that are looked at
Span = tuple[int, int, str]


@dataclass(frozen=True, slots=True)
class Tokens:
    """The tokens of one text: their places and forms, and what is known of each by other means."""

    starts: Sequence[int]
    ends: Sequence[int]
    words: Sequence[str]
    kinds: Sequence[str]  # "B-date", "I-date" in a find of the system; "" elsewhere
    listed: Sequence[str]  # "B-city", "I-city" in a phrase of a list or of an example; "" elsewhere

    def __len__(self) -> int:
        return len(self.words)


def tokenize(folded: str, kinds: Iterable[Span], listed: Iterable[Span]) -> Tokens:
    """The tokens of a folded text, with the system's finds and the listed phrases in it."""
    starts: list[int] = []
    ends: list[int] = []
    words: list[str] = []
    for found in _TOKEN.finditer(folded):
        starts.append(found.start())
        ends.append(found.end())
        words.append(found.group())
    # A text of thousands of words is no request: what comes late in it is left to the rules.
    starts, ends, words = starts[:MOST], ends[:MOST], words[:MOST]
    return Tokens(starts, ends, words, cover(starts, ends, kinds), cover(starts, ends, listed))


def cover(starts: Sequence[int], ends: Sequence[int], spans: Iterable[Span]) -> list[str]:
    """For each token "B-name" or "I-name" of the longest span that it lies in; "" where there is none."""
    marks = [""] * len(starts)
    for begin, end, name in sorted(spans, key=lambda span: span[1] - span[0]):
        prefix = "B-"
        for number, (start, stop) in enumerate(zip(starts, ends, strict=True)):
            if begin <= start and stop <= end:
                marks[number] = prefix + name
                prefix = "I-"
    return marks


def shape(word: str) -> str:
    """The kind of a token's letters: digits by their count, Latin, Han, Hangul, other."""
    first = word[0]
    if first.isdecimal():
        return f"d{min(len(word), 5)}"
    if first <= "\u024f":
        return "l" if first.isalpha() else first
    return "h" if "\u4e00" <= first <= "\u9fff" else "k" if "\uac00" <= first <= "\ud7a3" else "o"


def features(tokens: Tokens) -> list[list[str]]:
    """The names of the features of each token.

    Only its neighbours are looked at: with few examples, what stands further away is learned by heart.
    """
    words = [_START, *tokens.words, _END]
    shapes = ["", *map(shape, tokens.words), ""]
    found: list[list[str]] = []
    for place, word in enumerate(tokens.words):
        before, after = words[place], words[place + 2]
        here = shapes[place + 1]
        names = [
            f"w{word}", f"b{before}", f"a{after}", f"bw{before}{_AND}{word}", f"wa{word}{_AND}{after}",
            f"s{shapes[place]}{_AND}{here}", f"t{here}{_AND}{shapes[place + 2]}", "any",
        ]  # fmt: skip
        if tokens.kinds[place]:
            names.append(f"k{tokens.kinds[place]}")
        if tokens.listed[place]:
            names.append(f"l{tokens.listed[place]}")
        if len(word) > 2:
            names += [f"<{word[:3]}", f">{word[-3:]}", f">{word[-2:]}"]
        if place and tokens.starts[place] == tokens.ends[place - 1]:
            names.append("joined")
        found.append(names)
    return found
