"""What the repeats of each candidate said, and their medians."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field

from bench.measuring import Figures


@dataclass
class Result:
    """One candidate: its repeats as fast as goes, and at half of that; what was wrong with its answers."""

    name: str
    stores: str
    flat_out: list[Figures] = field(default_factory=list)
    steady: list[Figures] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    left_out: str = ""  # why there are no figures


def median(repeats: Sequence[Figures], name: str) -> float:
    """The median of one figure."""
    return float(statistics.median(getattr(figures, name) for figures in repeats))


@dataclass(frozen=True)
class Soaked:
    """A long steady load: what memory did meanwhile."""

    name: str
    seconds: float
    messages: int
    memory: list[float]  # MB, at equal distances
    faults: list[str]

    @property
    def growth(self) -> float:
        """How much more memory the last quarter held than the second, as a share."""
        quarter = max(len(self.memory) // 4, 1)
        second, last = self.memory[quarter : 2 * quarter], self.memory[-quarter:]
        return statistics.mean(last) / statistics.mean(second or last) - 1
