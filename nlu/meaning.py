"""What an understanding is good for: which intent to act on, which FAQ entry answers, what to offer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from crm_store.messages import Answer, Understanding
from nlu.pipeline import Thresholds
from nlu.policies import Policies
from nlu.project import Project

OUT_OF_SCOPE = "out_of_scope"  # the intent of texts about nothing that the bot knows
_NEVER_OFFERED = frozenset({OUT_OF_SCOPE, "nlu_fallback", "restart", "back", "session_start"})
MOST_CHOICES = 3


@dataclass(frozen=True, slots=True)
class Meaning:
    """An understanding weighed against the thresholds."""

    intent: str  # a retrieval intent by its base name; empty: not understood well enough
    confidence: float
    answer: Answer | None  # an FAQ entry that is near enough
    exact: bool = False  # the answer's phrasing is the text itself
    is_retrieval: bool = False


class Reader:
    """Weighs understandings. FAQ and rules do not steal from each other:

    an intent with a rule that is understood well keeps its text, unless the text is an entry's phrasing;
    an entry answers where the classifier says "FAQ" or nothing certain, with a lower threshold for "FAQ".
    Two that are too near each other, be it intents or entries, are a question to be asked back.
    """

    def __init__(self, project: Project, thresholds: Thresholds) -> None:
        self.thresholds = thresholds
        self.retrieval = project.retrieval_intents
        self.entries = project.entry_responses()
        self._last: tuple[Understanding, Meaning] | None = None

    def read(self, heard: Understanding) -> Meaning:
        """What to act on."""
        last = self._last
        if last is not None and last[0] is heard:
            return last[1]  # A turn asks several times.
        found = self._weighed(heard)
        self._last = heard, found
        return found

    def _weighed(self, heard: Understanding) -> Meaning:
        intent = heard.intent or ""
        base = intent.partition("/")[0]
        is_retrieval = base in self.retrieval
        if heard.engine in {"payload", "platform"}:
            named = Answer(intent, heard.confidence) if intent in self.entries else None
            return Meaning(base, heard.confidence, named, is_retrieval=is_retrieval)
        known = [answer for answer in heard.answers if answer.entry in self.entries]
        best = known[0] if known else None
        if best and best.exact:
            return Meaning(best.entry.partition("/")[0], 1.0, best, exact=True, is_retrieval=True)
        certain = bool(base) and self._is_certain(heard)
        limit = self.thresholds.faq_agreed if certain and is_retrieval else self.thresholds.faq
        clear = bool(best) and self._is_clear(known)
        answer = best if best and best.score >= limit and clear else None
        return Meaning(base if certain else "", heard.confidence, answer, is_retrieval=is_retrieval)

    def choices(self, heard: Understanding, policies: Policies) -> list[dict[str, Any]]:
        """At most three things that may have been meant, the likeliest first."""
        limit = self.thresholds.choice
        found = [
            (score, "intent", name)
            for name, score in heard.ranking
            if score >= limit and name not in _NEVER_OFFERED | self.retrieval and policies.has_rule(name)
        ]
        found += [
            (answer.score, "faq", answer.entry)
            for answer in heard.answers
            if answer.score >= limit and answer.entry in self.entries
        ]
        best = sorted(found, key=lambda item: -item[0])[:MOST_CHOICES]
        return [{"kind": kind, "name": name} for _, kind, name in best]

    def may_mean(self, heard: Understanding, meaning: Meaning) -> dict[str, float]:
        """Intents that may be meant, each by how likely it is beside the likeliest, from 0 to 1."""
        if meaning.intent:
            return {meaning.intent: 1.0} if meaning.intent not in _NEVER_OFFERED | self.retrieval else {}
        found = {name: score for name, score in heard.ranking if score >= self.thresholds.choice}
        top = max(found.values(), default=1.0)
        never = _NEVER_OFFERED | self.retrieval
        return {name: score / top for name, score in found.items() if name not in never}

    def _is_clear(self, known: Sequence[Answer]) -> bool:
        return len(known) < 2 or known[0].score - known[1].score >= self.thresholds.ambiguity

    def _is_certain(self, heard: Understanding) -> bool:
        if heard.confidence < self.thresholds.intent:
            return False
        others = [score for name, score in heard.ranking if name != heard.intent]
        return not others or heard.confidence - others[0] >= self.thresholds.ambiguity
