"""Multinomial logistic regression and naive Bayes for few examples and many n-grams, in numpy.

Worked in the space of examples, not of n-grams: a text of a few hundred examples is a point of a few
hundred dimensions, however many n-grams there are. So the optimum is reached in tens of milliseconds.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from nlu.features import Floats, Rows
from nlu.kinship import Kinship

_STEPS = 80
_TOLERANCE = 1e-3  # of the first gradient's length: beyond it no answer changes
_REMEMBERED = 8  # steps that tell the curvature
_DENSE = 3000  # examples up to which all their products are kept, twice (72 MB)
_SMOOTHED = np.float32(0.05)  # how often an n-gram counts where it was not seen, of its mean
_LEAST = np.float32(1e-4)
_BIAS = np.float32(0.1)  # a constant n-gram's square: labels with more examples may start ahead

Product = Callable[[Floats], Floats]


@dataclass(frozen=True, slots=True)
class _Step:
    """A step and the change of gradient over it, each also times the kernel."""

    moved: Floats
    moved_k: Floats
    turned: Floats
    turned_k: Floats
    inverse: float


def fit(rows: Rows, targets: npt.NDArray[np.int64], width: int, labels: int, strength: float) -> Floats:
    """Weights (`width` n-grams and, as the last row, the bias; by labels) for texts with label numbers.

    `strength` is the usual C: how much the examples count against small weights.
    """
    from scipy.sparse import csr_matrix

    matrix = csr_matrix((rows.weights, rows.ids, rows.bounds), shape=(len(rows), width))
    if len(rows) <= _DENSE:
        kinship = Kinship.of(matrix)
        shares = _Descent(
            targets, labels, lambda some: kinship.both @ some + _BIAS * some.sum(axis=0), strength
        ).run()
        weights, start = kinship.weights(shares)
    else:
        # Where examples are many, words are seen with enough others without their neighbours.
        turned = matrix.T.tocsr()
        shares = _Descent(
            targets,
            labels,
            lambda some: np.asarray(matrix @ (turned @ some)) + _BIAS * some.sum(axis=0),
            strength,
        ).run()
        weights, start = np.asarray(turned @ shares, np.float32), np.zeros(labels, np.float32)
    return np.vstack([weights, start + _BIAS * shares.sum(axis=0, keepdims=True)])


def fit_dense(vectors: Floats, targets: npt.NDArray[np.int64], labels: int, strength: float) -> Floats:
    """As `fit`, from vectors (texts by dimensions): weights of dimensions and, last, the bias."""
    turned = np.ascontiguousarray(vectors.T)
    shares = _Descent(
        targets,
        labels,
        lambda some: np.asarray(vectors @ (turned @ some)) + _BIAS * some.sum(axis=0),
        strength,
    ).run()
    return np.vstack([turned @ shares, _BIAS * shares.sum(axis=0, keepdims=True)]).astype(np.float32)


def scores_of(rows: Rows, weights: Floats) -> Floats:
    """Rows by labels: what weights with the bias as their last row make of rows."""
    from scipy.sparse import csr_matrix

    matrix = csr_matrix((rows.weights, rows.ids, rows.bounds), shape=(len(rows), len(weights) - 1))
    scores: Floats = matrix @ weights[:-1] + weights[-1]
    return scores


def count(rows: Rows, targets: npt.NDArray[np.int64], width: int, labels: int) -> Floats:
    """Naive Bayes: weights, shaped as those of `fit`, from how often each label has each n-gram."""
    from scipy.sparse import csr_matrix

    matrix = csr_matrix((rows.weights, rows.ids, rows.bounds), shape=(len(rows), width))
    member = csr_matrix((np.ones(len(rows), np.float32), targets, np.arange(len(rows) + 1)))
    seen = np.asarray((matrix.T @ member).toarray(), np.float32)
    seen += _SMOOTHED * np.asarray(matrix.mean(axis=0), np.float32).reshape(-1, 1) + _LEAST
    weights = np.log(seen / seen.sum(axis=0, keepdims=True))
    weights -= weights.mean(axis=1, keepdims=True)
    return np.vstack([weights, np.zeros((1, labels), np.float32)])


class _Descent:
    """L-BFGS over each example's share in each label's weights, lengths measured by the kernel."""

    def __init__(
        self, targets: npt.NDArray[np.int64], labels: int, product: Product, strength: float
    ) -> None:
        self.targets = targets
        self.everyone = np.arange(len(targets))
        self.wanted = np.zeros((len(targets), labels), np.float32)
        self.wanted[self.everyone, targets] = 1
        self.product = product
        self.ease = 1 / strength
        self.past: deque[_Step] = deque(maxlen=_REMEMBERED)

    def run(self) -> Floats:
        """The shares at the optimum."""
        shares, scores = np.zeros_like(self.wanted), np.zeros_like(self.wanted)
        loss, chances = self._loss(scores, 0.0)
        slope = chances - self.wanted
        slope_k = self.product(slope)
        enough = _TOLERANCE**2 * _dot(slope, slope_k)
        for _ in range(_STEPS):
            if _dot(slope, slope_k) <= enough:
                break
            ahead, ahead_k = self._direction(slope, slope_k)
            size, loss, chances = self._search(loss, slope_k, shares, scores, ahead, ahead_k)
            shares += size * ahead
            scores += size * ahead_k
            fresh = chances - self.wanted + np.float32(self.ease) * shares
            fresh_k = self.product(fresh)
            self._remember(size * ahead, size * ahead_k, fresh - slope, fresh_k - slope_k)
            slope, slope_k = fresh, fresh_k
        return shares

    def _loss(self, scores: Floats, square: float) -> tuple[float, Floats]:
        """The loss and the chances of each label; `square` is the squared length of the weights."""
        top = scores.max(axis=1, keepdims=True)
        chances = np.exp(scores - top)
        sums = chances.sum(axis=1, keepdims=True)
        chances /= sums
        missed = float((np.log(sums) + top).sum()) - float(scores[self.everyone, self.targets].sum())
        return missed + 0.5 * self.ease * square, chances

    def _direction(self, slope: Floats, slope_k: Floats) -> tuple[Floats, Floats]:
        """Downhill, corrected by what the last steps tell of the curvature."""
        way, way_k = slope.copy(), slope_k.copy()
        parts = []
        for step in reversed(self.past):
            part = step.inverse * _dot(step.moved_k, way)
            way -= np.float32(part) * step.turned
            way_k -= np.float32(part) * step.turned_k
            parts.append(part)
        last = self.past[-1] if self.past else None
        scale = np.float32(1 / (last.inverse * _dot(last.turned, last.turned_k)) if last else 0.5)
        way *= scale
        way_k *= scale
        for step, part in zip(self.past, reversed(parts), strict=True):
            rest = np.float32(part - step.inverse * _dot(step.turned_k, way))
            way += rest * step.moved
            way_k += rest * step.moved_k
        return -way, -way_k

    def _search(
        self, loss: float, slope_k: Floats, shares: Floats, scores: Floats, ahead: Floats, ahead_k: Floats
    ) -> tuple[np.float32, float, Floats]:
        """How far to go: halved until the loss falls as it should. Costs no product with the kernel."""
        falls = _dot(ahead, slope_k)
        here, across, there = _dot(shares, scores), _dot(shares, ahead_k), _dot(ahead, ahead_k)
        size = 1.0
        while True:
            square = here + 2 * size * across + size * size * there
            found, chances = self._loss(scores + np.float32(size) * ahead_k, square)
            if found <= loss + 1e-4 * size * falls or size < 1e-3:
                return np.float32(size), found, chances
            size /= 2

    def _remember(self, moved: Floats, moved_k: Floats, turned: Floats, turned_k: Floats) -> None:
        bend = _dot(moved, turned_k)
        if bend > 1e-12:
            self.past.append(_Step(moved, moved_k, turned, turned_k, 1 / bend))


def _dot(one: Floats, other: Floats) -> float:
    return float(np.vdot(one, other))
