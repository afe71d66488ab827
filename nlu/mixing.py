"""How much an encoder counts beside n-grams: as much as helps held-out examples, or not at all."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from nlu.calibrate import Held, least_loss
from nlu.features import Floats
from nlu.logistic import fit_dense

SHARES = (0.0, 0.5, 1.0, 2.0)  # weight of the encoder's scores, where those of n-grams have 1
RETRIEVED = (0.0, 0.3, 0.5, 0.7)  # share of the encoder in how alike two texts are
_STRENGTH = 20.0  # C of the regression over an encoder's dimensions


def fit_vectors(vectors: Floats, targets: npt.NDArray[np.int64], labels: int) -> Floats:
    """Weights (dimensions and, last, the bias; by labels) whose scores are as far apart as others' are."""
    weights = fit_dense(vectors, targets, labels, _STRENGTH)
    spread = float(score(vectors, weights).std()) or 1.0
    scaled: Floats = weights / np.float32(spread)
    return scaled


def score(vectors: Floats, weights: Floats) -> Floats:
    """Texts by labels."""
    found: Floats = vectors @ weights[:-1] + weights[-1]
    return found


def choose_share(held: Sequence[Held], dense: Sequence[Floats]) -> float:
    """The share under which held-out texts are told apart best."""
    losses = [least_loss(mixed(held, dense, share)) for share in SHARES]
    return SHARES[int(np.argmin(losses))] if held else 0.0


def mixed(held: Sequence[Held], dense: Sequence[Floats], share: float) -> list[Held]:
    """Scores of n-grams and of the encoder together."""
    if not share:
        return [*held]
    return [
        Held(one.scores + np.float32(share) * other, one.truth, one.labels)
        for one, other in zip(held, dense, strict=True)
    ]
