"""How alike the examples of a training are: by their own words, and by way of examples between them.

Two examples of ten may share no word and still each share words with a third. So what a word tells is also
what the words tell that it is seen with. (Kandola, Shawe-Taylor, Cristianini: Learning Semantic Similarity,
2002, with the first step of the walk alone.) It is linear in the n-grams, so it costs nothing when serving.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from nlu.features import Floats

_BETWEEN = np.float32(
    8.0
)  # what examples between count beside own words; 3 to 20 differ by less than half a point
_ROUNDS = 12  # of the power method: the largest eigenvalue is needed to a few hundredths


@dataclass(frozen=True, slots=True)
class Kinship:
    """Examples by examples, with their mean taken off: what all of them share tells nothing."""

    own: Floats  # products of rows less their mean
    both: Floats  # the same and, by `between`, their own products; times `scale`
    between: np.float32
    scale: np.float32  # that keeps the mean likeness of an example to itself as it was
    matrix: Any  # the rows, a sparse matrix of scipy's

    @classmethod
    def of(cls, matrix: Any) -> Kinship:
        """The kinship of rows (examples by n-grams); takes the cube of their number of steps."""
        own = (matrix @ matrix.T).toarray().astype(np.float32)
        before = own.trace()
        means = own.mean(axis=0)
        own -= means
        own -= means[:, None] - means.mean()
        between = _BETWEEN / max(_largest(own), np.float32(1e-6))
        both = own @ own
        both *= between
        both += own
        scale = np.float32(before / max(both.trace(), np.float32(1e-6)))
        both *= scale
        return cls(own, both, between, scale, matrix)

    def weights(self, shares: Floats) -> tuple[Floats, Floats]:
        """Weights (n-grams by labels) and biases that score as `both` times the shares does."""
        whole = (shares + self.between * (self.own @ shares)) * self.scale
        whole -= whole.mean(axis=0)
        weights = np.asarray(self.matrix.T @ whole, np.float32)
        means = np.asarray(self.matrix.mean(axis=0), np.float32).ravel()
        return weights, -(means @ weights)


def _largest(square: Floats) -> np.float32:
    """The largest eigenvalue of a symmetric matrix that has no negative one, by the power method."""
    guess = np.random.default_rng(0).standard_normal(len(square)).astype(np.float32)
    length = np.float32(0)
    for _ in range(_ROUNDS):
        guess = square @ guess
        length = np.float32(np.linalg.norm(guess))
        if not length:
            break
        guess /= length
    return length
