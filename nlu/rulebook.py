"""The rules of a project, and which of them holds in a dialogue."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from nlu.base import LISTEN
from nlu.snapshots import SNIPPET, UNSET, Snapshot, Unrolled, matches, since_snippet


@dataclass(frozen=True, slots=True)
class Line:
    """After these snapshots comes this action."""

    snapshots: tuple[Snapshot, ...]
    action: str
    rule: str  # the rule's name
    weight: int  # of several lines that hold the heaviest wins
    ends_loop: bool = False

    @property
    def in_loop(self) -> bool:
        """True: the line speaks of a dialogue with an active form."""
        loop = self.snapshots[-1].get("active_loop", {}).get("name")
        return bool(loop) and loop != UNSET

    def holds(self, history: Sequence[Snapshot]) -> bool:
        """True: the newest snapshots of `history` (the current one last) are those of the line."""
        if len(self.snapshots) > len(history):
            return False
        newest = history[len(history) - len(self.snapshots) :]
        return all(matches(*pair) for pair in zip(self.snapshots, newest, strict=True))


class Rulebook:
    """All lines of all rules, found by what the customer meant and what the bot did last."""

    def __init__(self, unrolled: Iterable[Unrolled]) -> None:
        lines: dict[str, Line] = {}
        for rule in unrolled:
            for snapshots, action, ends_loop in rule.prefixes():
                pattern = since_snippet(snapshots)
                if not pattern or action == SNIPPET:
                    continue
                key = json.dumps(pattern, sort_keys=True)
                ends = ends_loop and action != LISTEN
                lines[key] = Line(tuple(pattern), action, rule.story.name, len(key), ends)
        self.lines = list(lines.values())
        self.depth = max((len(line.snapshots) for line in self.lines), default=1)
        self.intents = {
            line.snapshots[-1]["user"].get("intent", "")
            for line in self.lines
            if line.snapshots[-1].get("user")
        }
        self._by_last: dict[tuple[str, str], list[Line]] = defaultdict(list)
        for line in sorted(self.lines, key=lambda line: -line.weight):
            self._by_last[_last(line.snapshots[-1])].append(line)

    def find(self, history: Sequence[Snapshot]) -> Line | None:
        """The line that holds; the longest where several do."""
        intent, action = _last(history[-1])
        found = [
            *self._first(history, (intent, action)),
            *(self._first(history, ("", action)) if intent else ()),
        ]
        return max(found, key=lambda line: line.weight, default=None)

    def _first(self, history: Sequence[Snapshot], last: tuple[str, str]) -> list[Line]:
        for line in self._by_last.get(last, ()):
            if line.holds(history):
                return [line]
        return []


class Interruptions:
    """What rules and stories say of a form that was interrupted: whether it goes on, and how."""

    def __init__(self, unrolled: Iterable[Unrolled]) -> None:
        self._stay: list[tuple[Snapshot, ...]] = []  # here the form must not go on by itself
        for story in unrolled:
            for snapshots, action, _ in story.prefixes():
                loop = snapshots[-1].get("active_loop", {}).get("name")
                if not loop or loop == UNSET or action in {loop, SNIPPET}:
                    continue
                if snapshots[-1].get("prev_action", {}).get("action_name") in {LISTEN, SNIPPET}:
                    continue
                self._stay.append(_last_two(snapshots))

    def forbid_loop(self, history: Sequence[Snapshot]) -> bool:
        """True: something says explicitly what comes here instead of the form."""
        newest = _last_two(history)
        return any(
            len(pattern) <= len(newest) and all(map(matches, reversed(pattern), reversed(newest)))
            for pattern in self._stay
        )


def _last(found: Snapshot) -> tuple[str, str]:
    user = found.get("user", {})
    return user.get("intent", ""), found.get("prev_action", {}).get("action_name", "")


def _last_two(snapshots: Sequence[Snapshot]) -> tuple[Snapshot, ...]:
    """The last snapshot, and of the one before only the action: the meaning before does not matter."""
    before = snapshots[-2].get("prev_action") if len(snapshots) > 1 else None
    if not before or before.get("action_name") == SNIPPET:
        return (snapshots[-1],)
    return ({"prev_action": before}, snapshots[-1])
