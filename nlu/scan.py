"""Many patterns, of which few are tried on a text: one pass over it tells which have a chance."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import ahocorasick

from nlu.needs import DIGIT, DIGITS, needed

Reader = TypeVar("Reader", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class Pattern(Generic[Reader]):
    """A pattern over folded texts, and what reads its matches. `kind` is what it finds.

    `needs`: strings of which every match holds one; None: cannot be told.
    """

    kind: str
    expression: re.Pattern[str]
    read: Reader
    needs: frozenset[str] | None


def pattern(kind: str, expression: str, read: Reader, *needs: str) -> Pattern[Reader]:
    """A pattern from its source; what it needs is read from that unless it is given."""
    return Pattern(kind, re.compile(expression), read, frozenset(needs) or needed(expression))


class Scanner(Generic[Reader]):
    """Tries patterns on texts that hold what they need."""

    def __init__(self, patterns: Iterable[Pattern[Reader]]) -> None:
        self.patterns: Sequence[Pattern[Reader]] = tuple(patterns)
        self.always = 0  # bits of the patterns of which it cannot be told what they need
        masks: dict[str, int] = {}
        for number, each in enumerate(self.patterns):
            if each.needs is None:
                self.always |= 1 << number
            for word in each.needs or ():
                for letters in DIGITS if word == DIGIT else (word,):
                    masks[letters] = masks.get(letters, 0) | 1 << number
        self._automaton = ahocorasick.Automaton()
        for letters, mask in masks.items():
            self._automaton.add_word(letters, mask)
        if masks:
            self._automaton.make_automaton()

    def scan(self, folded: str) -> Iterator[tuple[Pattern[Reader], re.Match[str]]]:
        """Every match of every pattern, in the order of the patterns."""
        mask = self.always
        for _, found in self._automaton.iter(folded):
            mask |= found
        while mask:
            lowest = mask & -mask
            mask ^= lowest
            each = self.patterns[lowest.bit_length() - 1]
            for match in each.expression.finditer(folded):
                yield each, match
