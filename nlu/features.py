"""From text to weighted n-grams. No tokenizer, so that Chinese, Korean and English go the same way.

Runs of CJK give characters, pairs, triples and pairs with a gap; words of other scripts give themselves,
pairs of words and their inner n-grams of two to five letters with the word's borders. Marks (see marks.py)
give themselves. Words of all scripts give their concepts (see concepts.py). What a text begins and ends
with counts once more, as what is asked stands there: 怎么…, "can you …", …吗.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from nlu.concepts import concepts_in, concepts_of

if TYPE_CHECKING:  # 1 MB that serving does not need
    import numpy.typing as npt

    Floats = npt.NDArray[np.float32]
    Ints = npt.NDArray[np.int32]
else:
    Floats = Ints = np.ndarray

_CJK = "\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff\uac00-\ud7af\U00020000-\U0003134f"
_RUN = re.compile(f"[⟨⟪][a-z_]+[⟩⟫]|[{_CJK}]+|[^\\W{_CJK}]+")
_ASCII_RUN = re.compile("[a-z0-9_]+")
_FIRST_CJK = "\u3040"
_SYMBOL = re.compile("[^\\w\\s]")
_CHAT = {"u": "you", "ur": "your", "r": "are", "pls": "please", "plz": "please", "thx": "thanks"}
# How much each kind of n-gram counts, by the mark that its name begins with. Tuned on public sets.
KINDS = {
    "w": 2.0,
    "c": 2.5,
    "p": 0.8,
    "g": 1.0,
    "1": 2.0,
    "2": 1.0,
    "3": 0.5,
    "s": 0.5,
    "b": 2.0,
    "m": 2.0,
    "h": 2.0,
    "y": 1.0,
    "l": 1.0,
}
_MOST_PIECES = 20_000  # runs whose n-grams are remembered: 14 MB
_LONGEST_PIECE = 24  # characters of a run that may come again


def features(normal: str) -> list[str]:
    """The n-grams of a normalised text, with repetitions. A text of symbols alone gives its symbols."""
    if _is_lone_letter(normal):
        # A lone letter says something only to who was taught that very letter.
        return [f"l{normal}"]
    found: list[str] = []
    said: list[str] = []
    before = ""
    for run in _runs(normal):
        run = _CHAT.get(run, run)
        found += _within(run)
        if run[0] == "⟪":
            continue
        said.append(run)
        if run[0] >= _FIRST_CJK:
            before = ""
            continue
        if before:
            found.append(f"p{before} {run}")
        before = run
    if said:
        found += [*_opening(said[0]), *_closing(said[-1])]
    return found or [f"y{symbol}" for symbol in _SYMBOL.findall(normal)]


def _runs(normal: str) -> list[str]:
    return _ASCII_RUN.findall(normal) if normal.isascii() else _RUN.findall(normal)


def _is_lone_letter(normal: str) -> bool:
    return len(normal) == 1 and normal < _FIRST_CJK and normal.isalnum()


def _within(run: str) -> list[str]:
    """The n-grams of a word, of a mark or of a run of CJK, without its neighbours."""
    if run[0] == "⟪":
        return [f"h{run}"]
    if run[0] == "⟨":
        return [f"m{run}"]
    if run[0] >= _FIRST_CJK:
        return [
            *[f"1{character}" for character in run],
            *[f"2{run[i : i + 2]}" for i in range(len(run) - 1)],
            *[f"3{run[i : i + 3]}" for i in range(len(run) - 2)],
            *[f"s{run[i]}{run[i + 2]}" for i in range(len(run) - 2)],
            *[f"c{concept}" for concept in concepts_in(run)],
        ]
    framed = f" {run} "
    inner = [f"g{framed[i : i + size]}" for size in (2, 3, 4, 5) for i in range(len(framed) - size + 1)]
    return [*inner, f"w{run}", *[f"c{concept}" for concept in concepts_of(run)]]


def _opening(run: str) -> list[str]:
    """What a text that begins with this run begins with."""
    return [f"b^{run[:1]}", f"b^{run[:2]}"] if run[0] >= _FIRST_CJK else [f"b^{run}"]


def _closing(run: str) -> list[str]:
    """What a text that ends with this run ends with."""
    return [f"b{run[-1:]}$", f"b{run[-2:]}$"] if run[0] >= _FIRST_CJK else [f"b{run}$"]


@dataclass(frozen=True, slots=True)
class Rows:
    """Texts as sparse rows: row i has `ids[bounds[i]:bounds[i + 1]]` with `weights`, length at most 1.

    An n-gram that a text repeats stands there as often.
    """

    ids: Ints
    weights: Floats
    bounds: npt.NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.bounds) - 1


class _Piece(NamedTuple):
    """A run's n-grams: the numbers of those that are known, and how much of it is not."""

    numbers: bytes
    lost: float
    name: str  # by which the next run's pair knows it; empty: a run of CJK, None's neighbour
    is_hint: bool
    first: tuple[bytes, float]  # numbers, and what is not known, of a text that begins with it
    last: tuple[bytes, float]  # of one that ends with it


class Vocabulary:
    """The n-grams that training has seen, each with its weight (those of few labels weigh more)."""

    def __init__(self, names: Sequence[str], weights: Floats, unseen: float) -> None:
        self.weights = weights
        self.unseen = unseen
        numbers = np.arange(len(names), dtype=np.int32).tobytes()
        # As the bytes of an int32: joining them is what a row costs.
        self._numbers = {name: numbers[i * 4 : i * 4 + 4] for i, name in enumerate(names)}
        self._lost = {kind: (weight * unseen) ** 2 for kind, weight in KINDS.items()}
        self._pieces: dict[str, _Piece] = {}

    def __len__(self) -> int:
        return len(self._numbers)

    @property
    def names(self) -> list[str]:
        """The n-grams in the order of their numbers."""
        return list(self._numbers)

    def weights_of(self, names: Sequence[str]) -> list[float]:
        """The weight of each n-gram; of one that was never seen what the rarest of its kind has."""
        found = [self._numbers.get(name) for name in names]
        return [
            KINDS[name[0]] * self.unseen
            if number is None
            else float(self.weights[int.from_bytes(number, "little")])
            for name, number in zip(names, found, strict=True)
        ]

    @classmethod
    def learn(cls, texts: Sequence[str], labels: Sequence[str]) -> Vocabulary:
        """The vocabulary of normalised texts; what stands under many labels tells little."""
        under: dict[str, set[str]] = {}
        for text, label in zip(texts, labels, strict=True):
            for name in features(text):
                under.setdefault(name, set()).add(label)
        total = len(set(labels))
        rarity = Counter({count: math.log((1 + total) / (1 + count)) + 1 for count in range(total + 1)})
        weights = [KINDS[name[0]] * rarity[len(some)] for name, some in under.items()]
        return cls(list(under), np.array(weights, np.float32), math.log(1 + total) + 1)

    def rows(self, texts: Iterable[str]) -> Rows:
        """Normalised texts as rows. N-grams that were never seen shorten a row, so it scores lower."""
        found = [self._row(text) for text in texts]
        if len(found) == 1:
            return self._single(*found[0])
        bounds = np.zeros(len(found) + 1, np.int64)
        np.cumsum([len(numbers) // 4 for numbers, _ in found], out=bounds[1:])
        ids = np.frombuffer(b"".join([numbers for numbers, _ in found]), np.int32)
        weights = self.weights[ids]
        squares = np.zeros(len(ids) + 1)
        np.cumsum(weights * weights, out=squares[1:], dtype=np.float64)
        lengths = np.sqrt(np.diff(squares[bounds]) + [lost for _, lost in found])
        lengths[lengths == 0] = 1
        return Rows(ids, (weights / np.repeat(lengths, np.diff(bounds))).astype(np.float32), bounds)

    def _single(self, numbers: bytes, lost: float) -> Rows:
        ids = np.frombuffer(numbers, np.int32)
        weights = self.weights.take(ids)
        length = math.sqrt(lost + float(weights @ weights))
        return Rows(ids, weights / np.float32(length or 1), np.array([0, len(ids)]))

    def _row(self, text: str) -> tuple[bytes, float]:
        found: list[bytes] = []
        lost, before = 0.0, ""
        first: _Piece | None = None
        last: _Piece | None = None
        pieces, numbers = self._pieces, self._numbers
        for run in _runs(text):
            piece = pieces.get(run) or self._learn_piece(run)
            found.append(piece.numbers)
            lost += piece.lost
            if piece.is_hint:
                continue
            first, last = first or piece, piece
            if before and piece.name:
                pair = numbers.get(f"p{before} {piece.name}")
                if pair is None:
                    lost += self._lost["p"]
                else:
                    found.append(pair)
            before = piece.name
        if not found or _is_lone_letter(text):
            return self._known(features(text))
        if first and last:
            found += (first.first[0], last.last[0])
            lost += first.first[1] + last.last[1]
        return b"".join(found), lost

    def _learn_piece(self, run: str) -> _Piece:
        said = _CHAT.get(run, run)
        is_cjk = said[0] >= _FIRST_CJK
        piece = _Piece(
            *self._known(_within(said)),
            "" if is_cjk else said,
            said[0] == "⟪",
            self._known(_opening(said)),
            self._known(_closing(said)),
        )
        if len(run) <= _LONGEST_PIECE:
            if len(self._pieces) >= _MOST_PIECES:
                self._pieces.clear()
            self._pieces[run] = piece
        return piece

    def _known(self, names: Sequence[str]) -> tuple[bytes, float]:
        found = [*map(self._numbers.get, names)]
        if None not in found:
            return b"".join([number for number in found if number is not None]), 0.0
        lost = sum(self._lost[name[0]] for name, number in zip(names, found, strict=True) if number is None)
        return b"".join([number for number in found if number is not None]), lost
