"""Which intent a text has: a linear classifier over n-grams, scored with numpy alone."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from nlu.features import Floats, Ints, Rows

if TYPE_CHECKING:
    import numpy.typing as npt

Ranking = tuple[tuple[str, float], ...]
_SHOWN = 10


class Certainty(NamedTuple):
    """How likely the best label is right, told by its score and by its lead over the others.

    The score alone tells best what is about none of the labels, the lead what may be one of two.
    """

    score: float = 0.17  # weight of the best score
    lead: float = 0.8  # weight of the logarithm of its share among all
    start: float = 0.0

    def of(self, top: Floats, share: Floats) -> Floats:
        """The probability that the best label is right, by its score and the logarithm of its share."""
        found: Floats = np.tanh(0.5 * (self.score * top + self.lead * share + self.start))
        return 0.5 + 0.5 * found

    def of_one(self, top: float, share: float) -> float:
        """As `of`, for a single text."""
        return 0.5 + 0.5 * math.tanh(0.5 * (self.score * top + self.lead * share + self.start))


@dataclass(frozen=True, slots=True)
class Classifier:
    """Weights of a linear classifier; scaled in training so that the softmax of scores is a chance.

    Its labels are the intents and, of a retrieval intent, each entry: entries are of one piece, a
    retrieval intent is not. Labels of one intent stand together; `firsts` says where each intent's begin.
    An intent is as likely as its likeliest label: fifty entries that are each a little likely are nothing.
    """

    intents: tuple[str, ...]
    labels: tuple[str, ...]
    firsts: Ints
    weights: npt.NDArray[np.int8]  # n-grams by labels; a quarter of the memory, and no answer changes
    scales: Floats  # what 1 in `weights` stands for, by n-gram
    bias: Floats
    certainty: Certainty
    dense: Floats | None = None  # weights of an encoder's dimensions and, last, their bias; by labels

    def chances(self, rows: Rows, vectors: Floats | None = None) -> Floats:
        """For each row how likely each label is right; zeros for a row without any known n-gram.

        `vectors` (texts by dimensions) is what an encoder makes of the texts, where the model has one:
        then no text is unknown. They do not add up to 1: a text about none of the labels has a low chance
        for each.
        """
        if self.dense is not None and vectors is not None:
            return self._mixed(rows, vectors)
        if len(rows) == 1 and len(rows.ids) and len(self.labels) > 1:
            return self._chances_of_one(rows)
        found = np.zeros((len(rows), len(self.labels)), np.float32)
        said = np.flatnonzero(np.diff(rows.bounds))
        if not len(said) or not self.labels:
            return found
        if len(self.labels) == 1:
            # With one label every probability is 1; how much of the text is known says more.
            found[said, 0] = np.sqrt(np.add.reduceat(rows.weights**2, rows.bounds[:-1][said]))
            return np.minimum(found, 1)
        scores = self._scores(rows)
        top = scores.max(axis=1, keepdims=True)
        lead: Floats = np.exp(scores - top)
        lead *= self.certainty.of(top, log_share(lead))
        if len(said) < len(rows):
            found[said] = lead[said]
            return found
        return lead

    def rank(self, chances: Floats) -> list[Ranking]:
        """For each row the intents with their probability, best first, at most ten.

        A row of zeros has no ranking: nothing speaks for any intent.
        """
        if not self.intents:
            return [()] * len(chances)
        plain = len(self.intents) == len(self.labels)
        likely = chances if plain else np.maximum.reduceat(chances, self.firsts, axis=1)
        if len(likely) == 1:
            return [self._rank_one(likely[0])]
        best = np.argsort(-likely, axis=1)[:, :_SHOWN]
        top = likely[np.arange(len(likely))[:, None], best].tolist()
        names = self.intents
        return [
            tuple(zip([names[n] for n in numbers], values, strict=True)) if values[0] > 0 else ()
            for numbers, values in zip(best.tolist(), top, strict=True)
        ]

    def _rank_one(self, likely: Floats) -> Ranking:
        best = (-likely).argsort()[:_SHOWN].tolist()
        if likely[best[0]] <= 0:
            return ()
        names = self.intents
        return tuple(zip([names[n] for n in best], likely[best].tolist(), strict=True))

    def _mixed(self, rows: Rows, vectors: Floats) -> Floats:
        assert self.dense is not None
        scores = self._scores(rows) + vectors @ self.dense[:-1] + self.dense[-1]
        top = scores.max(axis=1, keepdims=True)
        lead: Floats = np.exp(scores - top)
        lead *= self.certainty.of(top, log_share(lead))
        return lead

    def _scores(self, rows: Rows) -> Floats:
        scores = np.empty((len(rows), len(self.labels)), np.float32)
        scales = rows.weights * self.scales.take(rows.ids)
        for number, (first, last) in enumerate(pairwise(rows.bounds.tolist())):
            some = self.weights.take(rows.ids[first:last], 0).astype(np.float32)
            np.dot(scales[first:last], some, out=scores[number])
        scores += self.bias
        return scores

    def _chances_of_one(self, rows: Rows) -> Floats:
        """As `chances` of a row that is not empty, in as few steps as can be."""
        scales = rows.weights * self.scales.take(rows.ids)
        lead: Floats = scales @ self.weights.take(rows.ids, 0).astype(np.float32)
        lead += self.bias
        top = float(lead.max())
        lead -= top
        np.exp(lead, out=lead)
        share = -math.log(float(np.sqrt(lead).sum()))
        lead *= np.float32(self.certainty.of_one(top, share))
        return lead[None, :]


def packed(weights: Floats) -> tuple[npt.NDArray[np.int8], Floats]:
    """Weights as whole numbers from -127 to 127, and the scale of each n-gram."""
    highest = np.abs(weights).max(axis=1, initial=0)
    scales = np.where(highest > 0, highest / 127, 1).astype(np.float32)
    return np.rint(weights / scales[:, None]).astype(np.int8), scales


def log_share(lead: Floats) -> Floats:
    """The logarithm of the best label's share, from each label's exponential of its score less the best.

    Flattened by a square root: a share tells the more the more the other labels still count.
    """
    found: Floats = -np.log(np.sqrt(lead).sum(axis=1, keepdims=True))
    return found
