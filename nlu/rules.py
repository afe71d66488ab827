"""What the rules of a project alone say comes next, as Rasa's rule policy says it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from nlu.base import LISTEN
from nlu.domain import Domain
from nlu.rulebook import Interruptions, Rulebook
from nlu.snapshots import Snapshot
from nlu.unrolling import Unrolled

DEFAULTS = {
    "restart": "action_restart",
    "back": "action_back",
    "session_start": "action_session_start",
}


@dataclass(slots=True)
class Prediction:
    """The next action. `by` is "nothing" where Rasa would fall back or fall silent."""

    action: str
    by: str  # "named", "default", "form", "rule", "story", "nothing"
    name: str = ""
    back_to_loop: bool = False  # the form goes on after something else was answered
    source: str = ""  # what exactly it came from: a line's key, a form's or a built-in intent's name
    interrupted: bool = False  # what was said is no answer to the form's question
    by_words: bool = False  # a rule that goes by the very words of the message
    hidden: bool = False  # stories do not see this turn: only rules speak of it


class Rules:
    """The rules of a project, and what its stories say of forms that are interrupted."""

    def __init__(self, rules: Sequence[Unrolled], stories: Sequence[Unrolled], domain: Domain) -> None:
        self.domain = domain
        self.book = Rulebook(rules, domain)
        self.interruptions = Interruptions([*rules, *stories], domain)

    def first(self, before: str, intent: str, loop: str, *, rejected: bool) -> Prediction | None:
        """What comes before any rule: built-in intents, and a form that goes on.

        `before`: the last action. `rejected`: the form has refused what was said.
        """
        if before == LISTEN and intent in DEFAULTS:
            return Prediction(DEFAULTS[intent], "default", intent, source=intent)
        if not loop or rejected:
            return None
        if before == loop:
            return Prediction(LISTEN, "form", loop, source=ends_of(loop))
        return Prediction(loop, "form", loop, source=loop)

    def find(self, history: Sequence[Snapshot], loop: str) -> Prediction | None:
        """What the lines of the rules say. An empty action: a line holds, but not in this form."""
        line = self.book.find(history)
        if line is None:
            return None
        # A rule that knows nothing of forms ends with "listen"; inside a form, the form goes on instead.
        if loop and line.action == LISTEN and not line.in_loop:
            if self.interruptions.forbid_loop(history):
                return Prediction("", "rule", line.rule, source=line.key)
            return Prediction(loop, "form", loop, True, line.key)
        return Prediction(line.action, "rule", line.rule, False, line.key, self.interrupts(history, loop))

    def interrupts(self, history: Sequence[Snapshot], loop: str) -> bool:
        """True: a form that runs now does not look at what was said."""
        return bool(loop) and self.interruptions.lead_back(history)


def ends_of(loop: str) -> str:
    """The source of the listening behind a form."""
    return f"{loop} {LISTEN}"


def always_known(forms: Iterable[str]) -> Collection[str]:
    """Sources that need no rule."""
    return {*DEFAULTS, *(source for form in forms for source in (form, ends_of(form)))}
