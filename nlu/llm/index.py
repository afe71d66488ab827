"""Which of many long texts share the most with another: their n-grams by hash, in inverted lists.

The weights are those of `nlu.features.Vocabulary`. Passages have thousands of n-grams each: by name they
would take four times the memory.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from crm_store.wording import normalise
from nlu.features import KINDS, Floats, features

if TYPE_CHECKING:
    import numpy.typing as npt

    Numbers = npt.NDArray[np.uint64]
    Names = npt.NDArray[np.uint32]
else:
    Numbers = Names = np.ndarray

_NAME, _TEXT = np.uint64(32), np.uint64(16)  # how far left they stand, above the count
_KIND_BITS = 0xF  # of a hash: which kind of n-gram it is of
_HASH_BITS = 0xFFFF_FFF0
_KIND = {mark: number for number, mark in enumerate(KINDS)}
_BY_KIND = np.array([*KINDS.values()], np.float32)


class Index:
    """At most 65,536 texts that can be searched. What an index from `before` has read is not read again."""

    def __init__(self, texts: Sequence[str], before: Index | None = None) -> None:
        known: dict[str, Numbers] = before._known if before else {}
        self._known: dict[str, Numbers] = {
            text: known[text] if text in known else _read(text) for text in dict.fromkeys(texts)
        }
        self._count = len(texts)
        rows = [self._known[text] for text in texts]
        # A number each: n-gram, text, how often. So sorting needs no room.
        told = np.concatenate([np.zeros(0, np.uint64), *rows])
        told |= np.repeat(np.arange(len(rows), dtype=np.uint64) << _TEXT, [len(row) for row in rows])
        told.sort()
        names = (told >> _NAME).astype(np.uint32)
        firsts = np.flatnonzero(np.diff(names, prepend=~names[:1]))
        self._names = names[firsts]
        self._bounds = np.append(firsts, len(told)).astype(np.int32)
        self._owners = (told >> _TEXT).astype(np.uint16)
        under = np.diff(self._bounds)
        self._weights = self._weigh(self._names, under)
        points = told.astype(np.uint16) * np.repeat(self._weights**2, under)
        lengths = np.sqrt(np.bincount(self._owners, points, self._count))
        lengths[lengths == 0] = 1
        self._points: Floats = (points / lengths.astype(np.float32)[self._owners]).astype(np.float32)

    def scores(self, text: str) -> Floats:
        """How near each text is to this one: from 0 to 1. N-grams that none of them has lower it."""
        found = np.zeros(self._count, np.float32)
        read = _read(text)
        names, counts = (read >> _NAME).astype(np.uint32), read.astype(np.uint16)
        if not len(names) or not len(self._names):
            return found
        places = np.minimum(np.searchsorted(self._names, names), len(self._names) - 1)
        known = self._names[places] == names
        weights = np.where(known, self._weights[places], self._weigh(names, np.zeros(len(names), np.int32)))
        length = math.sqrt(float(counts @ weights**2))
        for place, count in zip(places[known].tolist(), counts[known].tolist(), strict=True):
            some = slice(self._bounds[place], self._bounds[place + 1])
            found[self._owners[some]] += self._points[some] * np.float32(count / length)
        return found

    def _weigh(self, names: Names, under: npt.NDArray[np.int32]) -> Floats:
        """The weight of n-grams that so many texts have."""
        weights: Floats = _BY_KIND[names & np.uint32(_KIND_BITS)] * (
            np.log((1 + self._count) / (1 + under)) + 1
        ).astype(np.float32)
        return weights


def _read(text: str) -> Numbers:
    """The n-grams of a text, and how often each stands there."""
    found = [hash(name) & _HASH_BITS | _KIND[name[0]] for name in features(normalise(text))]
    names, counts = np.unique(np.array(found, np.uint64), return_counts=True)
    return names << _NAME | counts.astype(np.uint64)
