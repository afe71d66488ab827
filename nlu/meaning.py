"""What an understanding is good for: which intent to act on, which FAQ entry answers, what to offer."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from crm_store.messages import Answer, Understanding
from nlu.base import EMBEDDED
from nlu.limits import Limits
from nlu.pipeline import Thresholds
from nlu.policies import Policies

OUT_OF_SCOPE = "out_of_scope"  # the intent of texts about nothing that the bot knows
_NEVER_OFFERED = frozenset({OUT_OF_SCOPE, "nlu_fallback", "restart", "back", "session_start"})
MOST_CHOICES = 3
_NEARLY = 0.5  # of the second's score


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

    def __init__(
        self,
        retrieval: Collection[str],
        entries: Collection[str],
        thresholds: Thresholds,
        chosen: Limits | None = None,
    ) -> None:
        """`retrieval`: intents that FAQ entries belong to. `entries`: those that have an answer."""
        self.thresholds = thresholds
        self.chosen = chosen or Limits()
        # Chosen by the scores of our own engine: to another's they say nothing.
        self._embedded = self.chosen.over(thresholds)
        self.retrieval = frozenset(retrieval)
        self.entries = frozenset(entries)
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
        limits = self._limits(heard)
        certain = bool(base) and _is_certain(heard, limits, is_retrieval=is_retrieval)
        limit = limits.faq_agreed if certain and is_retrieval else limits.faq
        clear = bool(best) and _is_clear(known, limits)
        answer = best if best and best.score >= limit and clear else None
        return Meaning(base if certain else "", heard.confidence, answer, is_retrieval=is_retrieval)

    def choices(self, heard: Understanding, policies: Policies) -> list[dict[str, Any]]:
        """What may have been meant, the likeliest first: none of all, one, or one of two.

        A third is only offered where it is nearly as likely as the second.
        """
        limits = self._limits(heard)
        limit = limits.choice
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
        if not best or best[0][0] < limits.none:
            return []
        near = [item for item in best[2:] if item[0] >= _NEARLY * best[1][0]]
        return [{"kind": kind, "name": name} for _, kind, name in [*best[:2], *near]]

    def may_mean(self, heard: Understanding, meaning: Meaning) -> dict[str, float]:
        """Intents that may be meant, each by how likely it is beside the likeliest, from 0 to 1."""
        if meaning.intent:
            return {meaning.intent: 1.0} if meaning.intent not in _NEVER_OFFERED | self.retrieval else {}
        found = {name: score for name, score in heard.ranking if score >= self._limits(heard).choice}
        top = max(found.values(), default=1.0)
        never = _NEVER_OFFERED | self.retrieval
        return {name: score / top for name, score in found.items() if name not in never}

    def _limits(self, heard: Understanding) -> Thresholds:
        return self._embedded if heard.engine == EMBEDDED else self.thresholds


def _is_clear(known: Sequence[Answer], limits: Thresholds) -> bool:
    return len(known) < 2 or known[0].score - known[1].score >= limits.ambiguity


def _is_certain(heard: Understanding, limits: Thresholds, *, is_retrieval: bool) -> bool:
    own = limits.retrieval if is_retrieval else None
    if heard.confidence < (limits.intent if own is None else own):
        return False
    others = [score for name, score in heard.ranking if name != heard.intent]
    return not others or heard.confidence - others[0] >= limits.ambiguity
