"""From text to weighted n-grams. No tokenizer, so that Chinese, Korean and English go the same way.

Runs of CJK give characters, pairs, triples and pairs with a gap; words of other scripts give themselves,
pairs of words and their inner n-grams of two to five letters with the word's borders. Marks (see marks.py)
give themselves.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:  # 1 MB that serving does not need
    import numpy.typing as npt

    Floats = npt.NDArray[np.float32]
    Ints = npt.NDArray[np.int32]
else:
    Floats = Ints = np.ndarray
Bag = Mapping[str, int]  # n-gram: how often

_CJK = "\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff\uac00-\ud7af\U00020000-\U0003134f"
_RUN = re.compile(f"[⟨⟪][a-z_]+[⟩⟫]|[{_CJK}]+|[^\\W{_CJK}]+")
_FIRST_CJK = "\u3040"
_SYMBOL = re.compile("[^\\w\\s]")
_CHAT = {"u": "you", "ur": "your", "r": "are", "pls": "please", "plz": "please", "thx": "thanks"}
# How much each kind of n-gram counts, by the mark that its name begins with. Tuned on public sets.
_KINDS = {
    "w": 2.0,
    "p": 0.8,
    "g": 1.0,
    "1": 2.0,
    "2": 1.0,
    "3": 0.5,
    "s": 0.5,
    "m": 2.0,
    "h": 2.0,
    "y": 1.0,
    "l": 1.0,
}
_UNSEEN = 0.5  # share of an unseen n-gram that counts as something not understood


def features(normal: str) -> list[str]:
    """The n-grams of a normalised text, with repetitions. A text of symbols alone gives its symbols."""
    if len(normal) == 1 and normal < _FIRST_CJK and normal.isalnum():
        # A lone letter says something only to who was taught that very letter.
        return [f"l{normal}"]
    found: list[str] = []
    before = ""
    for run in _RUN.findall(normal):
        first = run[0]
        if first == "⟪":
            found.append(f"h{run}")
        elif first == "⟨":
            found.append(f"m{run}")
            if before:
                found.append(f"p{before} {run}")
            before = run
        elif first >= _FIRST_CJK:
            found += [f"1{character}" for character in run]
            found += [f"2{run[i : i + 2]}" for i in range(len(run) - 1)]
            found += [f"3{run[i : i + 3]}" for i in range(len(run) - 2)]
            found += [f"s{run[i]}{run[i + 2]}" for i in range(len(run) - 2)]
            before = ""
        else:
            before = _add_word(_CHAT.get(run, run), before, found)
    return found or [f"y{symbol}" for symbol in _SYMBOL.findall(normal)]


def _add_word(word: str, before: str, found: list[str]) -> str:
    framed = f" {word} "
    for size in (2, 3, 4, 5):
        found += [f"g{framed[i : i + size]}" for i in range(len(framed) - size + 1)]
    found.append(f"w{word}")
    if before:
        found.append(f"p{before} {word}")
    return word


def bag(normal: str) -> Bag:
    """The n-grams of a normalised text, counted."""
    return Counter(features(normal))


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
        self.weights = weights
        self.unseen = unseen
        self._ids = {name: number for number, name in enumerate(names)}
        self._lost = {kind: _UNSEEN * (weight * unseen) ** 2 for kind, weight in _KINDS.items()}

    def __len__(self) -> int:
        return len(self._ids)

    @property
    def names(self) -> list[str]:
        """The n-grams in the order of their numbers."""
        return list(self._ids)

    def weights_of(self, names: Sequence[str]) -> list[float]:
        """The weight of each n-gram; of one that was never seen what the rarest of its kind has."""
        numbers = [self._ids.get(name) for name in names]
        return [
            _KINDS[name[0]] * self.unseen if number is None else float(self.weights[number])
            for name, number in zip(names, numbers, strict=True)
        ]

    @classmethod
    def learn(cls, bags: Sequence[Bag]) -> Vocabulary:
        """The vocabulary of texts."""
        seen: Counter[str] = Counter()
        for words in bags:
            seen.update(words.keys())
        total = len(bags)
        weights = [_KINDS[name[0]] * (math.log((1 + total) / (1 + n)) + 1) for name, n in seen.items()]
        return cls(list(seen), np.array(weights, np.float32), math.log(1 + total) + 1)

    def rows(self, bags: Iterable[Bag]) -> Rows:
        """Texts as rows. N-grams that were never seen shorten a row, so it scores lower."""
        ids: list[Ints] = []
        weights: list[Floats] = []
        for words in bags:
            some, heavy = self._row(words)
            ids.append(some)
            weights.append(heavy)
        bounds = np.zeros(len(ids) + 1, np.int64)
        np.cumsum([len(some) for some in ids], out=bounds[1:])
        if len(ids) == 1:
            return Rows(ids[0], weights[0], bounds)
        none, nothing = np.zeros(0, np.int32), np.zeros(0, np.float32)
        return Rows(np.concatenate([none, *ids]), np.concatenate([nothing, *weights]), bounds)

    def _row(self, words: Bag) -> tuple[Ints, Floats]:
        numbers = [*map(self._ids.get, words)]
        counts = [*words.values()]
        lost = 0.0
        if None in numbers:
            for name, number in zip(words, numbers, strict=True):
                if number is None:
                    lost += self._lost[name[0]]
            counts = [n for n, number in zip(counts, numbers, strict=True) if number is not None]
        ids = np.array([number for number in numbers if number is not None], np.int32)
        weights = self.weights[ids]
        if any(count > 1 for count in counts):
            weights = weights * (1 + np.log(np.array(counts, np.float32)))
        length = math.sqrt(lost + float(weights @ weights))
        return ids, weights / np.float32(length or 1)
