"""From which score on the bot answers, as training has chosen it (see limit_choosing.py)."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, replace
from typing import Any

from nlu.pipeline import Thresholds

FEWEST = 100  # held-out texts of a kind: with fewer, chance would choose


@dataclass(frozen=True, slots=True)
class Reached:
    """What a limit did to the texts that were held out."""

    texts: int
    answered: float  # share of them
    right: float  # share of those that were answered
    holds: bool  # what was wanted is reached


@dataclass(frozen=True, slots=True)
class Limits:
    """What training chose; None: too few texts could be held out, the defaults count."""

    wanted: float = 0.0  # share of answers that should be right; 0: nothing was chosen
    intent: float | None = None
    faq: float | None = None
    faq_agreed: float | None = None
    none: float | None = None
    reached: dict[str, Reached] = field(default_factory=dict)  # "intents", "entries"
    texts: dict[str, int] = field(default_factory=dict)  # held out of each kind

    def over(self, thresholds: Thresholds) -> Thresholds:
        """The thresholds that count: a project's own, else those that were chosen, else the defaults."""
        if thresholds.own:
            return thresholds
        chosen = {name: getattr(self, name) for name in ("intent", "faq", "faq_agreed", "none")}
        chosen["retrieval"] = self.faq_agreed
        return replace(thresholds, **{name: value for name, value in chosen.items() if value is not None})

    def numbers(self) -> dict[str, float]:
        """The thresholds that count in a project that sets none."""
        found = self.over(Thresholds())
        return {name: getattr(found, name) for name in ("intent", "ambiguity", "faq", "faq_agreed", "none")}

    def to_json(self) -> dict[str, Any]:
        """A JSON object: what `from_json` takes."""
        return asdict(self)

    @classmethod
    def from_json(cls, told: dict[str, Any]) -> Limits:
        """The limits that `to_json` wrote."""
        return cls(**{**told, "reached": {name: Reached(**one) for name, one in told["reached"].items()}})
