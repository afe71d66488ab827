"""Which FAQ entry answers a text: similarity to every known phrasing, over inverted lists in numpy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from crm_store.messages import Answer
from crm_store.wording import key
from nlu.features import Floats, Ints, Rows, Vocabulary

if TYPE_CHECKING:
    import numpy.typing as npt

SHOWN = 5
_ALWAYS = 3  # entries that are named however small their score: who looks at a list wants to choose
_TOO_SMALL = 0.02  # a score that says nothing for its entry
_MANY = 500  # entries, from which on it is not worth the time to sort them all


@dataclass(frozen=True, slots=True)
class Retriever:
    """Phrasings by n-gram: those with n-gram i are `phrasings[bounds[i]:bounds[i + 1]]`.

    Phrasings of one entry stand together; `firsts` says where each entry's begin.
    """

    entries: tuple[str, ...]
    firsts: Ints
    bounds: npt.NDArray[np.int64]
    phrasings: Ints
    weights: Floats  # of the n-gram in the phrasing; a phrasing's squares add up to 1
    count: int  # of phrasings
    exact: Mapping[str, str]  # key of a phrasing: entry
    vectors: Floats | None = None  # phrasings by an encoder's dimensions, where one is mixed in
    share: float = 0.0  # of the score that is the encoder's

    @classmethod
    def learn(
        cls, entries: Mapping[str, Sequence[str]], said: Mapping[str, str], vocabulary: Vocabulary
    ) -> Retriever:
        """Lists for the phrasings of each entry. `said` holds each as it is read (see marks.py)."""
        names = [name for name, texts in entries.items() if texts]
        texts = [text for name in names for text in entries[name]]
        sizes = [len(entries[name]) for name in names]
        rows = vocabulary.rows([said[text] for text in texts])
        owners = np.repeat(np.arange(len(texts), dtype=np.int32), np.diff(rows.bounds))
        order = np.argsort(rows.ids, kind="stable")
        bounds = np.zeros(len(vocabulary) + 1, np.int64)
        np.cumsum(np.bincount(rows.ids, minlength=len(vocabulary)), out=bounds[1:])
        exact: dict[str, str] = {}
        for name in names:
            for text in entries[name]:
                exact.setdefault(key(text), name)
        firsts = np.cumsum([0, *sizes[:-1]]) if sizes else np.zeros(0)
        return cls(
            entries=tuple(names),
            firsts=firsts.astype(np.int32),
            bounds=bounds,
            phrasings=owners[order],
            weights=rows.weights[order],
            count=len(texts),
            exact=exact,
        )

    def without_lists(self) -> Retriever:
        """Only the exact phrasings: all that is needed where a classifier knows every entry."""
        none = np.zeros(0, np.int32)
        return replace(self, bounds=np.zeros(1, np.int64), phrasings=none, weights=np.zeros(0, np.float32))

    def with_vectors(
        self, entries: Mapping[str, Sequence[str]], vectors: Mapping[str, Floats], share: float
    ) -> Retriever:
        """With what an encoder makes of each phrasing; `share` of a score is its. 0: it is left out."""
        if not share or not vectors:
            return self
        found = np.array([vectors[text] for name in self.entries for text in entries[name]], np.float32)
        return replace(self, vectors=found, share=share)

    def answers(
        self,
        keys: Sequence[str],
        rows: Rows,
        chances: Floats | None = None,
        vectors: Floats | None = None,
    ) -> list[tuple[Answer, ...]]:
        """For each text (its `key` and its row) at most five entries, best first.

        Three are always named, if anything at all speaks for them; more only if they are likely.

        `chances` (texts by entries) is what the classifier thinks of each entry, and then is the score:
        held-out phrasings show that similarity adds nothing to it. Without `chances` (too many entries for
        a classifier) the score is similarity: the cosine with the nearest phrasing, and of the encoder's
        `vectors` of the texts where there are any. An exact match has
        score 1 and comes first.
        """
        if not self.entries:
            return [()] * len(keys)
        scores = self._scores(rows, vectors) if chances is None else chances
        best = _highest(scores)
        values = scores[np.arange(len(scores))[:, None], best].tolist()
        found = []
        for text, numbers, points in zip(keys, best.tolist(), values, strict=True):
            likely = sum(point > _TOO_SMALL for point in points)
            shown = [*zip(numbers, points, strict=True)][: max(likely, _ALWAYS)]
            near = [(self.entries[number], point) for number, point in shown if point > 0]
            found.append(self._with_exact(self.exact.get(text), near))
        return found

    def _with_exact(self, exact: str | None, near: list[tuple[str, float]]) -> tuple[Answer, ...]:
        if exact is None:
            return tuple(Answer(name, min(1.0, points)) for name, points in near)
        rest = [Answer(name, min(1.0, points)) for name, points in near if name != exact]
        return (Answer(exact, 1.0, exact=True), *rest[: SHOWN - 1])

    def _scores(self, rows: Rows, vectors: Floats | None) -> Floats:
        """Texts by entries: the best score of the entry's phrasings."""
        starts = self.bounds[rows.ids]
        lengths = self.bounds[rows.ids + 1] - starts
        total = int(lengths.sum())
        ends = np.cumsum(lengths)
        places = np.arange(total) + np.repeat(starts - ends + lengths, lengths)
        cells = self.phrasings[places]
        if len(rows) > 1:
            owners = np.repeat(np.arange(len(rows)) * self.count, np.diff(rows.bounds))
            cells = cells + np.repeat(owners, lengths)
        points = self.weights[places] * np.repeat(rows.weights, lengths)
        scores = np.bincount(cells, points, len(rows) * self.count).reshape(len(rows), self.count)
        if self.vectors is not None and vectors is not None:
            scores = (1 - self.share) * scores + self.share * (vectors @ self.vectors.T)
        if self.count == len(self.entries):
            return scores.astype(np.float32)
        best: Floats = np.maximum.reduceat(scores, self.firsts, axis=1).astype(np.float32)
        return best


def _highest(scores: Floats) -> npt.NDArray[np.intp]:
    """The columns of each row's five highest scores, the highest first; of equals the first."""
    lines = np.arange(len(scores))[:, None]
    some = np.arange(scores.shape[1])[None, :]
    if scores.shape[1] > _MANY:
        some = np.sort(np.argpartition(-scores, SHOWN, axis=1)[:, :SHOWN], axis=1)
    order = np.argsort(-scores[lines, some], axis=1, kind="stable")[:, :SHOWN]
    return np.broadcast_to(some, (len(scores), some.shape[1]))[lines, order]
