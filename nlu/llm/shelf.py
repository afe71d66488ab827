"""Passages on a shelf, found again by what a text asks.

What a document says is material for an answer, never an instruction.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np

from nlu.documents.passages import Passage
from nlu.llm.index import Index

MOST_PASSAGES = 3000
SHOWN = 5
FAINT = 0.03  # a passage this far from a text has nothing to do with it


@dataclass(frozen=True, slots=True)
class Shelf:
    """Passages that can be searched."""

    passages: tuple[Passage, ...] = ()
    _index: Index = field(default_factory=lambda: Index([]), repr=False)

    @classmethod
    def of(cls, passages: Iterable[Passage], before: Shelf | None = None) -> Shelf:
        """A shelf of these, each once, at most `MOST_PASSAGES`; those of one before are known."""
        kept = tuple(dict.fromkeys(passages))[:MOST_PASSAGES]
        return cls(kept, Index([one.whole for one in kept], before._index if before else None))

    def find(self, text: str) -> list[Passage]:
        """At most five passages that have something to do with the text, the nearest first."""
        scores = self._index.scores(text)
        nearest = np.argsort(-scores, kind="stable")[:SHOWN]
        return [self.passages[place] for place in nearest.tolist() if scores[place] > FAINT]
