"""From text to weighted n-grams. No tokenizer, so that Chinese, Korean and English go the same way.

Runs of CJK give characters, pairs and triples; words of other scripts give themselves, pairs of words and
their inner n-grams of three to five letters with the word's borders.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int32]

_CJK = "\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff\uac00-\ud7af\U00020000-\U0003134f"
_RUN = re.compile(f"[{_CJK}]+|[^\\W{_CJK}]+")
_IS_CJK = re.compile(f"[{_CJK}]")
_SYMBOL = re.compile("[^\\w\\s]")
_WORD = "w:"  # marks features that are whole words
_WORD_WEIGHT = 2.5  # a word has ten inner n-grams beside it and must still be heard
_UNSEEN = 0.5  # share of an unseen n-gram that counts as something not understood


def features(normal: str) -> list[str]:
    """The n-grams of a normalised text, with repetitions. A text of symbols alone gives its symbols."""
    found: list[str] = []
    before = ""
    for run in _RUN.findall(normal):
        if _IS_CJK.match(run):
            found += run
            found += [run[i : i + 2] for i in range(len(run) - 1)]
            found += [run[i : i + 3] for i in range(len(run) - 2)]
            before = ""
            continue
        framed = f" {run} "
        for size in (3, 4, 5):
            found += [framed[i : i + size] for i in range(len(framed) - size + 1)]
        found.append(_WORD + run)
        if before:
            found.append(f"{_WORD}{before} {run}")
        before = run
    return found or _SYMBOL.findall(normal)


@dataclass(frozen=True, slots=True)
class Rows:
    """Texts as sparse rows: row i has `ids[bounds[i]:bounds[i + 1]]` with `weights`, length at most 1."""

    ids: Ints
    weights: Floats
    bounds: npt.NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.bounds) - 1


class Vocabulary:
    """The n-grams that training has seen, each with its weight (rare ones weigh more)."""

    def __init__(self, names: Sequence[str], weights: Floats, unseen: float) -> None:
        self.names = list(names)
        self.weights = weights
        self.unseen = unseen
        self._ids = {name: number for number, name in enumerate(self.names)}
        self._weights: list[float] = weights.tolist()

    def __len__(self) -> int:
        return len(self.names)

    @classmethod
    def learn(cls, normals: Sequence[str]) -> Vocabulary:
        """The vocabulary of normalised texts."""
        seen: Counter[str] = Counter()
        for normal in normals:
            seen.update(set(features(normal)))
        total = len(normals)
        weights = [_weight(name, math.log((1 + total) / (1 + count)) + 1) for name, count in seen.items()]
        return cls(list(seen), np.array(weights, np.float32), math.log(1 + total) + 1)

    def rows(self, normals: Sequence[str]) -> Rows:
        """Normalised texts as rows. N-grams that were never seen shorten a row, so it scores lower."""
        ids: list[int] = []
        weights: list[float] = []
        bounds = [0]
        for normal in normals:
            self._append(normal, ids, weights)
            bounds.append(len(ids))
        return Rows(np.array(ids, np.int32), np.array(weights, np.float32), np.array(bounds, np.int64))

    def _append(self, normal: str, ids: list[int], weights: list[float]) -> None:
        known, table, first = self._ids, self._weights, len(ids)
        square = 0.0
        for name, count in Counter(features(normal)).items():
            number = known.get(name)
            if number is None:
                lost = _weight(name, self.unseen)
                square += _UNSEEN * lost * lost
                continue
            weight = table[number] if count == 1 else table[number] * (1 + math.log(count))
            ids.append(number)
            weights.append(weight)
            square += weight * weight
        if len(ids) > first:
            scale = 1 / math.sqrt(square)
            weights[first:] = [weight * scale for weight in weights[first:]]


def _weight(name: str, rarity: float) -> float:
    return rarity * _WORD_WEIGHT if name.startswith(_WORD) else rarity
