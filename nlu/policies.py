"""What comes next by the project's rules and stories alone, as Rasa's rule and memoization policies say."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from nlu.base import LISTEN, State
from nlu.domain import Domain
from nlu.memory import Memory, joined
from nlu.project import Project
from nlu.rulebook import Interruptions, Rulebook
from nlu.snapshots import Snapshot, Unrolled, snapshot, unroll

DEFAULTS = {
    "restart": "action_restart",
    "back": "action_back",
    "session_start": "action_session_start",
}
_MOST_HISTORY = 200


@dataclass(frozen=True, slots=True)
class Prediction:
    """The next action by rule or story."""

    action: str
    by: str  # "default", "form", "rule", "story"
    name: str = ""
    ends_loop: bool = False
    back_to_loop: bool = False  # the form goes on after something else was answered
    hidden: bool = False  # stories do not see this turn: only rules speak of it


class Policies:
    """The rules and stories of a project, ready to be asked."""

    def __init__(self, project: Project) -> None:
        self.domain: Domain = project.domain
        rules = [unroll(way, self.domain) for rule in project.rules for way in rule.alternatives()]
        stories = [unroll(story, self.domain) for story in joined(project.stories)]
        self.rulebook = Rulebook(rules)
        self.interruptions = Interruptions([*rules, *stories])
        limits = project.thresholds
        self.memory = Memory(stories, limits.max_history, augmented=limits.augmented)
        self.depth = min(_MOST_HISTORY, max(self.rulebook.depth, self.memory.depth))
        self._told = self._rules_in_stories(stories)
        self._slots = _named("slots", rules) - _named("slots", stories)
        self._loops = _loops(rules) - _loops(stories)

    def predict(self, state: State) -> Prediction | None:
        """The next action, or None where neither rule nor story says anything."""
        listened = not state.done
        intent = state.user.get("intent", "")
        if listened and intent in DEFAULTS:
            return Prediction(DEFAULTS[intent], "default", intent)
        loop = state.active_loop
        if loop and not state.loop_rejected:
            action = LISTEN if state.done and state.done[-1] == loop else loop
            return Prediction(action, "form", loop, hidden=loop in self._loops)
        history = [*state.history, snapshot(state, self.domain)]
        line = self.rulebook.find(history)
        # A rule that knows nothing of forms ends with "listen"; inside a form, the form goes on instead.
        leads_back = line and loop and line.action == LISTEN and not line.in_loop
        if line and not leads_back:
            hidden = line.rule not in self._told
            return Prediction(line.action, "rule", line.rule, line.ends_loop, hidden=hidden)
        if line and loop and leads_back and not self.interruptions.forbid_loop(history):
            return Prediction(loop, "form", loop, back_to_loop=True, hidden=line.rule not in self._told)
        found = self.memory.find(self.story_view(history)) if self.memory else None
        return Prediction(found[0], "story", found[1]) if found else None

    def has_rule(self, intent: str) -> bool:
        """True: some rule or story begins with this intent."""
        return intent in self.rulebook.intents

    def _rules_in_stories(self, stories: Sequence[Unrolled]) -> set[str]:
        told: set[str] = set()
        for story in stories:
            for snapshots, action, _ in story.prefixes():
                line = self.rulebook.find(snapshots)
                if line and line.action == action:
                    told.add(line.rule)
        return told

    def story_view(self, history: Sequence[Snapshot]) -> list[Snapshot]:
        """The dialogue as stories see it: without the turns, slots and forms that only rules know."""
        seen: list[Snapshot] = []
        action: dict[str, str] | None = None
        hidden = False
        for item in history:
            if not hidden:
                action = item.get("prev_action")
            if not _is_form_listen(item):
                hidden = bool(item.get("hidden"))
            if hidden:
                continue
            kept = self._without_rule_parts(item)
            if seen and item.get("prev_action", {}).get("action_name") != LISTEN and "user" in seen[-1]:
                kept["user"] = seen[-1]["user"]
            if action:
                kept["prev_action"] = action
            seen.append(kept)
        return seen

    def _without_rule_parts(self, item: Snapshot) -> Snapshot:
        kept = {part: value for part, value in item.items() if part not in {"hidden", "slots"}}
        slots = {name: value for name, value in item.get("slots", {}).items() if name not in self._slots}
        if slots:
            kept["slots"] = slots
        if kept.get("active_loop", {}).get("name") in self._loops:
            del kept["active_loop"]
        return kept


def _is_form_listen(item: Snapshot) -> bool:
    loop = item.get("active_loop", {}).get("name")
    return bool(loop) and item.get("prev_action", {}).get("action_name") == loop


def _named(part: str, unrolled: Sequence[Unrolled]) -> set[str]:
    return {name for story in unrolled for item in story.snapshots for name in item.get(part, {})}


def _loops(unrolled: Sequence[Unrolled]) -> set[str]:
    return {
        item["active_loop"]["name"]
        for story in unrolled
        for item in story.snapshots
        if item.get("active_loop")
    }
