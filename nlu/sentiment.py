"""How pleased a text sounds, as a company's own labelled messages have taught: two linear models' mean.

Both weigh the same n-grams, one by how much oftener they stand in pleased texts, one by how rare they are.
Used with numpy alone; `nlu/sentiment_training.py` learns the weights.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import sqrt, tanh
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]

_BUT = ("但", "不过", "可是", "就是", "只是", "然而", "but", "하지만", "그런데")


def grams(normal: str) -> set[str]:
    """What is looked at: 1 to 3 characters, two with one between, what comes after a "but", the length."""
    text = f"\x02{normal}\x03"
    found = {text[i : i + n] for n in (1, 2, 3) for i in range(len(text) - n + 1)}
    found.update(f"{one}\x01{other}" for one, other in zip(text, text[2:], strict=False))
    but = max(normal.rfind(word) for word in _BUT)
    if but >= 0:
        found.update(f">{normal[i : i + 2]}" for i in range(but, len(normal) - 1))
    found.add(f"#{min(len(normal) // 10, 8)}")
    return found


@dataclass(frozen=True, slots=True)
class Sentiment:
    """Learned weights: of each n-gram by its frequency, by its rarity, and the square of its rarity."""

    numbers: dict[str, int]
    weights: Floats  # n-grams by 3
    biases: tuple[float, float]
    scales: tuple[float, float]  # by which the two models' scores are made one

    def score(self, normal: str) -> float:
        """From -1 (displeased) to 1 (pleased) for a normalised text."""
        find = self.numbers.get
        rows = [row for gram in grams(normal) if (row := find(gram)) is not None]
        if not rows:
            return 0.0
        often, rare, squares = self.weights[rows].sum(axis=0, dtype=np.float64)
        first = often / sqrt(len(rows)) + self.biases[0]
        second = rare / sqrt(max(squares, 1e-9)) + self.biases[1]
        return tanh((first * self.scales[0] + second * self.scales[1]) / 2)

    def to_json(self) -> dict[str, Any]:
        """What of it is words; `arrays` has the rest."""
        return {"grams": list(self.numbers), "biases": self.biases, "scales": self.scales}

    def arrays(self) -> dict[str, npt.NDArray[Any]]:
        """What of it is numbers, by name."""
        return {"felt": self.weights.astype(np.float16)}

    @classmethod
    def from_json(cls, value: Mapping[str, Any], arrays: Mapping[str, Any]) -> Sentiment:
        """What `to_json` and `arrays` wrote."""
        numbers = {gram: number for number, gram in enumerate(value["grams"])}
        biases, scales = tuple(value["biases"]), tuple(value["scales"])
        return cls(numbers, arrays["felt"].astype(np.float32), biases, scales)
