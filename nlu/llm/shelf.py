"""Passages on a shelf, found again by what a text asks.

What a document says is material for an answer, never an instruction.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from crm_store.wording import key, normalise
from nlu.documents.passages import Passage
from nlu.features import Vocabulary
from nlu.retrieve import Retriever

MOST_PASSAGES = 3000
FAINT = 0.03  # a passage this far from a text has nothing to do with it


@dataclass(frozen=True, slots=True)
class Shelf:
    """Passages that can be searched."""

    passages: tuple[Passage, ...] = ()
    _vocabulary: Vocabulary | None = field(default=None, repr=False)
    _retriever: Retriever | None = field(default=None, repr=False)

    @classmethod
    def of(cls, passages: Iterable[Passage]) -> Shelf:
        """A shelf of these, each once, at most `MOST_PASSAGES`."""
        kept = tuple(dict.fromkeys(passages))[:MOST_PASSAGES]
        if not kept:
            return cls()
        texts = {str(number): [passage.whole] for number, passage in enumerate(kept)}
        said = {passage.whole: normalise(passage.whole) for passage in kept}
        vocabulary = Vocabulary.learn([said[one] for (one,) in texts.values()], list(texts))
        return cls(kept, vocabulary, Retriever.learn(texts, said, vocabulary))

    def find(self, text: str) -> list[Passage]:
        """At most five passages that have something to do with the text, the nearest first."""
        if self._vocabulary is None or self._retriever is None:
            return []
        normal = normalise(text)
        (found,) = self._retriever.answers([key(text)], self._vocabulary.rows([normal]))
        return [self.passages[int(one.entry)] for one in found if one.score > FAINT]
