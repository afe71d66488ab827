"""The rules of a project, and which of them holds in a dialogue."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from nlu.base import LISTEN
from nlu.domain import UNSET, Domain
from nlu.snapshots import SNIPPET, Snapshot, action_of, matches, since_snippet
from nlu.unrolling import Unrolled

Last = tuple[Any, str]


@dataclass(frozen=True, slots=True)
class Line:
    """After these snapshots comes this action."""

    key: str  # the snapshots as Rasa writes them: of several lines that hold the one with the longest wins
    snapshots: tuple[Snapshot, ...]
    action: str
    rule: str  # the rule's name

    @property
    def in_loop(self) -> bool:
        """True: the line speaks of a dialogue with an active form."""
        return bool(loop_of(self.snapshots[-1]))

    def holds(self, history: Sequence[Snapshot]) -> bool:
        """True: the newest snapshots of `history` (the current one last) are those of the line."""
        first = len(history) - len(self.snapshots)
        return first >= 0 and all(map(matches, reversed(self.snapshots), reversed(history)))


class Rulebook:
    """All lines of all rules, found by what the customer meant and what the bot did last."""

    def __init__(self, rules: Iterable[Unrolled], domain: Domain) -> None:
        lines: dict[str, Line] = {}
        contradictory: set[str] = set()
        for rule in rules:
            for states, action in rule.examples(domain):
                pattern = since_snippet(states)
                if not pattern:
                    continue
                key = json.dumps(pattern, sort_keys=True)
                known = lines.setdefault(key, Line(key, tuple(pattern), action, rule.story.name))
                if known.action != action:
                    contradictory.add(key)
        self.lines = {
            key: line for key, line in lines.items() if key not in contradictory and line.action != SNIPPET
        }
        self.depth = max((len(line.snapshots) for line in self.lines.values()), default=1)
        users = [line.snapshots[-1].get("user", {}) for line in self.lines.values()]
        self.intents = {user.get("intent", "") for user in users if user}
        self.has_texts = any("text" in user for user in users)
        self._by_last: dict[Last, list[Line]] = defaultdict(list)
        for line in sorted(self.lines.values(), key=lambda line: -len(line.key)):
            self._by_last[_last(line.snapshots[-1])].append(line)

    def find(self, history: Sequence[Snapshot]) -> Line | None:
        """The line that holds; the longest where several do."""
        said, action = _last(history[-1])
        best = self._first(history, (said, action))
        other = self._first(history, ("", action)) if said else None
        if best is None or other is None:
            return best or other
        return max(best, other, key=lambda line: len(line.key))

    def forget(self, line: Line) -> None:
        """Take a line out."""
        self.lines.pop(line.key, None)
        self._by_last[_last(line.snapshots[-1])].remove(line)

    def _first(self, history: Sequence[Snapshot], last: Last) -> Line | None:
        for line in self._by_last.get(last, ()):
            if line.holds(history):
                return line
        return None


class Interruptions:
    """What rules and stories say of a form that was interrupted: whether it goes on, and how."""

    def __init__(self, told: Iterable[Unrolled], domain: Domain) -> None:
        self._stay: list[Sequence[Snapshot]] = []  # here the form must not go on by itself
        self._back: list[
            Sequence[Snapshot]
        ] = []  # here the form comes back: what was said is no answer to it
        for story in told:
            for states, action in story.examples(domain):
                loop = loop_of(states[-1])
                pattern = since_snippet(_last_two(states)) if loop else []
                if not pattern:
                    continue
                listened = action_of(states[-1]) == LISTEN
                if listened and action == loop:
                    self._back.append(pattern)
                elif not listened and action != loop:
                    self._stay.append(pattern)

    def forbid_loop(self, history: Sequence[Snapshot]) -> bool:
        """True: something says explicitly what comes here instead of the form."""
        return _any_holds(self._stay, history)

    def lead_back(self, history: Sequence[Snapshot]) -> bool:
        """True: the form comes back without looking at what was said."""
        return _any_holds(self._back, history)


def loop_of(found: Snapshot) -> str:
    """The form that is active in a snapshot."""
    loop = str(found.get("active_loop", {}).get("name") or "")
    return "" if loop == UNSET else loop


def _last(found: Snapshot) -> Last:
    user = found.get("user", {})
    return user.get("intent") or user.get("text", ""), action_of(found)


def _last_two(states: Sequence[Snapshot]) -> list[Snapshot]:
    """The last snapshot, and of the one before only the action: the meaning before does not matter."""
    before = states[-2].get("prev_action") if len(states) > 1 else None
    return [{"prev_action": before}, states[-1]] if before else [states[-1]]


def _any_holds(patterns: Iterable[Sequence[Snapshot]], history: Sequence[Snapshot]) -> bool:
    return any(
        len(pattern) <= len(history) and all(map(matches, reversed(pattern), reversed(history)))
        for pattern in patterns
    )
