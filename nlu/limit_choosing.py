"""Limits are chosen: the lowest under which answers to held-out examples are as often right as is wanted.

Some of those are of labels that the model they were put to did not know.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from nlu.classify import Certainty, log_share
from nlu.limits import FEWEST, Limits, Reached
from nlu.pipeline import Thresholds

if TYPE_CHECKING:
    import numpy.typing as npt

    from nlu.calibrate import Held
    from nlu.features import Floats

    Truths = npt.NDArray[np.bool_]

WORTH_ASKING = 0.5  # what is offered should hold the right thing at least so often
_MARGIN = 1.64  # standard errors above what is wanted: what was chosen on one sample must hold on the next
_HIGHEST = 0.95


@dataclass(frozen=True, slots=True)
class Asked:
    """Held-out texts of one kind: the score of what they were taken for, and whether that is right."""

    scores: Floats
    right: Truths
    clear: Truths  # far enough before the second; what is not is never answered
    among: Truths  # the right one is the first or the second


def choose(
    held: Sequence[Held], are_entries: Truths, sure: Certainty, sharp: float, wanted: float
) -> Limits:
    """Limits by answers to held-out texts; `are_entries` tells which labels are FAQ entries."""
    found = [asked for some in held for asked in _told(some, are_entries, sure, sharp)]
    plain = _together(asked for kind, asked in found if kind == "intents")
    entries = _together(asked for kind, asked in found if kind == "entries")
    usual = Thresholds()
    reached: dict[str, Reached] = {}
    intent = _limit("intents", plain, usual.intent, wanted, reached)
    faq = _limit("entries", entries, usual.faq_agreed, wanted, reached)
    unclear = _left(_together([plain, entries]), max(intent or usual.intent, faq or usual.faq_agreed))
    none = _lowest(unclear.scores, unclear.among, WORTH_ASKING) if len(unclear.scores) >= FEWEST else None
    texts = {"intents": len(plain.scores), "entries": len(entries.scores)}
    return Limits(wanted, intent, faq, faq, None if none is None else round(none, 4), reached, texts)


def with_retrieval(limits: Limits, asked: Asked) -> Limits:
    """Where entries are told apart by likeness: their limit by held-out phrasings."""
    usual, reached = Thresholds(), dict(limits.reached)
    agreed = _limit("entries", asked, usual.faq_agreed, limits.wanted, reached)
    alone = None if agreed is None else max(agreed, usual.faq)
    texts = {**limits.texts, "entries": len(asked.scores)}
    return replace(limits, faq=alone, faq_agreed=agreed, reached=reached, texts=texts)


def _limit(
    kind: str, asked: Asked, least: float, wanted: float, reached: dict[str, Reached]
) -> float | None:
    """The lowest limit that keeps to what is wanted, not below `least`; None: too few texts."""
    if len(asked.scores) < FEWEST:
        return None
    clear = asked.clear
    found = _lowest(asked.scores[clear], asked.right[clear], wanted)
    limit = _HIGHEST if found is None else round(min(_HIGHEST, max(least, found)) + 5e-5, 4)
    passed = clear & (asked.scores >= limit)
    right = float(asked.right[passed].mean()) if passed.any() else 0.0
    reached[kind] = Reached(
        len(asked.scores), round(float(passed.mean()), 4), round(right, 4), found is not None
    )
    return limit


def _lowest(scores: Floats, right: Truths, wanted: float) -> float | None:
    """The lowest score from which on the share of right ones surely is as wanted; None: there is none."""
    order = np.argsort(-scores, kind="stable")
    counted = np.arange(1, len(scores) + 1)
    share = right[order].cumsum() / np.maximum(1, counted)
    holds = np.flatnonzero(_surely(share, counted) >= wanted)
    # Of equal scores all are answered or none.
    ends = np.append(scores[order][1:] < scores[order][:-1], True) if len(scores) else holds
    holds = holds[ends[holds]] if len(holds) else holds
    return float(scores[order][holds[-1]]) if len(holds) else None


def _surely(share: npt.NDArray[np.float64], counted: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    """Wilson's lower bound of a share that was counted so often."""
    z2 = _MARGIN**2
    spread = _MARGIN * np.sqrt(share * (1 - share) / counted + z2 / (4 * counted**2))
    bound: npt.NDArray[np.float64] = (share + z2 / (2 * counted) - spread) / (1 + z2 / counted)
    return bound


def _told(held: Held, are_entries: Truths, sure: Certainty, sharp: float) -> Iterable[tuple[str, Asked]]:
    """What held-out texts are taken for, as a `Reader` takes them: an intent, or an entry."""
    scores = held.scores * np.float32(sharp)
    top = scores.max(axis=1, keepdims=True)
    lead = np.exp(scores - top)
    chances = lead * sure.of(top, log_share(lead))
    entries = are_entries[held.labels]
    best = chances.argmax(axis=1)
    is_entry = entries[best]
    lines = np.arange(len(chances))
    first = chances[lines, best]
    chances[lines, best] = -1
    second = chances.argmax(axis=1)
    # An entry competes with entries alone: that it is one at all, its score says.
    rival = np.where(is_entry, np.where(entries, chances, -1).max(axis=1), chances[lines, second])
    asked = Asked(
        first,
        held.truth == best,
        first - rival >= Thresholds().ambiguity,
        (held.truth == best) | (held.truth == second),
    )
    yield "intents", _only(asked, ~is_entry)
    yield "entries", _only(asked, is_entry)


def _only(asked: Asked, which: Truths) -> Asked:
    return Asked(asked.scores[which], asked.right[which], asked.clear[which], asked.among[which])


def _left(asked: Asked, limit: float) -> Asked:
    """The texts that are not answered."""
    return _only(asked, ~asked.clear | (asked.scores < limit))


def _together(some: Iterable[Asked]) -> Asked:
    parts = [*some]
    none = np.zeros(0, bool)
    empty = Asked(np.zeros(0, np.float32), none, none, none)
    parts.append(empty)
    return Asked(
        np.concatenate([each.scores for each in parts]),
        np.concatenate([each.right for each in parts]),
        np.concatenate([each.clear for each in parts]),
        np.concatenate([each.among for each in parts]),
    )
