"""Learning a tagger from annotated texts: a conditional random field, fitted with scipy (L-BFGS).

All texts lie side by side, longest first, so that a place in all of them is one slice, one matrix product.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from itertools import chain
from typing import Any

import numpy as np
import numpy.typing as npt

from nlu.tagger import NEVER, OUTSIDE, Tagger
from nlu.tokens import Tokens, features

_STRENGTH = 0.02  # of the penalty on squared weights; 0.005 to 0.05 differ by less than a point
_ROUNDS = 60  # of L-BFGS at most; half of them cost a point
Doubles = npt.NDArray[np.float64]
Numbers = npt.NDArray[np.int64]


def fit_tagger(texts: Sequence[Tokens], labels: Sequence[Sequence[str]]) -> Tagger:
    """The tagger of texts whose tokens have these labels: "O", "B-3", "I-3"."""
    used = sorted((n for n, tokens in enumerate(texts) if len(tokens)), key=lambda n: -len(texts[n]))
    field = _Field.of([texts[number] for number in used], [labels[number] for number in used])
    start = np.zeros(len(field.pairs) + field.gold_moves.size)
    minimize = import_module("scipy.optimize").fmin_l_bfgs_b
    found, _, _ = minimize(field.loss, start, maxiter=_ROUNDS, m=6)
    weights, moves = field.unpacked(found)
    rows = np.vstack([np.zeros((1, len(field.labels)), np.float32), weights])
    begins = np.where([label.startswith("I") for label in field.labels], NEVER, 0.0)
    numbers = {name: number for number, name in enumerate(field.names, 1)}
    return Tagger(tuple(field.labels), numbers, rows, moves.astype(np.float32), begins.astype(np.float32))


@dataclass(slots=True)
class _Field:
    """The texts as numbers: place by place, at each place the texts that are long enough."""

    labels: list[str]
    names: list[str]  # of features
    rows: Any  # a sparse matrix: tokens by features
    columns: Any  # the same, turned
    firsts: Numbers  # of each place: its first token; last: the number of tokens
    truth: Numbers  # of each token: the number of its label
    pairs: Numbers  # features times labels that occur together: only these have weights
    gold: Doubles  # how often each does
    gold_moves: Doubles
    allowed: npt.NDArray[np.bool_]

    @classmethod
    def of(cls, texts: Sequence[Tokens], labels: Sequence[Sequence[str]]) -> _Field:
        named = [features(tokens) for tokens in texts]
        names = sorted({name for text in named for token in text for name in token})
        numbers = {name: number for number, name in enumerate(names)}
        known = [OUTSIDE, *sorted({label for text in labels for label in text} - {OUTSIDE})]
        places = range(len(named[0]) if named else 0)
        counts = [sum(len(text) > place for text in named) for place in places]
        there = [(text, place) for place in places for text in range(counts[place])]
        tokens = [[numbers[name] for name in named[text][place]] for text, place in there]
        truth = np.array([known.index(labels[text][place]) for text, place in there], np.int64)
        firsts = np.cumsum([0, *counts])
        flat = np.fromiter(chain.from_iterable(tokens), np.int64)
        bounds = np.cumsum([0, *map(len, tokens)])
        rows = import_module("scipy.sparse").csr_matrix(
            (np.ones(len(flat), np.float32), flat, bounds), shape=(len(tokens), len(names))
        )
        pairs, gold = np.unique(flat * len(known) + np.repeat(truth, np.diff(bounds)), return_counts=True)
        gold_moves = np.zeros((len(known), len(known)))
        for place in places[1:]:
            begin, end = firsts[place], firsts[place + 1]
            before = firsts[place - 1]
            np.add.at(gold_moves, (truth[before : before + end - begin], truth[begin:end]), 1)
        return cls(
            known, names, rows, rows.T.tocsr(), firsts, truth, pairs, gold.astype(float), gold_moves,
            _allowed(known),
        )  # fmt: skip

    def unpacked(self, values: Doubles) -> tuple[npt.NDArray[np.float32], Doubles]:
        """Weights (features by labels) and moves (labels by labels) from the vector that is fitted."""
        weights = np.zeros((len(self.names), len(self.labels)), np.float32)
        weights.ravel()[self.pairs] = values[: len(self.pairs)]
        moves = values[len(self.pairs) :].reshape(self.gold_moves.shape)
        return weights, np.where(self.allowed, moves, NEVER)

    def loss(self, values: Doubles) -> tuple[float, Doubles]:
        """Minus the log-likelihood of the labels with its penalty, and the gradient."""
        weights, moves = self.unpacked(values)
        scores = (self.rows @ weights).astype(np.float64)
        scores[: self.firsts[1]] += np.where([label.startswith("I") for label in self.labels], NEVER, 0.0)
        highest = scores.max(axis=1, keepdims=True)
        chances, ahead, total = self._forward(np.exp(scores - highest), np.exp(moves))
        expected_moves = self._backward(chances, ahead, np.exp(moves))
        right = scores[np.arange(len(self.truth)), self.truth].sum()
        right += (self.gold_moves * np.where(self.allowed, moves, 0.0)).sum()
        expected = self.columns @ chances.astype(np.float32)
        gradient = np.concatenate(
            [
                expected.ravel()[self.pairs] - self.gold,
                ((expected_moves - self.gold_moves) * self.allowed).ravel(),
            ]
        )
        loss = total + highest.sum() - right + _STRENGTH * (values @ values)
        return float(loss), gradient + 2 * _STRENGTH * values

    def _forward(self, scores: Doubles, moves: Doubles) -> tuple[Doubles, Doubles, float]:
        """Chances of the labels given what came before, the scaled scores, and the log of all scales."""
        chances = np.zeros_like(scores)
        scales = np.zeros((len(scores), 1))
        for place, (begin, end) in enumerate(zip(self.firsts, self.firsts[1:], strict=False)):
            here = scores[begin:end]
            if place:
                before = self.firsts[place - 1]
                here = here * (chances[before : before + end - begin] @ moves)
            scales[begin:end] = here.sum(axis=1, keepdims=True)
            chances[begin:end] = here / scales[begin:end]
        return chances, scores / scales, float(np.log(scales).sum())

    def _backward(self, chances: Doubles, scaled: Doubles, moves: Doubles) -> Doubles:
        """Turn chances given the past into chances given the text; the moves that are to be expected."""
        behind = np.ones_like(chances)
        expected = np.zeros_like(moves)
        for place in range(len(self.firsts) - 2, 0, -1):
            begin, end = self.firsts[place], self.firsts[place + 1]
            before = slice(self.firsts[place - 1], self.firsts[place - 1] + end - begin)
            ahead = behind[begin:end] * scaled[begin:end]
            expected += (chances[before].T @ ahead) * moves
            behind[before] = ahead @ moves.T
        chances *= behind
        return expected


def _allowed(labels: Sequence[str]) -> npt.NDArray[np.bool_]:
    """Which label may follow which: an entity goes on only where it has begun."""
    return np.array(
        [
            [
                not after.startswith("I") or (before != OUTSIDE and before[1:] == after[1:])
                for after in labels
            ]
            for before in labels
        ]
    )
