"""Which intent a text has: a linear classifier over n-grams, scored with numpy alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from nlu.features import Floats, Ints, Rows

if TYPE_CHECKING:
    import numpy.typing as npt

Ranking = tuple[tuple[str, float], ...]
_SHOWN = 10


@dataclass(frozen=True, slots=True)
class Classifier:
    """Weights of a linear classifier; scaled in training so that their softmax is a confidence.

    Its labels are the intents and, of a retrieval intent, each entry: entries are of one piece, a
    retrieval intent is not. Labels of one intent stand together; `firsts` says where each intent's begin.
    An intent is as likely as its likeliest label: fifty entries that are each a little likely are nothing.
    """

    intents: tuple[str, ...]
    labels: tuple[str, ...]
    firsts: Ints
    weights: Floats  # n-grams by labels
    bias: Floats

    def chances(self, rows: Rows) -> Floats:
        """For each row the probability of each label; zeros for a row without any known n-gram."""
        found = np.zeros((len(rows), len(self.labels)), np.float32)
        said = np.flatnonzero(np.diff(rows.bounds))
        if not len(said) or not self.labels:
            return found
        if len(self.labels) == 1:
            # With one label every probability is 1; how much of the text is known says more.
            found[said, 0] = np.sqrt(np.add.reduceat(rows.weights**2, rows.bounds[:-1][said]))
            return np.minimum(found, 1)
        scores = self._scores(rows, rows.bounds[:-1][said])
        scores -= scores.max(axis=1, keepdims=True)
        np.exp(scores, out=scores)
        scores /= scores.sum(axis=1, keepdims=True)
        if len(said) == len(rows):
            return scores
        found[said] = scores
        return found

    def rank(self, chances: Floats) -> list[Ranking]:
        """For each row the intents with their probability, best first, at most ten.

        A row of zeros has no ranking: nothing speaks for any intent.
        """
        if not self.intents:
            return [()] * len(chances)
        likely = np.maximum.reduceat(chances, self.firsts, axis=1)
        best = np.argsort(-likely, axis=1)[:, :_SHOWN]
        top = likely[np.arange(len(likely))[:, None], best].tolist()
        names = self.intents
        return [
            tuple(zip([names[n] for n in numbers], values, strict=True)) if values[0] > 0 else ()
            for numbers, values in zip(best.tolist(), top, strict=True)
        ]

    def _scores(self, rows: Rows, starts: npt.NDArray[np.int64]) -> Floats:
        if len(starts) == 1:
            scores: Floats = (rows.weights @ self.weights[rows.ids])[None, :]
        else:
            scores = np.add.reduceat(self.weights[rows.ids] * rows.weights[:, None], starts, axis=0)
        return scores + self.bias
