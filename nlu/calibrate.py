"""How far confidences are to be trusted: learned from answers to examples that were held out.

Some labels are held out altogether, so that it is known how a text about none of the labels scores.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from nlu.classify import Certainty, log_share
from nlu.features import Floats

Numbers = npt.NDArray[np.int64]
_SHARPNESS = np.geomspace(0.3, 6.0, 40)
_TRUST = 3.0  # how many answers the certainty that is assumed at first weighs
_STEPS = 20


@dataclass(frozen=True, slots=True)
class Held:
    """Scores of texts that were held out (texts by labels), and their labels' columns; -1: has none."""

    scores: Floats
    truth: Numbers
    labels: Numbers  # the number of each column's label


def sharpness(held: Sequence[Held]) -> float:
    """By how much to multiply scores so that their softmax is a chance."""
    losses = [sum(_loss(some, factor) for some in held) for factor in _SHARPNESS]
    return float(_SHARPNESS[int(np.argmin(losses))]) if held else 1.5


def least_loss(held: Sequence[Held]) -> float:
    """How badly scores tell what is right, however sharp they are taken."""
    return min(sum(_loss(some, factor) for some in held) for factor in _SHARPNESS)


def _loss(held: Held, factor: float) -> float:
    known = held.truth >= 0
    scores = held.scores[known] * np.float32(factor)
    scores -= scores.max(axis=1, keepdims=True)
    right = scores[np.arange(len(scores)), held.truth[known]]
    # One wildly wrong example must not decide for all.
    return float(-np.maximum(right - np.log(np.exp(scores).sum(axis=1)), -8.0).sum())


def certainty(held: Sequence[Held], sharp: float) -> Certainty:
    """When the best label is right, by its score and its share: a logistic regression of two numbers."""
    assumed = np.array(Certainty())
    if not held:
        return Certainty()
    tops = [some.scores.max(axis=1, keepdims=True) * sharp for some in held]
    shares = [log_share(np.exp(h.scores * sharp - top)) for h, top in zip(held, tops, strict=True)]
    seen = np.hstack([np.vstack(tops), np.vstack(shares), np.ones((sum(map(len, tops)), 1))])
    right = np.concatenate([some.scores.argmax(axis=1) == some.truth for some in held])
    found = assumed.copy()
    for _ in range(_STEPS):
        chance = 1 / (1 + np.exp(-seen @ found))
        slope = seen.T @ (chance - right) + _TRUST * (found - assumed)
        bend = (seen.T * (chance * (1 - chance))) @ seen + _TRUST * np.eye(len(found))
        found = found - np.linalg.solve(bend, slope)
    # Neither may count against an answer, whatever a few examples seem to say.
    return Certainty(max(0.0, float(found[0])), max(0.0, float(found[1])), float(found[2]))
