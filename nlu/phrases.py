"""Words of lists and of examples, a hundred thousand of them or more, found in one pass over a text.

They live in an automaton (Aho-Corasick) and nowhere else; what they share is one object for all of them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Any, Self

import ahocorasick


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a phrase is: an entity type with its role and group."""

    entity: str
    role: str | None = None
    group: str | None = None

    def to_json(self) -> list[str | None]:
        """The meaning as a list, without what is not told at its end."""
        listed = [self.entity, self.role, self.group]
        return listed if self.group else listed[:2] if self.role else listed[:1]


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of a phrase: what it means, where that comes from, and the lists that it is in."""

    meaning: Meaning | None = None
    origin: str = ""  # "lookup" or "example"
    lists: tuple[str, ...] = ()


_first = itemgetter(0)
Hit = tuple[int, Known | None, int]  # length, what is known of it, bits of the patterns that need it


class Phrases:
    """Folded phrases by what is known of them, and the strings that patterns need by the patterns' bits."""

    __slots__ = ("_automaton",)

    def __init__(self, known: Iterable[tuple[str, Known]], needed_by: Mapping[str, int]) -> None:
        automaton = ahocorasick.Automaton()
        waiting = dict(needed_by)
        shared: dict[tuple[int, int, int], Hit] = {}
        for phrase, what in known:
            bits = waiting.pop(phrase, 0)
            hit = shared.setdefault((len(phrase), id(what), bits), (len(phrase), what, bits))
            automaton.add_word(phrase, hit)
        for word, bits in waiting.items():
            automaton.add_word(word, (len(word), None, bits))
        if len(automaton):
            automaton.make_automaton()
        self._automaton = automaton if len(automaton) else None

    def find(self, folded: str) -> Iterator[tuple[int, Hit]]:
        """The place of the last character of each that stands in a folded text, also inside of words."""
        return iter(()) if self._automaton is None else self._automaton.iter(folded)

    def to_json(self) -> list[Any]:
        """Groups of phrases that share what is known of them."""
        groups: dict[Known, list[str]] = defaultdict(list)
        for phrase, (_, known, _) in sorted(self._automaton.items(), key=_first) if self._automaton else ():
            if known is not None:
                groups[known].append(phrase)
        return [
            [known.meaning.to_json() if known.meaning else None, known.origin, known.lists, phrases]
            for known, phrases in groups.items()
        ]

    @classmethod
    def from_json(cls, groups: Sequence[Any], needed_by: Mapping[str, int]) -> Self:
        """The phrases that `to_json` wrote."""

        def known() -> Iterator[tuple[str, Known]]:
            for meaning, origin, lists, phrases in groups:
                what = Known(Meaning(*meaning) if meaning else None, origin, tuple(lists))
                for phrase in phrases:
                    yield phrase, what

        return cls(known(), needed_by)
