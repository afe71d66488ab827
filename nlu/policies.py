"""What comes next by the project's rules and stories alone, as Rasa's policies and their ensemble say."""

from __future__ import annotations

from nlu.base import LISTEN, State
from nlu.checkpoints import joined
from nlu.memory import Memory
from nlu.nearest import Nearest
from nlu.project import Project
from nlu.reading import ProjectErrors
from nlu.rule_checks import Checked, check_rules
from nlu.rules import Prediction, Rules
from nlu.snapshots import Snapshot, Untold
from nlu.unrolling import unroll

_MOST_HISTORY = 200


class Policies:
    """The rules and stories of a project, ready to be asked."""

    def __init__(self, project: Project) -> None:
        self.domain = project.domain
        self.limits = project.thresholds
        rules = [unroll(way, self.domain) for rule in project.rules for way in rule.alternatives()]
        stories = [unroll(story, self.domain) for story in joined(project.stories, self.domain)]
        self.rules = Rules(rules, stories, self.domain)
        limits = self.limits
        self.memory = Memory(stories, self.domain, limits.max_history, augmented=limits.augmented)
        checks = limits.check_for_contradictions
        self.checked = check_rules(self.rules, limits, rules, stories) if checks else Checked()
        self.memory.untold = self.checked.untold
        # Ours, not Rasa's: only where the project asks for it.
        self.nearest = Nearest(stories, self.domain, self.memory.untold) if limits.nearest else None
        self.depth = min(_MOST_HISTORY, max(self.rules.book.depth, self.memory.depth))

    def check(self) -> Policies:
        """Itself, or ProjectErrors with every place where rules contradict each other or the stories."""
        if self.checked.problems:
            raise ProjectErrors(self.checked.problems)
        return self

    def predict(self, state: State, rejected: str = "") -> Prediction:
        """The next action. `rejected`: the form that has just refused to run."""
        if state.followup and state.followup in self.domain.action_names:
            return Prediction(state.followup, "named", state.followup)
        if not state.moves:
            return Prediction(LISTEN, "named")
        loop = state.active_loop or ""
        before = state.moves[-1]["action"]
        history = [*(move["seen"] for move in state.moves), state.now]
        asks_words = bool(state.text) and before == LISTEN and not rejected
        by_words = self._by_words(history, state.text, loop) if asks_words else None
        intent = "" if by_words else state.user.get("intent", "")
        found = self.rules.first(before, intent, loop, rejected=state.loop_rejected)
        if found:
            return self._seen(found)
        found = by_words or self.rules.find(history, loop)
        if found and found.action and found.action != rejected:
            return self._seen(found)
        told = self.memory.find(state.base, state.moves) if self.memory else None
        interrupted = self.rules.interrupts(history, loop)
        if told and told[0] != rejected:
            return Prediction(told[0], "story", told[1], interrupted=interrupted)
        if not self.limits.falls_back:
            return Prediction(LISTEN, "nothing")
        return Prediction(self.limits.core_action, "nothing", interrupted=interrupted)

    @property
    def untold(self) -> Untold | None:
        """What stories do not see; None where there are none."""
        return self.checked.untold if self.memory else None

    def _by_words(self, history: list[Snapshot], text: str, loop: str) -> Prediction | None:
        """What a rule says that goes by the very words of the message."""
        found = self.rules.find([*history[:-1], {**history[-1], "user": {"text": text}}], loop)
        if found is None or not found.action:
            return None
        found.by_words = True
        return found

    def has_rule(self, intent: str) -> bool:
        """True: some rule or story begins with this intent."""
        return intent in self.rules.book.intents

    def _seen(self, found: Prediction) -> Prediction:
        found.hidden = bool(self.memory) and self.checked.hides(found.source)
        return found
