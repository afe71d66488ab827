"""Planted talk: labels with words of their own, words they share, and texts that are one of two or none."""

from __future__ import annotations

import random

from nlu.training_data import Example

_LETTERS = "abcdefghijklmnopqrstuvwxyz"
_CHARACTERS = [chr(code) for code in range(0x4E00, 0x6000)]


class Planted:
    """Texts of so many labels; every second label is an FAQ entry's."""

    def __init__(
        self, labels: int, seed: int = 0, *, unclear: float = 0.4, only_entries: bool = False
    ) -> None:
        self.random = random.Random(seed)
        self._unclear = unclear
        self._shared = [self._word() for _ in range(12)]
        self._own = [[self._word() for _ in range(5)] for _ in range(labels)]
        self.labels = [
            f"faq/question_{n}" if n % 2 or only_entries else f"intent_{n}" for n in range(labels)
        ]

    def examples(self, each: int) -> list[Example]:
        """So many of each label, mixed."""
        found = [Example(self._text(n), label) for n, label in enumerate(self.labels) for _ in range(each)]
        self.random.shuffle(found)
        return found

    def strange(self, count: int) -> list[Example]:
        """Texts about nothing that was taught."""
        return [Example(" ".join(self._word() for _ in range(5)), "") for _ in range(count)]

    def _text(self, number: int) -> str:
        """Two words of its own, or one and one of the next label's; and what all say."""
        unclear = self.random.random() < self._unclear
        said = self.random.choices(self._own[number], k=1 if unclear else 2)
        if unclear:
            said += self.random.choices(self._own[(number + 1) % len(self._own)], k=1)
        said += self.random.choices(self._shared, k=2)
        self.random.shuffle(said)
        return " ".join(said)

    def _word(self) -> str:
        if self.random.random() < 0.5:
            return "".join(self.random.choices(_LETTERS, k=7))
        return "".join(self.random.choices(_CHARACTERS, k=3))
