"""Which intent a text has: a linear classifier over n-grams, scored with numpy alone."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from nlu.features import Floats, Ints, Rows

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
    weights: Floats  # n-grams by labels
    bias: Floats
    certainty: Certainty

    def chances(self, rows: Rows) -> Floats:
        """For each row how likely each label is right; zeros for a row without any known n-gram.

        They do not add up to 1: a text about none of the labels has a low chance for each.
        """
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
        best = np.argsort(-likely, axis=1)[:, :_SHOWN]
        top = likely[np.arange(len(likely))[:, None], best].tolist()
        names = self.intents
        return [
            tuple(zip([names[n] for n in numbers], values, strict=True)) if values[0] > 0 else ()
            for numbers, values in zip(best.tolist(), top, strict=True)
        ]

    def _scores(self, rows: Rows) -> Floats:
        if len(rows) == 1:
            scores: Floats = (rows.weights @ self.weights[rows.ids])[None, :]
            return scores + self.bias
        scores = np.empty((len(rows), len(self.labels)), np.float32)
        bounds = rows.bounds.tolist()
        for number, (first, last) in enumerate(pairwise(bounds)):
            np.dot(rows.weights[first:last], self.weights[rows.ids[first:last]], out=scores[number])
        scores += self.bias
        return scores


def log_share(lead: Floats) -> Floats:
    """The logarithm of the best label's share, from each label's exponential of its score less the best.

    Flattened by a square root: a share tells the more the more the other labels still count.
    """
    found: Floats = -np.log(np.sqrt(lead).sum(axis=1, keepdims=True))
    return found
