"""A trained tagger: which tokens of a text are which entity. A chain of labels, weighed as a whole.

Weights are learned by `nlu/tag_training.py`; here they are only used, with numpy alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from nlu.tokens import Tokens, features

Floats = npt.NDArray[np.float32]
OUTSIDE = "O"
_BATCH = 64  # texts tagged at once: beyond that memory grows and speed does not
_KEPT = 8  # labels of a token that those of the next may follow: the others are far behind
NEVER = -1e4  # weight of what may not be: an entity that begins in its middle


@dataclass(frozen=True, slots=True)
class Tag:
    """Tokens from `first` up to but not with `last` are what `label` says: the number of a meaning."""

    first: int
    last: int
    label: str


@dataclass(frozen=True, slots=True)
class Tagger:
    """Labels are "O", "B-3" and "I-3": outside, and first and further tokens of the meaning number 3."""

    labels: Sequence[str]
    numbers: dict[str, int]  # of features, from 1
    weights: Floats  # features by labels; row 0 is of features that are not known
    moves: Floats  # from label to label
    begins: Floats  # of the first token

    def tag(self, texts: Sequence[Tokens]) -> list[list[Tag]]:
        """The entities of each text, in order. Texts together take far less time than one by one."""
        order = sorted((n for n, tokens in enumerate(texts) if len(tokens)), key=lambda n: -len(texts[n]))
        found: list[list[Tag]] = [[] for _ in texts]
        for first in range(0, len(order), _BATCH):
            batch = order[first : first + _BATCH]
            scores, lengths = self._scores([texts[number] for number in batch])
            for number, path in zip(batch, self._best(scores, lengths), strict=True):
                found[number] = self._tags(path)
        return found

    def _scores(self, texts: Sequence[Tokens]) -> tuple[list[Floats], list[int]]:
        """For each place the scores of the labels in the texts that are long enough to have it."""
        find = self.numbers.get
        rows: list[int] = []
        firsts: list[int] = []
        for tokens in texts:
            for names in features(tokens):
                firsts.append(len(rows))
                rows += [find(name, 0) for name in names]
        summed = np.add.reduceat(self.weights[rows], firsts, axis=0, dtype=np.float32)
        lengths = [len(tokens) for tokens in texts]
        begins = np.cumsum([0, *lengths[:-1]])
        counts = [sum(length > place for length in lengths) for place in range(lengths[0])]
        return [summed[begins[:count] + place] for place, count in enumerate(counts)], lengths

    def _best(self, scores: Sequence[Floats], lengths: Sequence[int]) -> list[list[int]]:
        """The best path of labels through each text (Viterbi), longest text first."""
        best = scores[0] + self.begins
        totals = [best]
        backs: list[npt.NDArray[np.intp]] = []
        for here in scores[1:]:
            best, back = self._step(best[: len(here)])
            best += here
            totals.append(best)
            backs.append(back)
        paths: list[list[int]] = []
        for row, length in enumerate(lengths):
            label = int(totals[length - 1][row].argmax())
            path = [label]
            for back in reversed(backs[: length - 1]):
                label = int(back[row, label])
                path.append(label)
            paths.append(path[::-1])
        return paths

    def _step(self, best: Floats) -> tuple[Floats, npt.NDArray[np.intp]]:
        """The best score with which each label may follow, and after which label."""
        if len(best) == 1:
            moved = best[0][:, None] + self.moves
            back = moved.argmax(axis=0)
            return moved[back, np.arange(len(back))][None, :], back[None, :]
        if len(self.labels) <= _KEPT:
            steps = best[:, :, None] + self.moves
            back = steps.argmax(axis=1)
            return np.take_along_axis(steps, back[:, None, :], axis=1)[:, 0, :], back
        kept = np.argpartition(best, -_KEPT, axis=1)[:, -_KEPT:]
        steps = np.take_along_axis(best, kept, axis=1)[:, :, None] + self.moves[kept]
        back = steps.argmax(axis=1)
        followed = np.take_along_axis(steps, back[:, None, :], axis=1)[:, 0, :]
        return followed, np.take_along_axis(kept, back, axis=1)

    def _tags(self, path: Sequence[int]) -> list[Tag]:
        tags: list[Tag] = []
        for place, number in enumerate(path):
            label = self.labels[number]
            if label.startswith("B"):
                tags.append(Tag(place, place + 1, label[2:]))
            elif label.startswith("I") and tags:
                tags[-1] = Tag(tags[-1].first, place + 1, tags[-1].label)
        return tags

    def to_json(self) -> dict[str, Any]:
        """What of it is words; `arrays` has the rest."""
        return {"labels": list(self.labels), "features": list(self.numbers)}

    def arrays(self) -> dict[str, npt.NDArray[Any]]:
        """What of it is numbers, by name."""
        return {"tags": self.weights.astype(np.float16), "moves": self.moves, "begins": self.begins}

    @classmethod
    def from_json(cls, value: Mapping[str, Any], arrays: Mapping[str, Any]) -> Tagger:
        """The tagger that `to_json` and `arrays` wrote."""
        numbers = {name: number for number, name in enumerate(value["features"], 1)}
        weights = arrays["tags"].astype(np.float32)
        return cls(tuple(value["labels"]), numbers, weights, arrays["moves"], arrays["begins"])
