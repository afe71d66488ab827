"""The gate: may a newly trained model take the old one's place? Asked of questions whose answer is known.

Runs where training runs. A question that both models were taught with the same answer is put to both, and
once more to models that were not taught this very question (three folds of each training).
"""

from __future__ import annotations

import json
import zlib
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from crm_store.wording import key
from nlu.embedded import Embedded
from nlu.model import Model
from nlu.training_data import Example

FOLDS = 3
MOST_LOST = 0.01  # of the held-out questions that were answered rightly before
LEAST_LOST = 3  # fewer lost questions are chance
MOST_LOST_OF_ONE = 0.08  # of one intent's or entry's held-out questions, beyond ONE_BY_CHANCE
ONE_BY_CHANCE = 1.5
SHOWN = 200
# Why a model is refused.
CONFLICT = "conflict"  # a new question is, word for word, already another's
TAUGHT = "taught"  # questions that were taught are answered otherwise
HELD_OUT = "held_out"  # questions like those that were taught are answered worse
ONE = "one"  # one intent or entry has lost much of what led to it
Answers = Mapping[str, str]  # question: intent or entry that answers it
Pair = tuple[str, str]  # the same, where a question may have been taught with two answers
Learn = Callable[[Sequence[Example]], Model]


@dataclass(frozen=True, slots=True)
class Flip:
    """A question that is answered otherwise than it should be, and than it was."""

    text: str
    expected: str
    now: str
    # CONFLICT: it is new in `expected` and stands in `now` already. TAUGHT: both models had been taught it.
    # HELD_OUT: the models that were asked had not.
    kind: str


@dataclass(slots=True)
class Verdict:
    """What the gate found. It is passed where there is no reason against."""

    reasons: list[str] = field(default_factory=list)  # CONFLICT, TAUGHT, HELD_OUT, ONE
    flips: list[Flip] = field(default_factory=list)
    questions: int = 0  # that were put to both
    right_before: float = 0.0  # share of the held-out questions
    right_now: float = 0.0

    def to_json(self) -> dict[str, Any]:
        """A JSON object with at most 200 flips, and how many there are."""
        value = asdict(self)
        return value | {"flips": value["flips"][:SHOWN], "flipped": len(self.flips)}


@dataclass(frozen=True, slots=True)
class Candidate:
    """A model with what it was taught and how it answers without having been taught."""

    taught: Sequence[Pair]
    answers: Answers
    held_out: Answers


def ask(model: Model, texts: Sequence[str]) -> dict[str, str]:
    """What each text is taken for: an entry where one answers it, else an intent."""
    heard = Embedded(model).understand(texts)
    found = {}
    for text, one in zip(texts, heard, strict=True):
        best = one.answers[0] if one.answers else None
        is_entry = best and (best.exact or best.entry.partition("/")[0] == one.intent)
        found[text] = best.entry if best and is_entry else one.intent or ""
    return found


def held_out(examples: Sequence[Example], learn: Learn, tell: Callable[[int], None]) -> dict[str, str]:
    """Answers to every example by a model that was taught two other thirds of them.

    A text's third depends on the text alone, so that other texts make as little difference as can be.
    """
    found: dict[str, str] = {}
    for fold in range(FOLDS):
        asked = [e for e in examples if _fold(e.text) == fold]
        found |= ask(learn([e for e in examples if _fold(e.text) != fold]), [e.text for e in asked])
        tell(fold)
    return found


def judge(before: Candidate, now: Candidate) -> Verdict:
    """Compare: only questions that both were taught with the same answer count, and conflicts."""
    known = set(before.taught)
    common = [pair for pair in dict.fromkeys(now.taught) if pair in known]
    conflicts = _conflicts(known, now.taught)
    doubled = {flip.text for flip in conflicts}
    settled = [pair for pair in common if pair[0] not in doubled]
    taught = _flips(settled, before.answers, now.answers, TAUGHT)
    loosely = _flips(settled, before.held_out, now.held_out, HELD_OUT)
    right_before = sum(before.held_out.get(text) == label for text, label in common)
    right_now = sum(now.held_out.get(text) == label for text, label in common)
    verdict = Verdict(questions=len(common), flips=[*conflicts, *taught, *loosely])
    if common:
        verdict.right_before = round(right_before / len(common), 4)
        verdict.right_now = round(right_now / len(common), 4)
    lost = right_before - right_now
    if conflicts:
        verdict.reasons.append(CONFLICT)
    if any("/" in flip.expected for flip in taught) or len(taught) > max(1, MOST_LOST * len(common) / 2):
        verdict.reasons.append(TAUGHT)
    if lost >= LEAST_LOST and lost > MOST_LOST * len(common):
        verdict.reasons.append(HELD_OUT)
    if _is_robbed(common, before.held_out, now.held_out):
        verdict.reasons.append(ONE)
    return verdict


def load_held_out(path: Path) -> dict[str, str] | None:
    """Held-out answers that were kept beside a model; None if there are none."""
    try:
        found = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) else None


def _fold(text: str) -> int:
    return zlib.crc32(text.encode("utf-8", "surrogatepass")) % FOLDS


def _flips(pairs: Sequence[Pair], before: Answers, now: Answers, kind: str) -> list[Flip]:
    return [
        Flip(text, label, now.get(text, ""), kind)
        for text, label in pairs
        if before.get(text) == label != now.get(text)
    ]


def _conflicts(before: Collection[Pair], now: Sequence[Pair]) -> list[Flip]:
    """New questions that are, word for word, something else already. Old conflicts stay as they are."""
    owners: dict[str, set[str]] = {}
    for text, label in now:
        owners.setdefault(key(text), set()).add(label)
    return [
        Flip(text, label, " ".join(sorted(owners[key(text)] - {label})), CONFLICT)
        for text, label in dict.fromkeys(now)
        if (text, label) not in before and len(owners[key(text)]) > 1
    ]


def _is_robbed(common: Sequence[Pair], before: Answers, now: Answers) -> bool:
    """Whether one intent or entry loses many of the held-out questions that led to it."""
    asked = Counter(label for _, label in common)
    lost: Counter[str] = Counter()
    for text, label in common:
        lost[label] += (before.get(text) == label) - (now.get(text) == label)
    return any(n > ONE_BY_CHANCE + MOST_LOST_OF_ONE * asked[label] for label, n in lost.items())
