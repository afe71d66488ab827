"""Learning how pleased a text sounds from the messages that a company has labelled, with scipy."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from importlib import import_module
from typing import Any

import numpy as np
import numpy.typing as npt

from crm_store.wording import normalise
from nlu.labels import LABELS, Labelled
from nlu.sentiment import Sentiment, grams

FEWEST = 100  # labelled texts of each kind: fewer tell less than the words that are known anyway
_OFTEN = 3  # texts that an n-gram must stand in
_STRENGTHS = (2.0, 3.0)  # C of the two regressions; 1 to 10 differ by less than half a point
_ROUNDS = 80
_STEEP = 1.4  # of the mean score: so that 0.8 is right in about nine of ten cases
Doubles = npt.NDArray[np.float64]


def learn_sentiment(labelled: Sequence[Labelled]) -> Sentiment | None:
    """What the labels teach; None where there are too few of them."""
    counts = Counter(label for _, label in labelled)
    if min(counts["positive"], counts["negative"]) < FEWEST:
        return None
    pairs = [(text, truth) for text, label in labelled for truth in LABELS[label]]
    bags = [grams(normalise(text)) for text, _ in pairs]
    pleased = np.array([truth for _, truth in pairs])
    seen = Counter(gram for bag in bags for gram in bag)
    numbers = {
        gram: number for number, gram in enumerate(sorted(g for g, n in seen.items() if n >= _OFTEN))
    }
    with import_module("threadpoolctl").threadpool_limits(1):
        return _learned(_matrix(bags, numbers), pleased, numbers)


def _learned(counts: Any, pleased: npt.NDArray[np.bool_], numbers: dict[str, int]) -> Sentiment:
    in_good, in_bad = (1 + np.asarray(counts[which].sum(axis=0)).ravel() for which in (pleased, ~pleased))
    ratio = np.log(in_good / in_good.sum() / (in_bad / in_bad.sum()))
    rarity = np.log(len(pleased) / (in_good + in_bad - 1)) + 1
    flat, rare = _unit(counts), _unit(counts.multiply(rarity).tocsr())
    often, often_bias = _fit(flat.multiply(ratio).tocsr(), pleased, _STRENGTHS[0])
    seldom, seldom_bias = _fit(rare, pleased, _STRENGTHS[1])
    often *= ratio
    spread = [np.std(flat @ often), np.std(rare @ seldom)]
    scales = tuple(float(_STEEP / max(each, 1e-9)) for each in spread)
    weights = np.column_stack([often, seldom * rarity, rarity**2]).astype(np.float32)
    return Sentiment(numbers, weights, (often_bias, seldom_bias), (scales[0], scales[1]))


def _matrix(bags: Sequence[set[str]], numbers: dict[str, int]) -> Any:
    rows = [[numbers[gram] for gram in bag if gram in numbers] for bag in bags]
    flat = np.array([number for row in rows for number in row], np.int64)
    bounds = np.cumsum([0, *map(len, rows)])
    sparse = import_module("scipy.sparse")
    return sparse.csr_matrix((np.ones(len(flat)), flat, bounds), shape=(len(rows), len(numbers)))


def _unit(matrix: Any) -> Any:
    """The matrix with rows of length one."""
    lengths = np.sqrt(np.asarray(matrix.multiply(matrix).sum(axis=1)).ravel())
    return import_module("scipy.sparse").diags(1 / np.maximum(lengths, 1e-9)).dot(matrix).tocsr()


def _fit(rows: Any, pleased: npt.NDArray[np.bool_], strength: float) -> tuple[Doubles, float]:
    """Weights and bias of a logistic regression."""
    turned, sides = rows.T.tocsr(), np.where(pleased, 1.0, -1.0)

    def loss(values: Doubles) -> tuple[float, Doubles]:
        weights = values[:-1]
        margins = sides * (rows @ weights + values[-1])
        pull = -sides / (1 + np.exp(np.minimum(margins, 500))) * strength
        gradient = np.append(turned @ pull + weights, pull.sum())
        return float(np.logaddexp(0, -margins).sum() * strength + weights @ weights / 2), gradient

    minimize = import_module("scipy.optimize").fmin_l_bfgs_b
    found, _, _ = minimize(loss, np.zeros(rows.shape[1] + 1), maxiter=_ROUNDS)
    return found[:-1], float(found[-1])
